"""availability(sku, warehouse): the product's stock per warehouse, as of now."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Clock, Connect, Shop, call, columns, day, refused, unchanged


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in London, of which 2 are blocked and 3 promised; 4 in Berlin."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 8}, {"sku": "APPLE", "qty": 2, "status": "hold"}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3}])
    return shop


def test_one_row_per_warehouse_that_ever_held_it(stocked: Shop) -> None:
    answer = stocked.availability("APPLE")
    assert columns(answer, "sku", "warehouse", "on_hand", "blocked", "reserved", "available") == [
        ("APPLE", "BER", 4, 0, 0, 4),
        ("APPLE", "LON", 10, 2, 3, 5),
    ]


def test_one_warehouse_on_request(stocked: Shop) -> None:
    assert columns(stocked.availability("APPLE", warehouse="LON"), "warehouse", "available") == [("LON", 5)]


def test_a_product_that_was_never_stocked_has_no_row(stocked: Shop) -> None:
    assert stocked.availability("RICE") == []
    assert stocked.availability("APPLE", warehouse="SHUT") == []


def test_it_is_the_same_as_the_view(stocked: Shop) -> None:
    assert stocked.availability("APPLE") == stocked.view("stock", sku="APPLE")


def test_safety_stock_is_not_available(stocked: Shop) -> None:
    stocked.put_products(lines=[{"sku": "APPLE", "safety_stock": 2}])
    answer = stocked.availability("APPLE")
    assert columns(answer, "warehouse", "safety_stock", "available") == [("BER", 2, 2), ("LON", 2, 3)]


def test_a_lot_is_available_until_the_end_of_its_last_day(shop: Shop, clock: Clock) -> None:
    shop.receive(
        "LON", [{"sku": "MILK", "qty": 4, "lot": "L1", "expires_on": day(40)}, {"sku": "MILK", "qty": 1, "lot": "L2"}]
    )
    clock.set(f"{day(40)} 23:59:00 UTC")
    assert columns(shop.availability("MILK"), "on_hand", "blocked", "available") == [(5, 0, 5)]
    clock.set(f"{day(41)} 00:00:00 UTC")
    assert columns(shop.availability("MILK"), "on_hand", "blocked", "available") == [(5, 4, 1)]


def test_of_expired_lots_only_units_that_could_be_promised_there_are_blocked(shop: Shop, clock: Clock) -> None:
    """Those of another warehouse, of another product, and in quarantine, which are blocked already, are not added."""
    shop.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    lot = {"lot": "L1", "expires_on": day(2)}
    shop.receive("LON", [{"sku": "MILK", "qty": 5, **lot}, {"sku": "MILK", "qty": 1, "location": "Q-1", **lot}, {"sku": "CREAM", "qty": 2, **lot}])
    shop.receive("BER", [{"sku": "MILK", "qty": 4, **lot}])
    clock.set(f"{day(3)} 00:00:00 UTC")
    assert columns(shop.availability("MILK"), "warehouse", "on_hand", "blocked", "available") == [("BER", 4, 4, 0), ("LON", 6, 6, 0)]


def test_it_finds_the_product_by_its_decomposed_name(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "CAF\u00c9", "name": "Coffee"}])
    shop.receive("LON", [{"sku": "CAF\u00c9", "qty": 2}])
    assert columns(shop.availability(" CAFE\u0301"), "sku", "available") == [("CAF\u00c9", 2)]


def test_it_shows_inactive_products_and_warehouses_too(stocked: Shop) -> None:
    stocked.put_products(lines=[{"sku": "APPLE", "active": False}])
    stocked.put_warehouses(lines=[{"code": "BER", "active": False}])
    assert columns(stocked.availability("APPLE"), "warehouse", "on_hand") == [("BER", 4), ("LON", 10)]


def test_where_nothing_is_sold_any_more_nothing_can_be_promised(stocked: Shop) -> None:
    """What is there is told as before."""
    stocked.put_warehouses(lines=[{"code": "BER", "active": False}])
    names = ("warehouse", "on_hand", "blocked", "reserved", "available")
    assert columns(stocked.availability("APPLE"), *names) == [("BER", 4, 0, 0, 0), ("LON", 10, 2, 3, 5)]
    assert columns(stocked.view("stock", sku="APPLE"), *names) == [("BER", 4, 0, 0, 4), ("LON", 10, 2, 3, 5)]
    [row] = stocked.reserve("O2", [{"sku": "APPLE", "qty": 6}])
    assert row["offers"] == [{"warehouse": "LON", "available": 5}]


def test_of_a_product_that_is_sold_no_more_nothing_can_be_promised(stocked: Shop, db: psycopg.Connection) -> None:
    stocked.put_products(lines=[{"sku": "APPLE", "active": False}])
    assert columns(stocked.availability("APPLE"), "warehouse", "on_hand", "available") == [("BER", 4, 0), ("LON", 10, 0)]
    with refused(db, "OS102", sku="APPLE"):
        stocked.reserve("O2", [{"sku": "APPLE", "qty": 1}])
    stocked.put_products(lines=[{"sku": "APPLE", "active": True}])
    assert columns(stocked.availability("APPLE"), "warehouse", "available") == [("BER", 4), ("LON", 5)]


@pytest.mark.parametrize("closed", ["product", "warehouse"])
def test_a_loss_of_promised_units_is_told_there_too(stocked: Shop, closed: str) -> None:
    stocked.adjust("LON", [{"sku": "APPLE", "qty": -7}], reason="lost")
    if closed == "product":
        stocked.put_products(lines=[{"sku": "APPLE", "active": False}])
    else:
        stocked.put_warehouses(lines=[{"code": "LON", "active": False}])
    assert columns(stocked.availability("APPLE", warehouse="LON"), "available") == [(-2,)]


@pytest.mark.parametrize("closed", ["product", "warehouse"])
def test_nor_can_anything_be_promised_to_a_channel(stocked: Shop, closed: str) -> None:
    stocked.put_channels(lines=[{"code": "WEB"}])
    stocked.put_quotas("BER", [{"channel": "WEB", "sku": "APPLE", "qty": 3}])
    assert columns(stocked.availability("APPLE", channel="WEB"), "warehouse", "available") == [("BER", 4), ("LON", 5)]
    if closed == "product":
        stocked.put_products(lines=[{"sku": "APPLE", "active": False}])
    else:
        stocked.put_warehouses(lines=[{"code": "BER", "active": False}])
    expected = [("BER", 3, 0), ("LON", 0, 0 if closed == "product" else 5)]
    assert columns(stocked.availability("APPLE", channel="WEB"), "warehouse", "fenced", "available") == expected


def test_it_writes_nothing_and_works_in_a_read_only_transaction(stocked: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), stocked.connection.transaction():
        stocked.connection.execute("set transaction read only")
        assert columns(stocked.availability("APPLE", warehouse="LON"), "available") == [(5,)]


def test_an_analyst_may_ask_too(stocked: Shop, connect: Connect) -> None:
    answer = call(connect("analyst"), "availability", sku="APPLE", warehouse="BER", tenant=stocked.tenant)
    assert columns(answer, "available") == [(4,)]


@pytest.mark.parametrize(
    ("arguments", "code", "detail"),
    [
        ({"sku": "PEAR"}, "OS101", {"sku": "PEAR"}),
        ({"sku": None}, "22023", {"argument": "sku", "problem": "missing"}),
        ({"sku": ""}, "22023", {"argument": "sku"}),
        ({"sku": "S" * 65}, "22023", {"argument": "sku"}),
        ({"sku": "A\nB"}, "22023", {"argument": "sku"}),
        ({"sku": "APPLE", "warehouse": "NOWHERE"}, "OS103", {"warehouse": "NOWHERE"}),
        ({"sku": "APPLE", "warehouse": ""}, "22023", {"argument": "warehouse"}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_argument_is_named(
    stocked: Shop, db: psycopg.Connection, arguments: dict[str, str], code: str, detail: dict[str, str]
) -> None:
    with refused(db, code, **detail):
        stocked.availability(**arguments)

"""Who comes up short books holds that ended, the oldest first and as many as it needs, and is promised their units."""

from __future__ import annotations

import psycopg
import pytest

from tests.holds import booked, parts, shown
from tests.support import Clock, Connect, Shop, call, columns, day, fails, unchanged


@pytest.fixture
def carts(shop: Shop, clock: Clock) -> Shop:
    """10 APPLE in London: OLD, MIDDLE and YOUNG hold 3 each, and their holds ended one after the other; 1 is free."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    for order_ref, ttl in [("MIDDLE", "2 hours"), ("YOUNG", "3 hours"), ("OLD", "1 hour")]:
        shop.reserve(order_ref, [{"sku": "APPLE", "qty": 3}], ttl=ttl)
    clock.advance(hours=4)
    return shop


def ended(*order_refs: str, units: int = 3) -> list[tuple[object, ...]]:
    return [(0, "EXPIRE", order_ref, "APPLE", "LON", -units, 0, "expired") for order_ref in order_refs]


def test_who_finds_enough_books_nothing(carts: Shop) -> None:
    before = shown(carts)
    assert carts.level("APPLE") == (10, 0, 0, 10)
    [row] = carts.reserve("NEW", [{"sku": "APPLE", "qty": 1}], op_id="new")
    assert (row["outcome"], row["qty_reserved"]) == ("reserved", 1)
    assert booked(carts) == []
    assert carts.level("APPLE") == (10, 0, 1, 9)
    assert [line for line in shown(carts)[2] if line[0] != "NEW"] == before[2]
    assert carts.differences() == []


@pytest.mark.parametrize(
    ("qty", "orders"),
    [
        (2, ["OLD"]),
        (4, ["OLD"]),
        (5, ["OLD", "MIDDLE"]),
        (7, ["OLD", "MIDDLE"]),
        (8, ["OLD", "MIDDLE", "YOUNG"]),
        (10, ["OLD", "MIDDLE", "YOUNG"]),
    ],
)
def test_as_many_are_booked_as_are_needed_the_oldest_first(carts: Shop, qty: int, orders: list[str]) -> None:
    [row] = carts.reserve("NEW", [{"sku": "APPLE", "qty": qty}], op_id="new")
    assert (row["outcome"], row["qty_reserved"]) == ("reserved", qty)
    assert sorted(booked(carts)) == sorted(ended(*orders))
    assert {op for (op,) in carts.entries("op_id", event_type="EXPIRE")} == {"new"}
    assert carts.level("APPLE") == (10, 0, qty, 10 - qty)
    for order_ref in ("OLD", "MIDDLE", "YOUNG"):
        assert parts(carts, order_ref) == [(1, "LON", 0, 0, 0, 0, 3)]
    assert carts.differences() == []


def test_the_balances_of_the_answer_are_the_levels_own(carts: Shop) -> None:
    """As they are in the ledger: what ended and nobody needed is reserved there still, and is in no view."""
    [row] = carts.reserve("NEW", [{"sku": "APPLE", "qty": 2}], op_id="new")
    assert (row["on_hand"], row["blocked"], row["reserved"], row["available"]) == (10, 0, 8, 2)
    assert carts.entries("event_type", "reserved_delta", "reserved_after", op_id="new") == [
        ("EXPIRE", -3, 6),
        ("RESERVE", 2, 8),
    ]
    assert carts.level("APPLE") == (10, 0, 2, 8)


@pytest.fixture
def two_warehouses_of_rice(shop: Shop, clock: Clock) -> Shop:
    """London has 10 RICE, 3 of them held by who is gone and 2 by who is not, and 5 MILK, 1 held by who is gone; Berlin 11 RICE, 4 so."""
    shop.receive("LON", [{"sku": "RICE", "qty": 10}, {"sku": "MILK", "qty": 5, "lot": "L1"}])
    shop.receive("BER", [{"sku": "RICE", "qty": 11}])
    for sku, qty, warehouse, ttl in [("RICE", 3, "LON", "1 hour"), ("RICE", 2, "LON", "1 day"), ("MILK", 1, "LON", "1 hour"), ("RICE", 4, "BER", "1 hour")]:
        shop.reserve(f"{sku} {qty}", [{"sku": sku, "qty": qty}], warehouse=warehouse, ttl=ttl)
    clock.advance(hours=2)
    return shop


def test_who_is_short_all_the_same_is_told_what_there_is(carts: Shop) -> None:
    [row] = carts.reserve("NEW", [{"sku": "APPLE", "qty": 12}])
    assert (row["outcome"], row["qty_short"], row["on_hand"], row["reserved"], row["available"]) == (
        "rejected",
        2,
        10,
        0,
        10,
    )
    assert sorted(booked(carts)) == sorted(ended("OLD", "MIDDLE", "YOUNG"))
    assert carts.view("reservations", order_ref="NEW") == []
    assert carts.differences() == []


def test_an_error_books_nothing_and_counts_them_as_available(carts: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), fails("OS201", order_ref="NEW") as refusal:
        carts.reserve("NEW", [{"sku": "APPLE", "qty": 12}], on_shortage="error")
    [short] = refusal.detail["lines"]
    assert (short["line"], short["qty_ordered"], short["available"], short["qty_short"]) == (1, 12, 10, 2)
    assert sum(offer["available"] for offer in short["offers"]) == 10
    [row] = carts.reserve("NEW", [{"sku": "APPLE", "qty": 10}], on_shortage="error")
    assert row["outcome"] == "reserved"


def test_a_rejected_order_is_told_what_ended_holds_leave_of_its_other_lines(two_warehouses_of_rice: Shop) -> None:
    """Of each product and warehouse by itself; nobody needed them booked."""
    shop = two_warehouses_of_rice
    lines = [{"sku": "RICE", "qty": 1}, {"sku": "MILK", "qty": 1}, {"sku": "RICE", "qty": 1, "warehouse": "BER"}, {"sku": "APPLE", "qty": 99}]
    answer = shop.reserve("NEW", lines)
    assert columns(answer, "sku", "warehouse", "on_hand", "reserved", "available", "offers") == [
        ("RICE", None, 21, 2, 19, [{"warehouse": "LON", "available": 8}, {"warehouse": "BER", "available": 11}]),
        ("MILK", None, 5, 0, 5, [{"warehouse": "LON", "available": 5}]),
        ("RICE", "BER", 11, 0, 11, [{"warehouse": "BER", "available": 11}]),
        ("APPLE", None, 0, 0, 0, []),
    ]
    assert shop.entries("order_ref", event_type="EXPIRE") == []


def test_booking_changes_nothing_that_the_views_show(carts: Shop) -> None:
    before = shown(carts)
    carts.reserve("NEW", [{"sku": "APPLE", "qty": 12}])
    assert len(booked(carts)) == 3
    assert shown(carts) == before


def test_what_is_pinned_is_free_again(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": bin} for bin in ("A-1", "A-2")])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 5}], ttl="1 hour")
    shop.allocate("CART")
    clock.advance(hours=2)
    before = shown(shop)
    shop.reserve("NEW", [{"sku": "APPLE", "qty": 7}])
    assert shown(shop) == before
    assert sorted(booked(shop)) == [
        (0, "DEALLOCATE", "CART", "APPLE", "LON", 0, -3, "expired"),
        (0, "DEALLOCATE", "CART", "APPLE", "LON", 0, -2, "expired"),
        (0, "EXPIRE", "CART", "APPLE", "LON", -5, 0, "expired"),
    ]
    shop.reserve("NEW", [{"sku": "APPLE", "qty": 6}])
    shop.allocate("NEW")
    assert columns(shop.view("bins"), "location", "allocated") == [("A-1", 3), ("A-2", 3)]
    shop.ship("NEW")
    assert shop.level("APPLE") == (0, 0, 0, 0)
    assert shop.differences() == []


def test_an_ended_hold_that_was_partly_shipped_and_released_gives_back_the_rest(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 10}], ttl="1 hour")
    shop.ship("CART", [{"line": 1, "qty": 2}])
    shop.release("CART", [{"line": 1, "qty": 3}])
    clock.advance(hours=2)
    assert parts(shop, "CART") == [(1, "LON", 0, 0, 2, 3, 5)]
    assert columns(shop.reserve("NEW", [{"sku": "APPLE", "qty": 8}]), "outcome", "available") == [("reserved", 0)]
    assert booked(shop) == ended("CART", units=5)
    assert parts(shop, "CART") == [(1, "LON", 0, 0, 2, 3, 5)]
    assert shop.differences() == []


def test_a_hold_that_has_been_given_back_is_not_booked_again(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.release("CART")
    clock.advance(hours=2)
    shop.reserve("NEW", [{"sku": "APPLE", "qty": 4}])
    assert booked(shop) == []


def test_a_deficit_is_filled_before_anybody_is_promised_more(carts: Shop) -> None:
    """After a loss of 8 units 2 are left, and 9 are held by carts that ended: to promise 1, all have to be booked."""
    carts.adjust("LON", [{"sku": "APPLE", "qty": -8, "location": "A-1"}], reason="lost")
    assert carts.level("APPLE") == (2, 0, 0, 2)
    [row] = carts.reserve("NEW", [{"sku": "APPLE", "qty": 1}])
    assert (row["outcome"], row["reserved"], row["available"]) == ("reserved", 1, 1)
    assert sorted(booked(carts)) == sorted(ended("OLD", "MIDDLE", "YOUNG"))
    assert columns(carts.reserve("NEXT", [{"sku": "APPLE", "qty": 2}]), "outcome", "qty_short") == [("rejected", 1)]
    assert carts.differences() == []


def test_safety_stock_is_kept_back(carts: Shop) -> None:
    carts.put_products(lines=[{"sku": "APPLE", "safety_stock": 4}])
    assert carts.level("APPLE") == (10, 0, 0, 6)
    assert columns(carts.reserve("A", [{"sku": "APPLE", "qty": 7}]), "outcome", "qty_short", "available") == [
        ("rejected", 1, 6)
    ]
    assert columns(carts.reserve("B", [{"sku": "APPLE", "qty": 6}]), "outcome", "available") == [("reserved", 0)]
    assert carts.differences() == []


@pytest.fixture
def two_warehouses(shop: Shop, clock: Clock) -> Shop:
    """5 APPLE each in London and Berlin: CART held 4 in London and 3 in Berlin, which has ended."""
    for warehouse, qty in [("LON", 4), ("BER", 3)]:
        shop.receive(warehouse, [{"sku": "APPLE", "qty": 5}])
        shop.reserve("CART", [{"sku": "APPLE", "qty": qty, "warehouse": warehouse}], ttl="1 hour")
    clock.advance(hours=2)
    return shop


def test_stock_of_all_warehouses_counts(two_warehouses: Shop) -> None:
    answer = two_warehouses.reserve("NEW", [{"sku": "APPLE", "qty": 10}])
    assert columns(answer, "warehouse", "qty_reserved", "available") == [("LON", 5, 0), ("BER", 5, 0)]
    assert two_warehouses.differences() == []


def test_the_first_warehouse_is_asked_first_also_where_holds_have_to_be_booked(two_warehouses: Shop) -> None:
    answer = two_warehouses.reserve("NEW", [{"sku": "APPLE", "qty": 3}])
    assert columns(answer, "warehouse", "qty_reserved") == [("LON", 3)]
    assert booked(two_warehouses) == [(0, "EXPIRE", "CART", "APPLE", "LON", -4, 0, "expired")]
    assert two_warehouses.level("APPLE", "BER") == (5, 0, 0, 5)


def test_a_line_that_names_a_warehouse_is_served_there(two_warehouses: Shop) -> None:
    line = {"sku": "APPLE", "qty": 5, "warehouse": "BER"}
    assert columns(two_warehouses.reserve("NEW", [line]), "warehouse", "qty_reserved") == [("BER", 5)]
    assert booked(two_warehouses) == [(0, "EXPIRE", "CART", "APPLE", "BER", -3, 0, "expired")]
    assert columns(two_warehouses.reserve("MORE", [line]), "outcome", "qty_short", "available") == [("rejected", 5, 0)]
    assert two_warehouses.level("APPLE") == (5, 0, 0, 5)
    assert two_warehouses.differences() == []


def test_lines_of_one_product_are_served_together(two_warehouses: Shop) -> None:
    lines = [
        {"sku": "APPLE", "line": 1, "qty": 4},
        {"sku": "APPLE", "line": 2, "qty": 1, "warehouse": "LON"},
        {"sku": "APPLE", "line": 3, "qty": 5},
    ]
    answer = two_warehouses.reserve("NEW", lines)
    assert sorted(columns(answer, "line", "warehouse", "qty_reserved")) == [
        (1, "LON", 4),
        (2, "LON", 1),
        (3, "BER", 5),
    ]
    assert two_warehouses.differences() == []


def test_a_warehouse_that_is_closed_serves_nobody(two_warehouses: Shop) -> None:
    two_warehouses.put_warehouses(lines=[{"code": "BER", "active": False}])
    [row] = two_warehouses.reserve("NEW", [{"sku": "APPLE", "qty": 6}])
    assert (row["outcome"], row["qty_short"], row["available"]) == ("rejected", 1, 5)
    assert two_warehouses.differences() == []


def test_only_the_product_that_is_short_is_touched(carts: Shop, clock: Clock) -> None:
    carts.receive("LON", [{"sku": "RICE", "qty": 2}])
    carts.reserve("CART", [{"sku": "RICE", "qty": 1}], ttl="1 hour")
    clock.advance(hours=2)
    carts.reserve("NEW", [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 4}])
    assert booked(carts) == ended("OLD")
    carts.reserve("NEXT", [{"sku": "RICE", "qty": 1}])
    assert booked(carts)[1:] == [(0, "EXPIRE", "CART", "RICE", "LON", -1, 0, "expired")]
    assert carts.differences() == []


def test_fractions_are_counted_exactly(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "RICE", "qty": 1.5}])
    for n in range(3):
        shop.reserve(f"CART-{n}", [{"sku": "RICE", "qty": 0.5}], ttl=f"{n + 1} minutes")
    clock.advance(hours=1)
    [row] = shop.reserve("NEW", [{"sku": "RICE", "qty": 0.501}])
    assert row["outcome"] == "reserved"
    assert [order_ref for _, _, order_ref, *_ in booked(shop)] == ["CART-0", "CART-1"]
    assert shop.differences() == []


def test_holds_that_end_later_are_left_alone(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 6}])
    shop.reserve("SOON", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.reserve("LATER", [{"sku": "APPLE", "qty": 3}], ttl="2 hours")
    clock.advance(minutes=90)
    assert columns(shop.reserve("NEW", [{"sku": "APPLE", "qty": 4}]), "outcome", "available") == [("rejected", 3)]
    assert columns(shop.reserve("NEW", [{"sku": "APPLE", "qty": 3}]), "outcome", "available") == [("reserved", 0)]
    assert booked(shop) == ended("SOON")
    clock.advance(hours=1)
    assert columns(shop.reserve("NEW", [{"sku": "APPLE", "qty": 3}]), "outcome", "available") == [("reserved", 0)]
    assert booked(shop)[1:] == ended("LATER")
    assert shop.differences() == []


@pytest.fixture
def dairy(shop: Shop, clock: Clock) -> Shop:
    """5 MILK that expired and 4 that did not: CART held 6 of them, pinned, and has ended too."""
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "SOON", "expires_on": day(2)}])
    shop.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "LATE", "expires_on": day(40)}])
    shop.reserve("CART", [{"sku": "MILK", "qty": 6}], ttl="1 hour")
    shop.allocate("CART")
    clock.advance(days=4)
    return shop


def test_lots_that_expired_at_the_same_time_are_not_promised(dairy: Shop) -> None:
    before = shown(dairy)
    assert dairy.level("MILK") == (9, 5, 0, 4)
    assert columns(dairy.reserve("NEW", [{"sku": "MILK", "qty": 5}]), "outcome", "qty_short", "available") == [
        ("rejected", 1, 4)
    ]
    assert shown(dairy) == before
    assert sorted(dairy.entries("event_type", "lot", "blocked_delta", "reserved_delta", "allocated_delta", reason="expired")) == [
        ("DEALLOCATE", "LATE", 0, 0, -1),
        ("DEALLOCATE", "SOON", 0, 0, -5),
        ("EXPIRE", None, 0, -6, 0),
        ("STATUS", "SOON", 5, 0, 0),
    ]  # fmt: skip
    assert columns(dairy.reserve("NEW", [{"sku": "MILK", "qty": 4}]), "outcome", "available") == [("reserved", 0)]
    assert dairy.differences() == []


def test_lots_are_booked_where_holds_need_not_be(dairy: Shop) -> None:
    dairy.receive("LON", [{"sku": "MILK", "qty": 9, "lot": "LATE"}])
    [row] = dairy.reserve("NEW", [{"sku": "MILK", "qty": 7}], op_id="new")
    assert (row["outcome"], row["blocked"], row["reserved"], row["available"]) == ("reserved", 5, 13, 0)
    assert dairy.entries("event_type", event_type="EXPIRE") == []
    assert dairy.level("MILK") == (18, 5, 7, 6)
    assert dairy.differences() == []


def test_replays_and_later_calls_find_nothing_more_to_book(carts: Shop, db: psycopg.Connection) -> None:
    first = carts.reserve("NEW", [{"sku": "APPLE", "qty": 10}], op_id="new")
    with unchanged(db):
        assert carts.reserve("NEW", [{"sku": "APPLE", "qty": 10}], op_id="new") == [
            row | {"replayed": True} for row in first
        ]
    carts.reserve("LATER", [{"sku": "APPLE", "qty": 1}])
    assert len(booked(carts)) == 3


def test_a_rolled_back_call_leaves_them_unbooked(carts: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), carts.connection.transaction(force_rollback=True):
        carts.reserve("NEW", [{"sku": "APPLE", "qty": 10}])
    assert columns(carts.reserve("NEW", [{"sku": "APPLE", "qty": 10}]), "outcome") == [("reserved",)]


def test_as_many_are_booked_as_it_takes_of_the_smallest_units(shop: Shop, clock: Clock) -> None:
    """A gram each, of a product that is counted in thousandths."""
    shop.receive("LON", [{"sku": "RICE", "qty": 0.003}])
    for cart in range(3):
        shop.reserve(f"CART-{cart}", [{"sku": "RICE", "qty": 0.001}], ttl="1 hour")
    clock.advance(hours=1)
    [row] = shop.reserve("NEW", [{"sku": "RICE", "qty": 0.003}])
    assert (row["outcome"], row["qty_short"]) == ("reserved", 0)
    assert len(booked(shop)) == 3


def test_each_level_lacks_what_its_own_lots_and_holds_leave(shop: Shop, clock: Clock) -> None:
    """Lots of two products expired, and of one at two warehouses; holds ended of what is lacking, of what there is enough of, and of what nobody asks for."""
    shop.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    soon, late = {"expires_on": day(2)}, {"expires_on": day(300)}
    lots = [{"sku": "MILK", "qty": 5, "lot": "M1"} | soon, {"sku": "MILK", "qty": 3, "lot": "M2"} | late]
    shop.receive("LON", [*lots, {"sku": "CREAM", "qty": 4, "lot": "C1"} | soon, {"sku": "CREAM", "qty": 5, "lot": "C2"} | late])
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 10}])
    shop.receive("BER", [{"sku": "MILK", "qty": 4, "lot": "M3"} | soon])
    for order_ref, sku in (("FIRST", "MILK"), ("SECOND", "MILK"), ("THIRD", "MILK"), ("ENOUGH", "APPLE"), ("UNASKED", "RICE")):
        shop.reserve(order_ref, [{"sku": sku, "qty": 1, "warehouse": "LON"}], ttl="1 hour")
    clock.advance(days=4)
    answer = shop.reserve("NEW", [{"sku": sku, "qty": 1} for sku in ("CREAM", "MILK", "APPLE")])
    assert columns(answer, "sku", "warehouse", "outcome") == [(sku, "LON", "reserved") for sku in ("CREAM", "MILK", "APPLE")]
    assert shop.entries("order_ref", event_type="EXPIRE") == [("FIRST",)]
    assert shop.differences() == []


def test_units_of_lots_that_are_blocked_already_are_not_missing_once_more(shop: Shop, clock: Clock, connect: Connect) -> None:
    lots = [("L0", 5, 1), ("L5", 1, 2), ("L9", 10, 99)]
    shop.receive("LON", [{"sku": "MILK", "lot": lot, "qty": qty, "expires_on": day(last)} for lot, qty, last in lots])
    for cart in ("CART-1", "CART-2"):
        shop.reserve(cart, [{"sku": "MILK", "qty": 3}], ttl="1 hour")
    clock.advance(days=2)
    call(connect("operator"), "openstock_admin.block_expired_lots", tenant=shop.tenant)
    clock.advance(days=1)
    assert columns(shop.reserve("O1", [{"sku": "MILK", "qty": 6}]), "outcome") == [("reserved",)]
    assert columns(shop.view("ledger", event_type="EXPIRE"), "order_ref") == [("CART-1",)]
    assert shop.differences() == []

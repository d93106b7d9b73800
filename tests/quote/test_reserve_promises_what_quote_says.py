"""What quote says is what reserve promises then, also where holds have ended and nobody booked that: the same warehouses, and as much of each line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.holds import booked
from tests.support import Clock, Connect, Shop, columns, day

PARIS = {"latitude": 48.8566, "longitude": 2.3522, "zone": "FR"}
STRATEGIES = ("priority", "most_stock", "nearest", "least_cost", "fewest_splits", "ship_complete")
WAREHOUSES = [
    {"code": "LON", "priority": 1, "latitude": 51.5, "longitude": -0.1, "shipping_cost": 5},
    {"code": "BER", "priority": 2, "latitude": 52.5, "longitude": 13.4, "shipping_cost": 3},
    {"code": "ROM", "priority": 3, "latitude": 41.9, "longitude": 12.5},
]
PLACES = [str(warehouse["code"]) for warehouse in WAREHOUSES]


def promised(shop: Shop, order_ref: str) -> list[tuple[Any, ...]]:
    """(line, sku, warehouse, units) of what an order has."""
    return sorted(columns(shop.view("reservations", order_ref=order_ref), "line", "sku", "warehouse", "reserved"))


def quoted(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Likewise of what would be."""
    return sorted(columns([row for row in rows if row["qty"]], "line", "sku", "warehouse", "qty"))


@pytest.fixture
def two_warehouses(shop: Shop, clock: Clock) -> Shop:
    """5 APPLE in London, of which GONE held 1, and 9 in Berlin."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 9}])
    shop.reserve("GONE", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    clock.advance(hours=2)
    return shop


def test_a_hold_that_ended_does_not_send_the_buyer_to_the_next_warehouse(two_warehouses: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": 5}]
    assert quoted(two_warehouses.quote(lines)) == [(1, "APPLE", "LON", 5)]
    two_warehouses.reserve("NEW", lines)
    assert promised(two_warehouses, "NEW") == [(1, "APPLE", "LON", 5)]
    assert booked(two_warehouses) == [(0, "EXPIRE", "GONE", "APPLE", "LON", -1, 0, "expired")]
    assert two_warehouses.differences() == []


def test_it_splits_no_order_that_one_warehouse_could_send(two_warehouses: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": 5}, {"sku": "RICE", "qty": 1}]
    two_warehouses.receive("LON", [{"sku": "RICE", "qty": 1}])
    for strategy in ("ship_complete", "fewest_splits"):
        assert {row["warehouse"] for row in two_warehouses.quote(lines, strategy=strategy) if row["qty"]} == {"LON"}
        answer = two_warehouses.reserve(strategy, lines, strategy=strategy)
        assert {row["warehouse"] for row in answer} == {"LON"}
        two_warehouses.cancel(strategy)


def test_the_most_stock_counts_what_ended_holds_give_back(shop: Shop, clock: Clock) -> None:
    """All of it, though the order needs none; and none of it has to be booked."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 9}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 7}])
    for cart in range(5):
        shop.reserve(f"CART-{cart}", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    lines = [{"sku": "APPLE", "qty": 2}]
    assert quoted(shop.quote(lines, strategy="most_stock")) == [(1, "APPLE", "BER", 2)]
    clock.advance(hours=2)
    assert quoted(shop.quote(lines, strategy="most_stock")) == [(1, "APPLE", "LON", 2)]
    shop.reserve("NEW", lines, strategy="most_stock")
    assert promised(shop, "NEW") == [(1, "APPLE", "LON", 2)]
    assert booked(shop) == []


def test_only_where_the_plan_needs_them_they_are_booked(shop: Shop, clock: Clock) -> None:
    """Elsewhere they are left to who comes next."""
    for warehouse in ("LON", "BER"):
        shop.receive(warehouse, [{"sku": "APPLE", "qty": 4}])
        for cart in (1, 2):
            shop.reserve(f"{warehouse}-{cart}", [{"sku": "APPLE", "qty": 2}], warehouse=warehouse, ttl="1 hour")
    clock.advance(hours=2)
    shop.reserve("NEW", [{"sku": "APPLE", "qty": 3}])
    assert promised(shop, "NEW") == [(1, "APPLE", "LON", 3)]
    assert shop.entries("order_ref", event_type="EXPIRE") == [("LON-1",), ("LON-2",)]
    shop.reserve("MORE", [{"sku": "APPLE", "qty": 2}])
    assert promised(shop, "MORE") == [(1, "APPLE", "BER", 1), (1, "APPLE", "LON", 1)]
    assert shop.entries("order_ref", event_type="EXPIRE")[2:] == [("BER-1",)]
    assert shop.differences() == []


def test_lots_that_expired_meanwhile_are_left_out_of_what_is_needed(shop: Shop, clock: Clock) -> None:
    for lot, qty, ahead in (("SOON", 3, 1), ("LATE", 5, 40)):
        shop.receive("LON", [{"sku": "MILK", "qty": qty, "lot": lot, "expires_on": day(ahead)}])
    shop.receive("BER", [{"sku": "MILK", "qty": 9, "lot": "LATE"}])
    for cart in (1, 2, 3):
        shop.reserve(f"CART-{cart}", [{"sku": "MILK", "qty": 1}], ttl="1 hour")
    clock.advance(days=3)
    lines = [{"sku": "MILK", "qty": 4}]
    assert quoted(shop.quote(lines)) == [(1, "MILK", "LON", 4)]
    shop.reserve("NEW", lines)
    assert promised(shop, "NEW") == [(1, "MILK", "LON", 4)]
    assert shop.entries("order_ref", event_type="EXPIRE") == [("CART-1",), ("CART-2",)]
    assert shop.differences() == []


def test_what_an_order_gives_back_is_not_booked_for_it_once_more(shop: Shop, clock: Clock) -> None:
    """London has 6: MINE has 3 of them, of two lines, and three carts held one each."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 6}])
    shop.reserve("MINE", [{"sku": "APPLE", "qty": 2, "line": 1}, {"sku": "APPLE", "qty": 1, "line": 2}])
    for cart in (1, 2, 3):
        shop.reserve(f"CART-{cart}", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    clock.advance(hours=2)
    shop.amend("MINE", [{"line": 1, "qty": 0}, {"line": 2, "qty": 4}])
    assert shop.entries("order_ref", event_type="EXPIRE") == [("CART-1",)]
    assert shop.level("APPLE") == (6, 0, 4, 2)
    assert shop.differences() == []


def test_no_hold_is_booked_where_an_order_only_gives_back(shop: Shop, clock: Clock) -> None:
    """London lost its units: what MINE gives back there, and the end of CART, do not make up for that, nor have to."""
    for warehouse in ("LON", "BER"):
        shop.receive(warehouse, [{"sku": "APPLE", "qty": 6, "location": "DEFAULT"}])
    shop.reserve("MINE", [{"sku": "APPLE", "qty": 3, "line": 1, "warehouse": "LON"}, {"sku": "APPLE", "qty": 1, "line": 2, "warehouse": "BER"}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.adjust("LON", [{"sku": "APPLE", "qty": -5, "location": "DEFAULT"}], reason="a flood")
    clock.advance(hours=2)
    shop.amend("MINE", [{"line": 1, "qty": 2}, {"line": 2, "qty": 3}])
    assert shop.entries("order_ref", event_type="EXPIRE") == []
    assert shop.differences() == []


def test_holds_whose_units_all_go_back_to_a_channel_do_not_hide_those_of_others(shop: Shop, clock: Clock) -> None:
    shop.put_channels(lines=[{"code": "WEB"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 3}])
    shop.put_quotas("LON", [{"channel": "WEB", "sku": "APPLE", "qty": 2}])
    for cart, channel in (("WEB-1", "WEB"), ("WEB-2", "WEB"), ("CART", None)):
        shop.reserve(cart, [{"sku": "APPLE", "qty": 1}], channel=channel, ttl="1 hour")
    clock.advance(hours=2)
    lines = [{"sku": "APPLE", "qty": 1}]
    assert quoted(shop.quote(lines)) == [(1, "APPLE", "LON", 1)]
    shop.reserve("NEW", lines)
    assert promised(shop, "NEW") == [(1, "APPLE", "LON", 1)]
    assert shop.entries("order_ref", event_type="EXPIRE") == [("CART",)]
    assert shop.differences() == []


@dataclass(frozen=True)
class Cart:
    """Units that somebody holds, pinned or not; they may be gone, or nobody may have come to pay yet."""

    sku: str
    place: str
    qty: int
    channel: str | None
    gone: bool
    pinned: bool


def line(certain: bool) -> st.SearchStrategy[dict[str, Any]]:
    """A line of an order; of certain units or not."""
    line = {"sku": st.sampled_from(["APPLE", "RICE"]), "qty": st.integers(1, 8)}
    if certain:
        return st.fixed_dictionaries(line | {"warehouse": st.sampled_from(PLACES), "location": st.sampled_from(["A-1", "A-2"])})
    several = st.fixed_dictionaries({"sku": st.just("BOX"), "qty": st.integers(1, 3)})
    return st.one_of(st.fixed_dictionaries(line), st.fixed_dictionaries(line | {"warehouse": st.sampled_from(PLACES)}), several)


CARTS = st.builds(
    Cart,
    st.sampled_from(["APPLE", "RICE"]), st.sampled_from(PLACES), st.integers(1, 3), st.sampled_from([None, "WEB", "TILL"]), st.booleans(), st.booleans(),
)  # fmt: skip
STOCK = st.fixed_dictionaries({(sku, place): st.integers(0, 6) for sku in ("APPLE", "RICE") for place in PLACES})
QUOTAS = st.fixed_dictionaries({(channel, place): st.integers(0, 3) for channel in ("WEB", "TILL") for place in PLACES})
ORDERS = st.lists(
    st.tuples(
        st.one_of(st.lists(line(False), min_size=1, max_size=3), st.lists(line(True) | line(False), min_size=1, max_size=3)),
        st.sampled_from(STRATEGIES), st.sampled_from([None, "WEB", "TILL"]),
    ), min_size=1, max_size=4,
)  # fmt: skip


def test_of_pins_in_one_bin_those_of_holds_that_ended_count_as_gone(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "lot": "L1", "qty": 5, "location": "A-1"}, {"sku": "MILK", "lot": "L2", "qty": 3}])
    line = {"sku": "MILK", "lot": "L1"}
    shop.reserve("STAYS", [line | {"qty": 1}], warehouse="LON")
    shop.reserve("CART", [line | {"qty": 2}], warehouse="LON", ttl="1 hour")
    clock.advance(hours=2)
    before = shop.quote([line | {"qty": 5}], warehouse="LON")
    shop.reserve("NEW", [line | {"qty": 5}], warehouse="LON", on_shortage="partial")
    assert promised(shop, "NEW") == quoted(before) == [(1, "MILK", "LON", 4)]


def test_bins_that_ended_holds_had_wholly_have_their_place_in_the_removal_rule(shop: Shop, clock: Clock) -> None:
    """CART had all of L1 in A-1, which is picked first: who lost a unit of A-1 is left that one, and whoever asks for L2 finds both others."""
    lots = [{"sku": "MILK", "lot": lot, "qty": qty, "location": "A-1", "expires_on": day(ahead)} for lot, qty, ahead in (("L1", 1, 5), ("L2", 2, 9))]
    shop.receive("LON", [*lots, {"sku": "MILK", "lot": "L3", "qty": 9, "location": "A-2", "expires_on": day(20)}])
    shop.reserve("CART", [{"sku": "MILK", "lot": "L1", "qty": 1}], warehouse="LON", ttl="1 hour")
    shop.reserve("LOST", [{"sku": "MILK", "location": "A-1", "qty": 1}], warehouse="LON")
    for quality in ("hold", "released"):
        shop.put_lots(lines=[{"sku": "MILK", "lot": "L2", "quality": quality}])
    clock.advance(hours=2)
    lines = [{"sku": "MILK", "lot": "L1", "qty": 1}, {"sku": "MILK", "lot": "L2", "qty": 1}]
    before = quoted(shop.quote(lines, warehouse="LON"))
    shop.reserve("NEW", lines, warehouse="LON", on_shortage="partial")
    assert promised(shop, "NEW") == before == [(1, "MILK", "LON", 1), (2, "MILK", "LON", 1)]
    assert shop.differences() == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(stock=STOCK, quotas=QUOTAS, carts=st.lists(CARTS, max_size=9), orders=ORDERS, channels=st.booleans())
def test_whatever_has_ended(
    shop: Shop, connect: Connect, db: psycopg.Connection, clock: Clock, stock: dict[tuple[str, str], int], quotas: dict[tuple[str, str], int],
    carts: list[Cart], orders: list[tuple[list[dict[str, Any]], str, str | None]], channels: bool,
) -> None:  # fmt: skip
    tenant = uuid4()
    db.execute("select openstock_admin.create_tenant('Quoted', %s)", [tenant])
    with connect("app") as connection:
        real = furnished(Shop(connection, db, tenant), stock, quotas if channels else {})
        for number, cart in enumerate(carts):
            about = {"ttl": "1 hour" if cart.gone else "1 day", "channel": cart.channel if channels else None}
            real.reserve(f"CART-{number}", [{"sku": cart.sku, "qty": cart.qty, "warehouse": cart.place}], on_shortage="partial", **about)
            if cart.pinned and real.view("reservations", order_ref=f"CART-{number}"):
                real.allocate(f"CART-{number}")
        clock.advance(hours=2)
        for number, (lines, strategy, channel) in enumerate(orders):
            wanted = [one | {"line": n} for n, one in enumerate(lines, 1)]
            about = {"strategy": strategy, "destination": PARIS, "channel": channel if channels else None}
            before = quoted(real.quote(wanted, **about))
            answer = real.reserve(f"ORDER-{number}", wanted, on_shortage="reject" if strategy == "ship_complete" else "partial", **about)
            if answer[0]["outcome"] != "rejected":
                assert promised(real, f"ORDER-{number}") == before
        assert real.differences() == []


def furnished(real: Shop, stock: dict[tuple[str, str], int], quotas: dict[tuple[str, str], int]) -> Shop:
    real.put_products(lines=[{"sku": "APPLE", "name": "Apple", "safety_stock": 1 if quotas else 0}, {"sku": "RICE", "name": "Rice"}, {"sku": "BOX", "name": "A box of both"}])
    real.put_kits(lines=[{"sku": "BOX", "components": [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 2}]}])
    real.put_warehouses(lines=WAREHOUSES)
    real.put_channels(lines=[{"code": "WEB"}, {"code": "TILL", "uses_safety_stock": True}])
    for place in PLACES:
        real.put_locations(place, [{"code": "A-1"}, {"code": "A-2"}])
        units = [{"sku": sku, "location": bin, "qty": share} for (sku, at), qty in stock.items() if at == place
                 for bin, share in (("A-1", qty // 2), ("A-2", qty - qty // 2)) if share]  # fmt: skip
        if units:
            real.receive(place, units)
        kept = [{"channel": channel, "sku": "APPLE", "qty": qty} for (channel, at), qty in quotas.items() if at == place and qty]
        if kept:
            real.put_quotas(place, kept)
    return real

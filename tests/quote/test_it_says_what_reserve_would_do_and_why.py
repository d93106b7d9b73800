"""quote chooses as reserve does, by the same code, and says of each warehouse why it was chosen or not; it promises nothing."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import combinations
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support import Clock, Connect, Shop, call, columns, day, refused, unchanged

STRATEGIES = ("priority", "most_stock", "nearest", "least_cost", "fewest_splits", "ship_complete")
PARIS = {"latitude": 48.8566, "longitude": 2.3522, "zone": "FR"}


def outcomes(shop: Shop, lines: list[dict[str, Any]], **arguments: Any) -> list[tuple[Any, ...]]:
    """(line, warehouse, outcome, reason, units, available) of a quote."""
    return columns(shop.quote(lines, **arguments), "line", "warehouse", "outcome", "reason", "qty", "available")


def test_each_warehouse_has_a_row_that_says_why(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 4}])
    shop.put_warehouses(
        lines=[{"code": "SHUT", "active": True}, {"code": "ROM", "priority": 3}, {"code": "OSL", "priority": 4}]
    )
    shop.receive("SHUT", [{"sku": "APPLE", "qty": 5}])
    shop.put_warehouses(lines=[{"code": "SHUT", "active": False}])
    shop.receive("ROM", [{"sku": "APPLE", "qty": 9}])
    shop.receive("OSL", [{"sku": "APPLE", "qty": 9}])
    with unchanged(db):
        rows = outcomes(shop, [{"sku": "APPLE", "qty": 6}])
    assert rows == [
        (1, "LON", "chosen", None, 4, 4),
        (1, "ROM", "chosen", None, 2, 9),
        (1, "BER", "rejected", "no_stock", 0, 0),
        (1, "OSL", "rejected", "not_needed", 0, 9),
        (1, "SHUT", "rejected", "inactive", 0, 0),
    ]


def test_distance_cost_and_place_are_told(shop: Shop) -> None:
    shop.put_warehouses(
        lines=[
            {"code": "LON", "latitude": 51.5074, "longitude": -0.1278, "shipping_cost": 9},
            {"code": "BER", "latitude": 52.52, "longitude": 13.405, "shipping_cost_by_zone": {"FR": 4.5}},
        ]
    )
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    rows = shop.quote([{"sku": "APPLE", "qty": 1}], strategy="nearest", destination=PARIS)
    assert columns(rows, "warehouse", "place", "shipping_cost") == [
        ("BER", 2, Decimal("4.5")),
        ("LON", 1, 9),
        ("SHUT", 3, None),
    ]
    assert [row["distance_km"] and round(row["distance_km"]) for row in rows] == [877, 344, None]


def test_lines_that_compete_are_told_so(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 4}])
    rows = shop.quote([{"sku": "APPLE", "qty": 4, "line": 7}, {"sku": "APPLE", "qty": 1, "line": 8}, {"sku": "APPLE", "qty": 2, "line": 9}], warehouse="LON")
    assert columns(rows, "line", "warehouse", "reason", "qty", "qty_short") == [
        (7, "LON", None, 4, 0),
        (8, "LON", "used_by_other_lines", 0, 1),
        (9, "LON", "used_by_other_lines", 0, 2),
    ]


def test_a_warehouse_from_which_others_take_all_sends_nothing_more(shop: Shop) -> None:
    """Also where it stands between two that send."""
    shop.put_warehouses(lines=[{"code": "ROM", "priority": 3}])
    for warehouse in ("LON", "BER", "ROM"):
        shop.receive(warehouse, [{"sku": "APPLE", "qty": 2}])
    shop.put_warehouses(lines=[{"code": "OSL", "priority": 1}])
    lines = [{"sku": "APPLE", "qty": 2, "warehouse": "BER"}, {"sku": "APPLE", "qty": 3}]
    answer = shop.reserve("O1", lines)
    assert columns(answer, "line", "warehouse", "qty_reserved") == [(1, "BER", 2), (2, "LON", 2), (2, "ROM", 1)]


@pytest.mark.parametrize("strategy", ["least_cost", "fewest_splits"])
def test_a_warehouse_that_has_only_what_others_send_already_has_no_place(shop: Shop, strategy: str) -> None:
    """Also where what else is wanted is short."""
    shop.put_warehouses(lines=[{"code": "ROM", "priority": 3}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}, {"sku": "RICE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 3}])
    shop.receive("ROM", [{"sku": "RICE", "qty": 9}])
    rows = shop.quote([{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 1}], strategy=strategy)
    assert {(row["warehouse"], row["place"]) for row in rows} == {("LON", 1), ("BER", 2), ("ROM", None), ("SHUT", None)}


def test_no_warehouse_can_send_all(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 4}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    assert outcomes(shop, [{"sku": "APPLE", "qty": 5}], strategy="ship_complete") == [
        (1, "LON", "rejected", "incomplete", 0, 4),
        (1, "BER", "rejected", "incomplete", 0, 4),
        (1, "SHUT", "rejected", "inactive", 0, 0),
    ]


def test_a_tenant_without_a_warehouse_has_nowhere_to_ask(db: psycopg.Connection, connect: Connect) -> None:
    tenant = call(db, "openstock_admin.create_tenant", name="Empty")[0]["create_tenant"]
    other = Shop(connect("app"), db, tenant)
    other.put_products(lines=[{"sku": "TEA", "name": "Tea"}])
    assert outcomes(other, [{"sku": "TEA", "qty": 1}]) == [(1, None, "rejected", "no_warehouse", 0, None)]


def test_what_has_ended_and_is_not_booked_counts_as_it_will(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 4}, {"sku": "MILK", "qty": 3, "lot": "M1", "expires_on": day(1)}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 6}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 1, "warehouse": "BER"}], ttl="1 hour")
    lines = [{"sku": "APPLE", "qty": 1}, {"sku": "MILK", "qty": 1}]
    assert columns(shop.quote(lines), "warehouse", "available")[:4] == [("LON", 1), ("BER", 5), ("SHUT", 0), ("LON", 3)]
    clock.advance(days=3)
    assert columns(shop.quote(lines), "warehouse", "available")[:2] == [("LON", 4), ("BER", 6)]
    assert columns(shop.quote(lines, warehouse="LON"), "available") == [(4,), (0,)]


def test_what_has_ended_counts_at_its_own_level_and_what_has_not_does_not(shop: Shop, clock: Clock) -> None:
    shop.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    for warehouse, sku, lots in (("LON", "CREAM", (7, 2)), ("LON", "MILK", (5, 4)), ("BER", "MILK", (2, 6))):
        for lot, units, ahead in zip(("SOON", "LATE"), lots, (1, 40), strict=True):
            shop.receive(warehouse, [{"sku": sku, "qty": units, "lot": lot, "expires_on": day(ahead)}])
    shop.receive("LON", [{"sku": "MILK", "qty": 3, "lot": "SOON", "status": "hold"}, {"sku": "RICE", "qty": 10}, {"sku": "APPLE", "qty": 20}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 10}])
    for order_ref, ttl, qty in (("ENDED", "1 hour", 1), ("LIVE", "9 days", 2)):
        for sku, warehouse, times in (("APPLE", "LON", 1), ("APPLE", "BER", 2), ("RICE", "LON", 3)):
            shop.reserve(order_ref, [{"sku": sku, "qty": qty * times, "warehouse": warehouse}], ttl=ttl)
    clock.advance(days=3)
    rows = shop.quote([{"sku": sku, "qty": 1} for sku in ("APPLE", "CREAM", "MILK", "RICE")])
    assert {(row["sku"], row["warehouse"]): row["available"] for row in rows if row["available"]} == {
        ("APPLE", "LON"): 18,
        ("APPLE", "BER"): 6,
        ("CREAM", "LON"): 2,
        ("MILK", "LON"): 4,
        ("MILK", "BER"): 6,
        ("RICE", "LON"): 4,
    }
    assert {(row["sku"], row["warehouse"]): row["available"] for row in shop.view("stock")} == {
        (row["sku"], row["warehouse"]): row["available"] for row in rows if row["available"]
    }


def test_it_works_in_a_read_only_transaction_and_for_analysts(shop: Shop, connect: Connect) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 4}])
    analyst = connect("analyst", autocommit=False)
    analyst.execute("set transaction read only")
    assert columns(Shop(analyst, shop.db).quote([{"sku": "APPLE", "qty": 1}], warehouse="LON"), "qty") == [(1,)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"sku": "PEAR", "qty": 1}, "OS101"),
        ({"sku": "OLD", "qty": 1}, "OS102"),
        ({"sku": "APPLE", "qty": 1, "warehouse": "ROM"}, "OS103"),
        ({"sku": "APPLE", "qty": 1, "warehouse": "SHUT"}, "OS104"),
        ({"sku": "APPLE", "qty": 0.5}, "OS110"),
        ({"sku": "APPLE"}, "22023"),
    ],
)
def test_what_reserve_refuses_is_refused(shop: Shop, db: psycopg.Connection, line: dict[str, Any], code: str) -> None:
    with refused(db, code, line=1):
        shop.quote([line])


places = st.lists(
    st.fixed_dictionaries(
        {
            "stock": st.tuples(*[st.integers(0, 6)] * 3),
            "cost": st.one_of(st.none(), st.integers(0, 9)),
            "position": st.one_of(st.none(), st.tuples(st.integers(-90, 90), st.integers(-180, 180))),
            "active": st.booleans() | st.just(True),
        }
    ),
    min_size=1,
    max_size=5,
)
lines_of = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 9), st.none() | st.none() | st.integers(0, 4)), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=places, lines=lines_of, strategy=st.sampled_from(STRATEGIES))
# A line names a warehouse where its product never was.
@example(
    places=[{"stock": (0, 1, 0), "cost": None, "position": None, "active": True}, {"stock": (0, 0, 0), "cost": None, "position": None, "active": True}],
    lines=[(1, 1, None), (0, 1, 1)],
    strategy="ship_complete",
)
def test_reserve_does_what_was_quoted(
    shop: Shop, places: list[dict[str, Any]], lines: list[tuple[int, int, int | None]], strategy: str
) -> None:
    connection = shop.connection
    with connection.transaction(force_rollback=True):
        skus, codes = furnish(shop, places)
        asked = [
            {"sku": skus[sku], "qty": qty}
            | (
                {}
                if place is None or not places[place % len(places)]["active"]
                else {"warehouse": codes[place % len(places)]}
            )
            for sku, qty, place in lines
        ]
        quoted = shop.quote(asked, strategy=strategy, destination=PARIS)
        answer = shop.reserve("O1", asked, strategy=strategy, destination=PARIS)
        chosen = {(row["line"], row["warehouse"]): row["qty"] for row in quoted if row["outcome"] == "chosen"}
        if any(row["qty_short"] for row in quoted):
            assert {row["outcome"] for row in answer} == {"rejected"}
            assert columns(answer, "line", "qty_short") == sorted({(row["line"], row["qty_short"]) for row in quoted})
        else:
            assert {(row["line"], row["warehouse"]): row["qty_reserved"] for row in answer} == chosen
        check_choice(places, codes, skus, asked, strategy, chosen, short=any(row["qty_short"] for row in quoted))


def furnish(shop: Shop, places: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Products and warehouses of their own with this stock."""
    skus, codes = ["PX", "PY", "PZ"], [f"W{number}" for number in range(len(places))]
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in skus])
    shop.put_warehouses(
        lines=[
            {"code": code, "shipping_cost": place["cost"]}
            | ({"latitude": place["position"][0], "longitude": place["position"][1]} if place["position"] else {})
            for code, place in zip(codes, places, strict=True)
        ]
    )
    for code, place in zip(codes, places, strict=True):
        stocked = [{"sku": sku, "qty": qty} for sku, qty in zip(skus, place["stock"], strict=True) if qty]
        if stocked:
            shop.receive(code, stocked)
    shop.put_warehouses(lines=[{"code": c, "active": p["active"]} for c, p in zip(codes, places, strict=True)])
    return skus, codes


def check_choice(
    places: list[dict[str, Any]],
    codes: list[str],
    skus: list[str],
    asked: list[dict[str, Any]],
    strategy: str,
    chosen: dict[tuple[int, str], Decimal],
    *,
    short: bool,
) -> None:
    """Compare the warehouses that send with every set of warehouses that could."""
    stock = {
        code: dict(zip(skus, place["stock"], strict=True))
        for code, place in zip(codes, places, strict=True)
        if place["active"]
    }
    costs = {c: math.inf if p["cost"] is None else p["cost"] for c, p in zip(codes, places, strict=True)}
    named = {line["warehouse"] for line in asked if "warehouse" in line}
    complete = [
        set(several)
        for size in range(1, len(stock) + 1)
        for several in combinations(sorted(stock), size)
        if named <= set(several) and serves(stock, several, asked)
    ]
    used = {warehouse for _, warehouse in chosen}
    if strategy == "ship_complete":
        assert short == (not [one for one in complete if len(one) == 1])
        assert short or len(used) == 1
        return
    assert short == (not complete)
    free = [one for one in complete if len(one - named) <= 2]
    if strategy == "fewest_splits" and free:
        assert len(used) <= min(len(one) for one in free)
    if strategy == "least_cost" and free:
        assert sum(costs[w] for w in used) <= min(sum(costs[w] for w in one) for one in free)


def serves(stock: dict[str, dict[str, int]], several: tuple[str, ...], asked: list[dict[str, Any]]) -> bool:
    """Whether these warehouses have all that is asked, where it is asked."""
    left = {code: dict(stock[code]) for code in several}
    for line in asked:
        if "warehouse" in line:
            left[line["warehouse"]][line["sku"]] -= line["qty"]
    wanted: dict[str, int] = {}
    for line in asked:
        if "warehouse" not in line:
            wanted[line["sku"]] = wanted.get(line["sku"], 0) + line["qty"]
    return all(units >= 0 for has in left.values() for units in has.values()) and all(
        sum(has[sku] for has in left.values()) >= qty for sku, qty in wanted.items()
    )


def test_units_of_a_hold_that_ended_count_where_they_are_pinned(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 5, "location": "A-1"}], warehouse="LON", ttl="1 hour")
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-2"}])
    clock.advance(hours=1)
    for location, there in (("A-1", 5), ("A-2", 3)):
        for qty in (there, there + 1):
            [row] = [r for r in shop.quote([{"sku": "APPLE", "qty": qty, "location": location}], warehouse="LON") if r["warehouse"] == "LON"]
            assert row["qty"] == there

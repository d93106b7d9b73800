"""A line may ask for a location, a lot, or days left: its units are pinned as they are promised, and nobody else gets them.

The same unit is never promised twice: what a line asks for in a bin counts at the warehouse, and what is promised at the
warehouse without a bin is no more to be had in any.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Clock, Shop, columns, day, refused


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """APPLE: 5 in A-1, 3 in A-2. MILK: 4 of M1 (2 days) in A-1, 6 of M2 (10 days) in A-1, 2 of M2 in A-2; 3 of M3 (30 days) in Berlin."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}, {"sku": "APPLE", "qty": 3, "location": "A-2"}])
    shop.receive(
        "LON",
        [
            {"sku": "MILK", "qty": 4, "location": "A-1", "lot": "M1", "expires_on": day(2)},
            {"sku": "MILK", "qty": 6, "location": "A-1", "lot": "M2", "expires_on": day(10)},
            {"sku": "MILK", "qty": 2, "location": "A-2", "lot": "M2", "expires_on": day(10)},
        ],
    )
    shop.receive("BER", [{"sku": "MILK", "qty": 3, "lot": "M3", "expires_on": day(30)}])
    return shop


def pinned(shop: Shop, sku: str) -> list[tuple[Any, ...]]:
    """(warehouse, location, lot, units) of what is pinned."""
    return sorted(
        columns([b for b in shop.view("bins", sku=sku) if b["allocated"]], "warehouse", "location", "lot", "allocated"), key=repr
    )


def test_a_location_is_promised_and_pinned_in_one_step(stocked: Shop) -> None:
    answer = stocked.reserve("O1", [{"sku": "APPLE", "qty": 4, "warehouse": "LON", "location": "A-1"}])
    assert columns(answer, "outcome", "warehouse", "qty_reserved", "available") == [("reserved", "LON", 4, 4)]
    assert pinned(stocked, "APPLE") == [("LON", "A-1", None, 4)]
    assert stocked.entries("event_type", "location", "reserved_delta", "allocated_delta", order_ref="O1") == [
        ("RESERVE", None, 4, 0),
        ("ALLOCATE", "A-1", 0, 4),
    ]
    assert columns(stocked.view("reservations"), "location", "lot", "min_days_left", "reserved", "allocated") == [
        ("A-1", None, None, 4, 4)
    ]
    assert stocked.differences() == []


def test_a_bin_gives_no_more_than_it_has(stocked: Shop) -> None:
    line = {"sku": "APPLE", "qty": 3, "location": "A-1"}
    stocked.reserve("O1", [line], warehouse="LON")
    [row] = stocked.reserve("O2", [line], warehouse="LON")
    assert (row["outcome"], row["qty_short"], row["available"]) == ("rejected", 1, 2)
    assert row["offers"] == [{"warehouse": "LON", "available": 2}]
    assert columns(stocked.reserve("O3", [{"sku": "APPLE", "qty": 5}]), "outcome") == [("reserved",)]


def test_what_is_promised_without_a_bin_is_not_to_be_had_in_one(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 6}])
    [row] = stocked.reserve("O2", [{"sku": "APPLE", "qty": 3, "location": "A-1"}], warehouse="LON")
    assert (row["outcome"], row["available"]) == ("rejected", 2)
    assert columns(stocked.reserve("O2", [{"sku": "APPLE", "qty": 2, "location": "A-1"}], warehouse="LON"), "available") == [(0,)]
    assert columns(stocked.allocate("O1"), "location", "qty") == [("A-1", 3), ("A-2", 3)]


def test_a_lot_is_found_wherever_it_lies(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "MILK", "qty": 8, "lot": "M2"}, {"sku": "MILK", "qty": 1, "lot": "M3"}])
    assert pinned(stocked, "MILK") == [("BER", "DEFAULT", "M3", 1), ("LON", "A-1", "M2", 6), ("LON", "A-2", "M2", 2)]
    assert stocked.entries("line", "location", "allocated_delta", event_type="ALLOCATE") == [(1, "A-1", 6), (1, "A-2", 2), (2, "DEFAULT", 1)]
    assert stocked.differences() == []


def test_days_left_pass_over_what_goes_off_too_soon(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "MILK", "qty": 9, "min_days_left": 10}])
    assert pinned(stocked, "MILK") == [("BER", "DEFAULT", "M3", 1), ("LON", "A-1", "M2", 6), ("LON", "A-2", "M2", 2)]
    [row] = stocked.reserve("O2", [{"sku": "MILK", "qty": 3, "min_days_left": 11}])
    assert (row["outcome"], row["available"]) == ("rejected", 2)


def test_who_is_short_is_offered_such_units_of_each_warehouse_by_its_priority(stocked: Shop) -> None:
    for first, second, priority in [("BER", "LON", 0), ("LON", "BER", 2)]:
        stocked.put_warehouses(lines=[{"code": "BER", "priority": priority}])
        [row] = stocked.reserve("O1", [{"sku": "MILK", "qty": 99, "min_days_left": 10}])
        such = {"LON": 8, "BER": 3}
        assert (row["available"], row["offers"]) == (11, [{"warehouse": code, "available": such[code]} for code in (first, second)])


def test_the_last_day_has_no_days_left(stocked: Shop) -> None:
    assert columns(stocked.reserve("O1", [{"sku": "MILK", "qty": 1, "lot": "M1", "min_days_left": 2}]), "outcome") == [("reserved",)]
    assert columns(stocked.reserve("O2", [{"sku": "MILK", "qty": 1, "lot": "M1", "min_days_left": 3}]), "outcome") == [("rejected",)]


def test_a_lot_without_a_last_day_always_has_days_left(stocked: Shop) -> None:
    stocked.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "ETERNAL"}])
    assert columns(stocked.reserve("O1", [{"sku": "MILK", "qty": 1, "lot": "ETERNAL", "min_days_left": 36500}]), "outcome") == [
        ("reserved",)
    ]


def test_an_expired_lot_is_not_to_be_had(stocked: Shop, clock: Clock) -> None:
    clock.advance(days=3)
    [row] = stocked.reserve("O1", [{"sku": "MILK", "qty": 1, "lot": "M1"}])
    assert (row["outcome"], row["available"]) == ("rejected", 0)
    assert stocked.differences() == []


def test_lines_of_one_call_do_not_take_each_others_units(stocked: Shop) -> None:
    """Whoever could use A-2 leaves A-1 to the line that can use nothing else; what is pinned is gone for the line without wishes."""
    stocked.reserve(
        "O1",
        [
            {"sku": "MILK", "qty": 3},
            {"sku": "MILK", "qty": 4, "lot": "M2", "warehouse": "LON"},
            {"sku": "MILK", "qty": 8, "location": "A-1", "warehouse": "LON"},
        ],
    )
    rows = columns(stocked.view("reservations", order_ref="O1"), "line", "warehouse", "lot", "location", "reserved", "allocated")
    assert rows == [
        (1, "BER", None, None, 3, 0),
        (2, "LON", "M2", None, 4, 4),
        (3, "LON", None, "A-1", 8, 8),
    ]
    assert stocked.differences() == []


def test_one_short_line_rejects_all_and_pins_nothing(stocked: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": 1}, {"sku": "APPLE", "qty": 4, "location": "A-2", "warehouse": "LON"}]
    assert columns(stocked.reserve("O1", lines), "outcome", "qty_short") == [("rejected", 0), ("rejected", 1)]
    assert pinned(stocked, "APPLE") == []


def test_a_part_is_promised_where_that_will_do(stocked: Shop) -> None:
    answer = stocked.reserve("O1", [{"sku": "APPLE", "qty": 4, "location": "A-2"}], warehouse="LON", on_shortage="partial")
    assert columns(answer, "outcome", "qty_reserved", "qty_short") == [("reserved", 3, 0), ("short", 0, 1)]
    assert pinned(stocked, "APPLE") == [("LON", "A-2", None, 3)]


def test_certain_units_do_not_wait(stocked: Shop) -> None:
    stocked.put_products(lines=[{"sku": "APPLE", "backorder": "unlimited"}])
    lines = [{"sku": "APPLE", "qty": 4, "location": "A-2", "warehouse": "LON"}]
    assert columns(stocked.reserve("O1", lines, on_shortage="backorder"), "outcome") == [("rejected",)]
    lines = [{"sku": "APPLE", "qty": 3, "location": "A-2", "warehouse": "LON"}, {"sku": "APPLE", "qty": 9}]
    assert columns(stocked.reserve("O1", lines, on_shortage="backorder"), "line", "outcome", "qty_reserved", "qty_backordered") == [
        (1, "reserved", 3, 0),
        (2, "reserved", 5, 0),
        (2, "backordered", 0, 4),
    ]


def test_holds_that_ended_give_their_bins_back(stocked: Shop, clock: Clock) -> None:
    line = {"sku": "APPLE", "qty": 3, "location": "A-2", "warehouse": "LON"}
    stocked.reserve("CART", [line], ttl="1 hour")
    assert columns(stocked.quote([line]), "qty_short") == [(3,)]
    clock.advance(hours=1)
    assert columns(stocked.quote([line]), "qty_short") == [(0,)]
    assert columns(stocked.reserve("O1", [line]), "outcome") == [("reserved",)]
    assert stocked.entries("event_type", "order_ref", "allocated_delta", sku="APPLE", location="A-2")[1:] == [
        ("ALLOCATE", "CART", 3),
        ("DEALLOCATE", "CART", -3),
        ("ALLOCATE", "O1", 3),
    ]
    assert stocked.differences() == []


def test_lost_units_are_replaced_by_such_as_were_asked_for(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "MILK", "qty": 2, "lot": "M2", "warehouse": "LON"}])
    [(_, location, _, _)] = pinned(stocked, "MILK")
    stocked.adjust("LON", [{"sku": "MILK", "qty": -6, "location": "A-1", "lot": "M2"}], reason="spilt")
    stocked.adjust("LON", [{"sku": "MILK", "qty": -1, "location": "A-2", "lot": "M2"}], reason="spilt")
    stocked.deallocate("O1")
    answer = stocked.allocate("O1")
    assert columns(answer, "outcome", "location", "lot", "qty") in (
        [("allocated", "A-2", "M2", 1), ("short", None, None, 1)],
        [("short", None, None, 1)],
    )
    assert pinned(stocked, "MILK") == [("LON", "A-2", "M2", 1)]
    assert location in ("A-1", "A-2")


def test_lost_units_are_not_replaced_by_others_that_another_order_would_take(stocked: Shop) -> None:
    stocked.reserve("ANY", [{"sku": "APPLE", "qty": 1}])
    stocked.reserve("SURE", [{"sku": "APPLE", "qty": 3, "location": "A-2"}], warehouse="LON")
    stocked.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-2"}], reason="lost")
    assert columns(stocked.allocate("SURE"), "outcome", "qty") == [("short", 1)]
    assert pinned(stocked, "APPLE") == [("LON", "A-2", None, 2)]


def test_who_will_take_any_units_gives_way_first(stocked: Shop) -> None:
    stocked.reserve("SURE", [{"sku": "APPLE", "qty": 2, "location": "A-2"}], warehouse="LON")
    stocked.reserve("ANY", [{"sku": "APPLE", "qty": 6}])
    stocked.allocate("ANY")
    stocked.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-2"}], reason="lost")
    assert columns(stocked.view("reservations"), "order_ref", "allocated") == [("ANY", 5), ("SURE", 2)]


def test_pins_that_were_asked_for_stay_until_the_promise_goes(stocked: Shop, db: psycopg.Connection) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 2, "location": "A-2"}, {"sku": "APPLE", "qty": 1}], warehouse="LON")
    stocked.allocate("O1")
    with refused(db, "22023", argument="lines", order_line=1):
        stocked.deallocate("O1", [{"line": 1, "qty": 1}])
    assert columns(stocked.deallocate("O1"), "line", "qty") == [(2, 1)]
    stocked.release("O1", [{"line": 1, "qty": 1}])
    assert pinned(stocked, "APPLE") == [("LON", "A-2", None, 1)]
    assert columns(stocked.ship("O1", [{"line": 1}]), "line", "location", "qty") == [(1, "A-2", 1)]
    assert stocked.differences() == []


def test_a_confirmed_cart_keeps_its_pins_and_wishes(stocked: Shop) -> None:
    stocked.reserve("CART", [{"sku": "MILK", "qty": 2, "lot": "M2", "min_days_left": 5}], ttl="1 hour")
    stocked.confirm("CART", "O1")
    assert columns(stocked.view("reservations"), "order_ref", "lot", "min_days_left", "allocated", "expires_at") == [
        ("O1", "M2", 5, 2, None)
    ]


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({"sku": "APPLE", "location": "A-1"}, "22023", {"key": "location"}),
        ({"sku": "APPLE", "location": "B-9", "warehouse": "LON"}, "OS105", {"location": "B-9"}),
        ({"sku": "APPLE", "lot": "M1"}, "OS108", {"lot": "M1"}),
        ({"sku": "APPLE", "min_days_left": 1}, "OS108", {}),
        ({"sku": "MILK", "lot": "M9"}, "OS107", {"lot": "M9"}),
        ({"sku": "MILK", "min_days_left": -1}, "22023", {"key": "min_days_left"}),
        ({"sku": "MILK", "min_days_left": 1.5}, "22023", {"key": "min_days_left"}),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    stocked: Shop, db: psycopg.Connection, line: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, line=1, **detail):
        stocked.reserve("O1", [line | {"qty": 1}])


@pytest.mark.parametrize("strategy", ["least_cost", "fewest_splits", "ship_complete"])
def test_sets_of_warehouses_are_not_chosen_for_certain_units(stocked: Shop, db: psycopg.Connection, strategy: str) -> None:
    with refused(db, "22023", argument="strategy"):
        stocked.reserve("O1", [{"sku": "MILK", "qty": 1, "lot": "M3"}], strategy=strategy)
    answer = stocked.reserve("O1", [{"sku": "MILK", "qty": 1, "lot": "M3"}], strategy=strategy, warehouse="BER")
    assert columns(answer, "outcome") == [("reserved",)]


def test_equal_wishes_without_a_number_are_one_line(stocked: Shop) -> None:
    line = {"sku": "MILK", "qty": 1, "lot": "M2", "warehouse": "LON"}
    answer = stocked.reserve("O1", [line, line | {"location": "A-2"}, line, {"sku": "MILK", "qty": 1}])
    assert sorted(columns(answer, "line", "qty_ordered")) == [(1, 2), (2, 1), (3, 1)]


def test_a_hold_that_ended_elsewhere_is_left_alone(stocked: Shop, clock: Clock) -> None:
    stocked.reserve("CART", [{"sku": "APPLE", "qty": 4, "location": "A-1"}], warehouse="LON", ttl="1 hour")
    clock.advance(hours=1)
    [row] = stocked.reserve("O1", [{"sku": "APPLE", "qty": 2, "location": "A-2"}], warehouse="LON")
    assert (row["outcome"], stocked.entries("order_ref", event_type="EXPIRE")) == ("reserved", [])
    assert pinned(stocked, "APPLE") == [("LON", "A-2", None, 2)]
    [row] = stocked.reserve("O2", [{"sku": "APPLE", "qty": 2, "location": "A-1"}], warehouse="LON")
    assert (row["outcome"], stocked.entries("order_ref", event_type="EXPIRE")) == ("reserved", [("CART",)])

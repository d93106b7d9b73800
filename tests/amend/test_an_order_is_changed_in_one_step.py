"""amend says what an order's lines are to be: less is given back, more is promised, all of it or nothing, in one step."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import Clock, Connect, Shop, columns, day, refused, unchanged


@pytest.fixture
def order(shop: Shop) -> Shop:
    """O1: 4 APPLE (line 1) and 2 RICE (line 2), of 10 and 5 in London; 3 APPLE in Berlin."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "RICE", "qty": 5, "location": "A-1"}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4}, {"sku": "RICE", "qty": 2}])
    return shop


def lines(shop: Shop, order_ref: str = "O1") -> list[tuple[Any, ...]]:
    """(line, sku, warehouse, ordered, reserved, released) of what an order is promised."""
    rows = shop.view("reservations", order_ref=order_ref)
    return columns(rows, "line", "sku", "warehouse", "ordered", "reserved", "released")


def test_less_of_one_line_and_more_of_another(order: Shop) -> None:
    answer = order.amend("O1", [{"line": 1, "qty": 1}, {"sku": "RICE", "qty": 4}])
    assert columns(answer, "line", "outcome", "qty_reserved", "qty_released", "available") == [
        (1, "released", 1, 3, 9),
        (2, "reserved", 4, 0, 1),
    ]
    assert lines(order) == [(1, "APPLE", "LON", 4, 1, 3), (2, "RICE", "LON", 4, 4, 0)]
    assert order.entries("event_type", "sku", "reserved_delta", order_ref="O1")[2:] == [("RELEASE", "APPLE", -3), ("RESERVE", "RICE", 2)]
    assert order.differences() == []


def test_what_is_given_back_is_answered_before_what_is_new(order: Shop) -> None:
    """What is given back in the order of the entries, what is new in that of the lines."""
    order.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "M1"}])
    order.reserve("O1", [{"sku": "MILK", "qty": 1, "line": 7}, {"sku": "APPLE", "qty": 2, "line": 3}])
    entries = [{"line": 7, "qty": 3}, {"line": 3, "qty": 1}, {"line": 2, "qty": 4}, {"line": 1, "qty": 3}]
    assert columns(order.amend("O1", entries), "line", "outcome", "qty_reserved", "qty_released") == [
        (3, "released", 1, 1),
        (1, "released", 3, 1),
        (2, "reserved", 4, 0),
        (7, "reserved", 3, 0),
    ]


def test_new_lines_are_numbered_as_they_are_asked_for(order: Shop) -> None:
    """And after those of this order: what waits for another has its own numbers."""
    order.put_products(lines=[{"sku": sku, "name": sku, "backorder": "unlimited"} for sku in ("ZINC", "CORK")])
    order.reserve("O2", [{"sku": "CORK", "qty": 1, "line": 9}], on_shortage="backorder")
    order.receive("LON", [{"sku": sku, "qty": 5} for sku in ("CORK", "ZINC")], fill_backorders=False)
    order.amend("O1", [{"sku": "ZINC", "qty": 1}, {"line": 1, "qty": 1}, {"sku": "CORK", "qty": 1}])
    assert columns(order.view("reservations", order_ref="O1"), "line", "sku") == [(1, "APPLE"), (2, "RICE"), (3, "ZINC"), (4, "CORK")]


def test_of_several_wrong_entries_the_first_is_named(order: Shop, db: psycopg.Connection) -> None:
    """Also where it is one of those that ask for more, among others that give back."""
    with refused(db, "OS110", line=2):
        order.amend("O1", [{"line": 1, "qty": 1}, {"line": 2, "qty": -1}, {"line": 7, "qty": 1}])
    with refused(db, "OS101", line=2, sku="PEAR"):
        order.amend("O1", [{"line": 1, "qty": 1}, {"sku": "PEAR", "qty": 1}, {"sku": "OLD", "qty": 1}])


def test_a_line_that_asks_for_a_place_grows_there(order: Shop) -> None:
    """Also where the line has parts elsewhere, from which it asks for nothing."""
    order.put_locations("BER", [{"code": "A-1"}])
    order.receive("BER", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    for warehouse in ("BER", "LON"):
        order.reserve(warehouse, [{"sku": "APPLE", "qty": 1, "location": "A-1"}], warehouse=warehouse)
        order.amend(warehouse, [{"line": 1, "qty": 3}])
        assert columns(order.view("bins", sku="APPLE", warehouse=warehouse, location="A-1"), "allocated") == [(3,)]


def test_what_one_line_frees_another_may_have(order: Shop) -> None:
    order.reserve("O2", [{"sku": "APPLE", "qty": 9}])
    order.allocate("O1")
    order.amend("O1", [{"line": 1, "qty": 0}, {"sku": "APPLE", "line": 5, "qty": 4}])
    assert lines(order) == [(1, "APPLE", "LON", 4, 0, 4), (2, "RICE", "LON", 2, 2, 0), (5, "APPLE", "LON", 4, 4, 0)]
    assert (order.level("APPLE")[3], order.level("APPLE", "BER")[3]) == (0, 0)
    assert order.differences() == []


def test_a_new_line_gets_the_next_number(order: Shop) -> None:
    order.receive("LON", [{"sku": "MILK", "qty": 2, "lot": "M1"}])
    assert columns(order.amend("O1", [{"sku": "MILK", "qty": 1}]), "line", "outcome", "qty_reserved") == [(3, "reserved", 1)]
    assert columns(order.amend("O1", [{"sku": "MILK", "line": 9, "qty": 1}]), "line", "outcome", "qty_reserved") == [(9, "reserved", 1)]


def test_nothing_that_changes_is_no_row(order: Shop, db: psycopg.Connection) -> None:
    before = order.view("ledger")
    assert order.amend("O1", [{"line": 1, "qty": 4}, {"sku": "RICE", "qty": 2}, {"sku": "MILK", "qty": 0}]) == []
    assert order.view("ledger") == before


def test_a_line_grows_from_another_warehouse(order: Shop) -> None:
    order.amend("O1", [{"line": 1, "qty": 12}])
    assert lines(order)[:2] == [(1, "APPLE", "BER", 2, 2, 0), (1, "APPLE", "LON", 10, 10, 0)]
    order.amend("O1", [{"line": 1, "qty": 13, "warehouse": "BER"}])
    assert lines(order)[:2] == [(1, "APPLE", "BER", 3, 3, 0), (1, "APPLE", "LON", 10, 10, 0)]


def test_what_is_short_leaves_the_order_as_it_was(order: Shop, db: psycopg.Connection) -> None:
    before, entries = lines(order), order.view("ledger")
    answer = order.amend("O1", [{"line": 1, "qty": 1}, {"line": 2, "qty": 6}])
    assert columns(answer, "line", "outcome", "qty_ordered", "qty_short", "available") == [(2, "rejected", 4, 1, 3)]
    assert (lines(order), order.view("ledger")) == (before, entries)
    with refused(db, "OS201", order_ref="O1"):
        order.amend("O1", [{"line": 1, "qty": 1}, {"line": 2, "qty": 6}], on_shortage="error")


def test_a_part_or_a_place_in_the_queue(order: Shop) -> None:
    order.put_products(lines=[{"sku": "RICE", "backorder": "unlimited"}])
    answer = order.amend("O1", [{"line": 1, "qty": 1}, {"line": 2, "qty": 6}], on_shortage="partial")
    assert columns(answer, "line", "outcome", "qty_reserved", "qty_short") == [
        (1, "released", 1, 0),
        (2, "reserved", 5, 0),
        (2, "short", 0, 1),
    ]
    answer = order.amend("O1", [{"line": 2, "qty": 8}], on_shortage="backorder")
    assert columns(answer, "line", "outcome", "qty_backordered") == [(2, "backordered", 3)]
    answer = order.amend("O1", [{"line": 2, "qty": 6}])
    assert columns(answer, "line", "outcome", "qty_released", "qty_backordered") == [(2, "released", 2, 1)]
    assert order.differences() == []


def test_what_waits_longer_keeps_its_place(order: Shop) -> None:
    order.put_products(lines=[{"sku": "RICE", "backorder": "unlimited"}])
    order.amend("O1", [{"line": 2, "qty": 6}], on_shortage="backorder")
    order.reserve("O2", [{"sku": "RICE", "qty": 2}], on_shortage="backorder")
    order.amend("O1", [{"line": 2, "qty": 9}], on_shortage="backorder")
    assert columns(order.view("backorders"), "place", "order_ref", "qty") == [(1, "O1", 1), (2, "O2", 2), (3, "O1", 3)]
    order.amend("O1", [{"line": 2, "qty": 7}])
    assert columns(order.view("backorders"), "place", "order_ref", "qty") == [(1, "O1", 1), (2, "O2", 2), (3, "O1", 1)]


def test_pins_go_last(order: Shop) -> None:
    order.allocate("O1")
    order.amend("O1", [{"line": 1, "qty": 6}])
    order.amend("O1", [{"line": 1, "qty": 5}])
    assert columns(order.view("reservations", line=1), "reserved", "allocated") == [(5, 4)]
    order.amend("O1", [{"line": 1, "qty": 3}])
    assert columns(order.view("reservations", line=1), "reserved", "allocated") == [(3, 3)]
    assert order.differences() == []


def test_what_was_shipped_counts(order: Shop, db: psycopg.Connection) -> None:
    order.ship("O1", [{"line": 1, "qty": 3}])
    with refused(db, "OS303", line=1, asked=2, shipped=3):
        order.amend("O1", [{"line": 1, "qty": 2}])
    assert columns(order.amend("O1", [{"line": 1, "qty": 3}]), "outcome", "qty_released") == [("released", 1)]
    assert columns(order.amend("O1", [{"line": 1, "qty": 5}]), "outcome", "qty_reserved") == [("reserved", 2)]


def test_a_hold_keeps_its_end_and_new_lines_end_with_the_last(order: Shop) -> None:
    order.reserve("CART", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    order.reserve("CART", [{"sku": "RICE", "qty": 1}], ttl="2 hours")
    first, last = columns(order.view("reservations", order_ref="CART"), "expires_at")
    order.receive("LON", [{"sku": "MILK", "qty": 2, "lot": "M1"}])
    order.amend("CART", [{"line": 1, "qty": 2}, {"sku": "MILK", "qty": 1}])
    assert columns(order.view("reservations", order_ref="CART"), "expires_at", "reserved") == [(*first, 2), (*last, 1), (*last, 1)]
    order.amend("O1", [{"sku": "MILK", "qty": 1}])
    assert columns(order.view("reservations", order_ref="O1", sku="MILK"), "expires_at") == [(None,)]
    assert order.differences() == []


def test_all_of_a_line_ends_at_the_same_time(order: Shop) -> None:
    """Also where the order has other lines that do not end: a part of the line that waited without end could not be filled into one that is a hold."""
    order.put_products(lines=[{"sku": "RICE", "backorder": "unlimited"}])
    order.reserve("O1", [{"sku": "RICE", "qty": 1, "line": 3}], ttl="1 hour")
    [until] = columns(order.view("reservations", line=3), "expires_at")
    order.receive("BER", [{"sku": "RICE", "qty": 1}])
    order.amend("O1", [{"line": 3, "qty": 5}], on_shortage="backorder")
    assert sorted(columns(order.view("reservations", line=3), "warehouse", "reserved", "backordered", "expires_at"), key=repr) == [
        ("BER", 1, 0, *until),
        ("LON", 3, 0, *until),
        (None, 0, 1, *until),
    ]
    order.receive("LON", [{"sku": "RICE", "qty": 1}])
    order.confirm("O1")
    order.fill_backorders()
    assert columns(order.view("order_lines", order_ref="O1", line=3), "reserved", "backordered", "expires_at") == [(5, 0, None)]
    assert order.differences() == []


def test_a_part_that_ended_is_booked_before_its_line_grows(order: Shop, clock: Clock) -> None:
    order.reserve("CART", [{"sku": "APPLE", "qty": 2}], ttl="1 hour")
    order.reserve("CART", [{"sku": "RICE", "qty": 1}], ttl="9 hours")
    clock.advance(hours=2)
    order.amend("CART", [{"line": 1, "qty": 3}])
    [row] = order.view("reservations", order_ref="CART", sku="APPLE")
    assert (row["ordered"], row["reserved"], row["expired"]) == (5, 3, 2)
    clock.advance(hours=5)
    assert columns(order.view("reservations", order_ref="CART"), "reserved") == [(3,), (1,)]
    assert order.differences() == []


def test_units_of_holds_that_ended_may_be_had(order: Shop, clock: Clock) -> None:
    order.reserve("CART", [{"sku": "RICE", "qty": 3}], ttl="1 hour")
    order.allocate("CART")
    clock.advance(hours=1)
    assert columns(order.amend("O1", [{"line": 2, "qty": 5}]), "outcome") == [("reserved",)]
    assert order.differences() == []


def test_a_line_keeps_what_it_asked_for(order: Shop) -> None:
    order.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "M1", "expires_on": day(9)}, {"sku": "MILK", "qty": 4, "lot": "M2", "expires_on": day(5)}])
    order.reserve("O2", [{"sku": "MILK", "qty": 1, "lot": "M1"}])
    order.amend("O2", [{"line": 1, "qty": 4}])
    assert sorted(columns(order.view("bins", sku="MILK"), "lot", "allocated")) == [("M1", 4), ("M2", 0)]
    assert columns(order.amend("O2", [{"line": 1, "qty": 5}]), "outcome", "qty_short") == [("rejected", 1)]


def test_certain_units_that_one_line_gives_back_another_may_have(order: Shop) -> None:
    """Those that are pinned, as far as the line that gives back does not keep them."""
    order.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "M1", "location": "A-1"}, {"sku": "MILK", "qty": 9, "lot": "M2", "location": "A-1"}])
    order.reserve("O2", [{"sku": "MILK", "qty": 3, "lot": "M1", "line": 1}, {"sku": "MILK", "qty": 1, "lot": "M1", "line": 2}])
    answer = order.amend("O2", [{"line": 1, "qty": 1}, {"line": 2, "qty": 3}])
    assert columns(answer, "line", "outcome", "qty_reserved") == [(1, "released", 1), (2, "reserved", 3)]
    assert columns(order.view("reservations", order_ref="O2"), "line", "reserved", "allocated") == [(1, 1, 1), (2, 3, 3)]
    assert columns(order.amend("O2", [{"line": 1, "qty": 0}, {"line": 2, "qty": 5}]), "line", "outcome", "qty_short") == [(2, "rejected", 1)]
    assert order.differences() == []


def test_an_inactive_product_can_be_given_back_but_not_had(order: Shop, db: psycopg.Connection) -> None:
    order.put_products(lines=[{"sku": "APPLE", "active": False}])
    order.amend("O1", [{"line": 1, "qty": 1}])
    with refused(db, "OS102", line=2, sku="APPLE"):
        order.amend("O1", [{"line": 2, "qty": 1}, {"line": 1, "qty": 2}])


@pytest.mark.parametrize(
    ("given", "code", "detail"),
    [
        ([{"qty": 1}], "22023", {"problem": "must name a line or a sku"}),
        ([{"line": 7, "qty": 1}], "22023", {"line": 1}),
        ([{"line": 1, "sku": "RICE", "qty": 1}], "22023", {"key": "sku"}),
        ([{"line": 1, "qty": 1}, {"sku": "APPLE", "qty": 2}], "22023", {"problem": "names what another entry names too"}),
        ([{"line": 1, "qty": -1}], "OS110", {}),
        ([{"line": 1, "qty": 1.5}], "OS110", {}),
        ([{"sku": "PEAR", "qty": 1}], "OS101", {"sku": "PEAR"}),
        ([{"line": 1, "qty": 9, "warehouse": "SHUT"}], "OS104", {}),
        ([{"line": 1}], "22023", {"key": "qty"}),
    ],
)
def test_what_cannot_be_meant_is_refused(
    order: Shop, db: psycopg.Connection, given: list[dict[str, Any]], code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, **detail):
        order.amend("O1", given)


@pytest.mark.parametrize(
    "wrong",
    [{"on_shortage": "wait"}, {"on_shortage": ""}, {"reason": "r" * 1001}, {"strategy": "cheapest"}, {"on_shortage": "partial", "strategy": "ship_complete"}],
)
def test_the_offending_argument_is_named(order: Shop, db: psycopg.Connection, wrong: dict[str, Any]) -> None:
    with refused(db, "22023", argument=next(iter(wrong))):
        order.amend("O1", [{"line": 1, "qty": 5}], **wrong)


def test_a_sku_of_two_lines_names_neither(order: Shop, db: psycopg.Connection) -> None:
    order.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    with refused(db, "22023", problem="the order has several such lines: name one"):
        order.amend("O1", [{"sku": "APPLE", "qty": 1}])


def test_an_order_that_is_not_open_cannot_be_amended(order: Shop, db: psycopg.Connection, clock: Clock) -> None:
    with refused(db, "OS301"):
        order.amend("O9", [{"sku": "APPLE", "qty": 1}])
    order.reserve("CART", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    clock.advance(hours=1)
    with refused(db, "OS305"):
        order.amend("CART", [{"line": 1, "qty": 2}])
    order.cancel("O1")
    with refused(db, "OS302"):
        order.amend("O1", [{"line": 1, "qty": 2}])


def test_a_replay_changes_nothing(order: Shop, db: psycopg.Connection) -> None:
    first = order.amend("O1", [{"line": 1, "qty": 7}], op_id="again")
    with unchanged(db):
        second = order.amend("O1", [{"line": 1, "qty": 7}], op_id="again")
    assert [row | {"replayed": True} for row in first] == second


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_it_works_at_stricter_isolation_levels(order: Shop, connect: Connect, level: str) -> None:
    other = connect("app", autocommit=False)
    other.execute(f"set transaction isolation level {level}")
    Shop(other, order.db).amend("O1", [{"line": 1, "qty": 1}, {"line": 2, "qty": 5}])
    other.commit()
    assert lines(order) == [(1, "APPLE", "LON", 4, 1, 3), (2, "RICE", "LON", 5, 5, 0)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 7)), min_size=1, max_size=3, unique_by=lambda t: t[0]), st.booleans()),
        min_size=1,
        max_size=5,
    )
)
def test_an_order_is_what_the_last_amendment_that_fits_says(order: Shop, steps: list[tuple[list[tuple[int, int]], bool]]) -> None:
    """Three lines of apples, 13 in all: whatever was asked before, an amendment fits if its sum does."""
    with order.connection.transaction(force_rollback=True):
        order.reserve("O2", [{"sku": "APPLE", "qty": 1, "line": line} for line in (1, 2, 3)])
        order.release("O1", [{"sku": "APPLE"}])
        wanted = {1: 1, 2: 1, 3: 1}
        for changes, pin in steps:
            if pin:
                order.allocate("O2")
            answer = order.amend("O2", [{"line": line, "sku": "APPLE", "qty": qty} for line, qty in changes])
            asked = wanted | dict(changes)
            rejected = bool(answer) and answer[0]["outcome"] == "rejected"
            assert rejected == (sum(asked.values()) > 13)
            wanted = wanted if rejected else asked
            rows = order.view("order_lines", order_ref="O2")
            assert {row["line"]: row["reserved"] for row in rows} == {line: Decimal(qty) for line, qty in wanted.items()}
            if not sum(wanted.values()):
                break

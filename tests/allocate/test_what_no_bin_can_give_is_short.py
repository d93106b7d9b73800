"""Promised units may be lost or expire before they are pinned: partial pins the rest, reject nothing, error refuses."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Clock, Shop, columns, day, refused


@pytest.fixture
def short(shop: Shop) -> Shop:
    """Order O1 of 8 APPLE and 2 RICE; 3 of the apples are lost before they are pinned."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 8, "location": "A-1"}, {"sku": "RICE", "qty": 2}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 8}, {"sku": "RICE", "qty": 2}])
    shop.adjust("LON", [{"sku": "APPLE", "qty": -3, "location": "A-1"}], reason="lost")
    return shop


ALL = [(1, "APPLE", "A-1", "allocated", 5), (1, "APPLE", None, "short", 3), (2, "RICE", "DEFAULT", "allocated", 2)]


@pytest.mark.parametrize("arguments", [{}, {"on_shortage": "partial"}, {"on_shortage": None}], ids=str)
def test_partial_pins_what_there_is(short: Shop, arguments: dict[str, str | None]) -> None:
    answer = short.allocate("O1", **arguments)
    assert columns(answer, "line", "sku", "location", "outcome", "qty") == ALL
    assert columns(short.view("reservations"), "reserved", "allocated") == [(8, 5), (2, 2)]
    assert short.differences() == []


def test_reject_pins_nothing_and_names_what_is_open(short: Shop) -> None:
    answer = short.allocate("O1", on_shortage="reject", op_id="pin")
    assert {row["outcome"] for row in answer} == {"short"}
    assert short.entries("event_type", op_id="pin") == []
    assert columns(short.view("reservations"), "allocated") == [(0,), (0,)]
    assert short.differences() == []


def test_reject_pins_all_where_nothing_is_short(short: Shop) -> None:
    short.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-2"}])
    answer = short.allocate("O1", on_shortage="reject")
    assert {row["outcome"] for row in answer} == {"allocated"}
    assert columns(short.view("reservations"), "allocated") == [(8,), (2,)]


def test_error_refuses_and_says_what_is_short(short: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS201", order_ref="O1") as refusal:
        short.allocate("O1", on_shortage="error")
    assert {(row["line"], row["sku"], row["outcome"]) for row in refusal.detail["lines"]} >= {(1, "APPLE", "short")}


def test_what_came_in_since_is_pinned_by_the_next_call(short: Shop) -> None:
    short.allocate("O1")
    short.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-2"}])
    assert columns(short.allocate("O1"), "line", "location", "outcome", "qty") == [
        (1, "A-2", "allocated", 2),
        (1, None, "short", 1),
    ]
    assert short.differences() == []


def test_a_lot_that_expires_after_the_promise_is_not_pinned(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2)}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 5}])
    clock.advance(days=4)
    assert columns(shop.allocate("O1"), "lot", "outcome", "qty") == [(None, "short", 5)]
    assert shop.level("MILK") == (5, 5, 5, -5)
    assert shop.differences() == []


def test_units_that_were_blocked_after_the_promise_are_not_pinned(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 5}])
    shop.move("LON", [{"sku": "APPLE", "qty": 4, "from": "A-1", "to_status": "hold"}])
    assert columns(shop.allocate("O1"), "location", "outcome", "qty") == [("A-1", "allocated", 1), (None, "short", 4)]
    assert shop.differences() == []

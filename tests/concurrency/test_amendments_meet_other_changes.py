"""amend finds all its stock before it gives anything back: what changes meanwhile is not given back twice, and only who is concerned is waited for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg import IsolationLevel

from ..support import Shop, columns, unchanged
from ..wall_clock import WallClock
from .sessions import ALL_LEVELS, NEVER, OpenSession

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)


@pytest.fixture
def held(shop: Shop, wall_clock: WallClock) -> Shop:
    """6 APPLE, of which C-1 holds 3 for an hour and FIRM has 3; 2 of 9 RICE are promised to O1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 6}, {"sku": "RICE", "qty": 9}])
    shop.reserve("C-1", [{"sku": "APPLE", "qty": 3}], ttl=timedelta(hours=1))
    shop.reserve("FIRM", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("O1", [{"sku": "RICE", "qty": 2}])
    return shop


@every_level
def test_a_hold_that_is_booked_while_it_is_amended_is_not_given_back_again(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel
) -> None:
    one, two = session(), session(level)
    one.adjust("LON", [{"sku": "APPLE", "qty": 1}], reason="found")
    waiting = two.blocked("amend", "C-1", [{"line": 1, "qty": 1}])
    wall_clock.advance(hours=2)
    assert columns(one.reserve("NEW", [{"sku": "APPLE", "qty": 4}]), "outcome") == [("reserved",)]
    one.commit()
    with unchanged(held.db):
        assert two.refused(waiting) == "40001"
        assert two.refused(two.later("amend", "C-1", [{"line": 1, "qty": 1}])) == "OS305"
    assert columns(held.view("reservations", order_ref="C-1"), "reserved", "released", "expired") == [(0, 0, 3)]
    assert held.differences() == []


@every_level
def test_an_amendment_does_not_wait_for_products_of_other_orders(held: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(), session(level)
    one.adjust("LON", [{"sku": "RICE", "qty": 1}], reason="found")
    assert columns(two.unhindered("amend", "FIRM", [{"line": 1, "qty": 1}]), "outcome") == [("released",)]
    two.commit()


def test_a_hold_of_the_order_that_is_booked_meanwhile_does_not_stop_the_rest(held: Shop, session: OpenSession, wall_clock: WallClock) -> None:
    held.release("FIRM", [{"line": 1, "qty": 2}])
    held.reserve("C-1", [{"sku": "APPLE", "qty": 1, "line": 2}], ttl=timedelta(hours=9))
    held.allocate("C-1")
    held.reserve("C-9", [{"sku": "APPLE", "qty": 1}], ttl=timedelta(hours=1))
    wall_clock.advance(hours=2)
    one, two = session(), session()
    assert columns(one.reserve("NEW", [{"sku": "APPLE", "qty": 2}]), "outcome") == [("reserved",)]
    waiting = two.blocked("amend", "C-1", [{"line": 2, "qty": 2}])
    one.commit()
    assert columns(two.outcome(waiting, "amend", "C-1", [{"line": 2, "qty": 2}]), "outcome") == [("reserved",)]
    assert held.differences() == []


def test_who_came_in_time_and_had_to_wait_gives_back_what_has_ended_since(held: Shop, session: OpenSession, wall_clock: WallClock) -> None:
    one, two = session(), session()
    one.adjust("LON", [{"sku": "APPLE", "qty": 1}], reason="found")
    waiting = two.blocked("amend", "C-1", [{"line": 1, "qty": 1}])
    wall_clock.advance(hours=2)
    one.rollback()
    assert columns(waiting.result(NEVER), "outcome", "qty_released", "qty_reserved") == [("released", 2, 1)]
    two.commit()
    assert held.differences() == []


def test_a_hold_that_was_extended_in_time_keeps_its_units(shop: Shop, wall_clock: WallClock, session: OpenSession) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 9}])
    shop.reserve("MINE", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 4}], ttl=timedelta(hours=1))
    shop.adjust("LON", [{"sku": "APPLE", "qty": -7}], reason="a flood")
    one, two = session(), session()
    one.extend("CART", timedelta(hours=9))
    wall_clock.advance(hours=2)
    waiting = two.blocked("amend", "MINE", [{"line": 1, "qty": 0}, {"line": 2, "sku": "APPLE", "qty": 2}])
    one.commit()
    assert columns(two.outcome(waiting, "amend"), "outcome") == [("rejected",)]
    assert shop.differences() == []


def test_a_line_that_ends_while_the_call_waits_does_not_grow(shop: Shop, wall_clock: WallClock, session: OpenSession) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 4}])
    shop.reserve("MINE", [{"sku": "APPLE", "qty": 3}], ttl=timedelta(hours=1))
    one, two = session(), session()
    one.reserve("OTHER", [{"sku": "APPLE", "qty": 1}])
    waiting = two.blocked("amend", "MINE", [{"line": 1, "qty": 5}])
    wall_clock.advance(hours=2)
    one.rollback()
    assert two.refused(waiting) == "40001"
    assert columns(shop.view("orders", order_ref="MINE"), "status") == [("expired",)]
    assert shop.differences() == []


def test_another_line_of_the_order_may_end_while_the_call_waits(held: Shop, wall_clock: WallClock, session: OpenSession) -> None:
    held.reserve("C-1", [{"sku": "RICE", "qty": 1}], ttl=timedelta(hours=9))
    one, two = session(), session()
    one.adjust("LON", [{"sku": "APPLE", "qty": 1}], reason="found")
    waiting = two.blocked("amend", "C-1", [{"line": 2, "qty": 3}])
    wall_clock.advance(hours=2)
    one.reserve("NEW", [{"sku": "APPLE", "qty": 4}])  # of which the first line had three
    one.commit()
    assert columns(two.outcome(waiting, "amend"), "line", "outcome") == [(2, "reserved")]
    assert held.differences() == []

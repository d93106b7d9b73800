"""A level that comes into being while a buyer waits for others is looked at too: what cannot be settled there any more is tried anew, and only that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ..support import Shop, columns, day
from ..wall_clock import WallClock
from .sessions import OpenSession

HOUR = timedelta(hours=1)
LOT = {"sku": "MILK", "lot": "M1"}
PLAIN = {"sku": "MILK"}


@pytest.fixture
def milk(shop: Shop, wall_clock: WallClock) -> Shop:
    """4 MILK in London, of which CART held 3 until an hour ago; none in Berlin, where it was never stocked."""
    shop.receive("LON", [LOT | {"qty": 4, "expires_on": day(30)}])
    shop.reserve("CART", [PLAIN | {"qty": 3}], ttl=HOUR)
    wall_clock.advance(hours=2)
    return shop


@pytest.fixture
def apples(shop: Shop) -> Shop:
    """Ten apples in London, four of them promised; Rome, where there is nothing yet, comes after it."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("OLD", [{"sku": "APPLE", "qty": 4}])
    shop.put_warehouses(lines=[{"code": "ROM", "priority": 3}])
    return shop


@pytest.mark.parametrize("wish", [PLAIN, LOT], ids=["any units", "a lot"])
def test_a_hold_that_ended_there_or_units_that_are_asked_for_begin_it_anew(
    milk: Shop, session: OpenSession, wall_clock: WallClock, wish: dict[str, Any]
) -> None:
    one, two = session(), session()
    one.adjust("LON", [LOT | {"qty": 1}], reason="found")
    call = ("reserve", "NEW", [wish | {"qty": 7}])
    waiting = two.blocked(*call)
    milk.receive("BER", [LOT | {"qty": 3}])
    milk.reserve("BERLIN", [PLAIN | {"qty": 3}], ttl=HOUR, warehouse="BER")
    wall_clock.advance(hours=2)
    one.rollback()
    assert two.refused(waiting) == "40001"
    assert sorted(columns(two.reserve(*call[1:]), "warehouse", "outcome", "qty_reserved")) == [("BER", "reserved", 3), ("LON", "reserved", 4)]
    two.commit()
    assert milk.differences() == []


@pytest.mark.parametrize("wish", [PLAIN, LOT], ids=["any units", "a lot"])
def test_where_it_has_nothing_of_that_the_answer_stands(milk: Shop, session: OpenSession, wish: dict[str, Any]) -> None:
    """Its two are of another lot, and the lot is there no more; who asks for it is short, as is who would take any and more."""
    one, two = session(), session()
    one.adjust("LON", [LOT | {"qty": 1}], reason="found")
    waiting = two.blocked("reserve", "NEW", [wish | {"qty": 9}], on_shortage="partial")
    milk.receive("BER", [{"sku": "MILK", "qty": 2, "lot": "M2"}, LOT | {"qty": 1}])
    milk.adjust("BER", [LOT | {"qty": -1}], reason="spilt")
    one.rollback()
    answer = columns(two.outcome(waiting, "reserve"), "warehouse", "outcome", "qty_reserved", "qty_short")
    berlin = [("BER", "reserved", 2, 0)] if wish is PLAIN else []
    assert sorted(answer, key=str) == sorted([("LON", "reserved", 4, 0), *berlin, (None, "short", 0, 3 if berlin else 5)], key=str)
    assert milk.differences() == []


def test_a_lot_that_expires_meanwhile_is_judged_by_when_it_was_looked_at(milk: Shop, session: OpenSession, wall_clock: WallClock) -> None:
    milk.receive("LON", [{"sku": "MILK", "lot": "M2", "qty": 3, "location": "A-2", "expires_on": day(60)}])
    milk.reserve("ONE", [PLAIN | {"qty": 1}])
    one, two = session(), session()
    one.allocate("ONE", removal="lifo")  # it has the bin, and not the level
    milk_of_this_place = [{"sku": "MILK", "qty": 2, "warehouse": "LON", "location": "A-2"}]
    waiting = two.blocked("reserve", "TWO", milk_of_this_place)
    wall_clock.advance(days=40)
    one.commit()
    assert columns(two.outcome(waiting, "reserve"), "outcome") == [("reserved",)]
    two.commit()
    assert milk.differences() == []


def test_it_is_waited_for_where_it_comes_later(apples: Shop, session: OpenSession) -> None:
    one, two, other = session(), session(), session()
    one.reserve("ONE", [{"sku": "APPLE", "qty": 6}])
    waiting = two.blocked("reserve", "TWO", [{"sku": "APPLE", "qty": 4}])
    apples.receive("ROM", [{"sku": "APPLE", "qty": 5}])
    other.reserve("THREE", [{"sku": "APPLE", "qty": 1, "warehouse": "ROM"}])
    one.commit()
    two.until_blocked(waiting, by=other)
    other.commit()
    assert columns(waiting.result(), "outcome", "warehouse", "qty_reserved", "available") == [("reserved", "ROM", 4, 0)]
    two.commit()
    assert apples.differences() == []


def test_it_is_not_waited_for_out_of_order(apples: Shop, session: OpenSession) -> None:
    """Whoever has it may want the rice, which the promise holds already. Lines that are no more than a product and a quantity give theirs up and begin again."""
    wanted = [{"line": 1, "sku": "RICE", "qty": 1}, {"line": 2, "sku": "APPLE", "qty": 4}]
    apples.receive("LON", [{"sku": "RICE", "qty": 1}])
    one, two, other = session(), session(), session()
    one.reserve("ONE", [{"sku": "APPLE", "qty": 6}])
    waiting = two.blocked("reserve", "TWO", wanted)
    apples.receive("ROM", [{"sku": "APPLE", "qty": 5}])
    other.reserve("THREE", [{"sku": "APPLE", "qty": 1, "warehouse": "ROM"}])
    one.commit()
    assert two.refused(waiting) == "40001"
    other.commit()
    answer = two.reserve("TWO", wanted)
    assert columns(answer, "sku", "warehouse") == [("RICE", "LON"), ("APPLE", "ROM")]
    two.commit()

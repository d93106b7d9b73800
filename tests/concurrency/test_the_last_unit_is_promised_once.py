"""Two orders want the same last unit."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import IsolationLevel

from ..support import Clock, Shop, columns, day
from .sessions import ALL_LEVELS, NEVER, READ_COMMITTED, SNAPSHOT_LEVELS, OpenSession, all_outcomes

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
LAST = [{"sku": "APPLE", "qty": 1}]
# With a number it is not plain: all levels that it might come from are locked, and not only the first.
NUMBERED = [{"sku": "APPLE", "qty": 1, "line": 1}]


@pytest.fixture
def scarce(shop: Shop) -> Shop:
    """One apple in London, a bag of rice."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 5}])
    return shop


@every_level
@pytest.mark.parametrize("more", [[], [{"sku": "RICE", "qty": 1}]], ids=["alone", "with another"])
def test_the_second_waits_and_is_rejected(scarce: Shop, session: OpenSession, level: IsolationLevel, more: list[dict[str, Any]]) -> None:
    one, two = session(level), session(level)
    won, *_ = one.reserve("A", LAST)
    waiting = two.blocked("reserve", "B", LAST + more)
    one.commit()
    lost, *others = two.outcome(waiting, "reserve", "B", LAST + more)
    assert (won["outcome"], lost["outcome"]) == ("reserved", "rejected")
    assert [other["outcome"] for other in others] == ["rejected"] * len(more)
    assert (lost["on_hand"], lost["reserved"], lost["available"], lost["qty_short"]) == (1, 1, 0, 1)
    assert scarce.level("APPLE") == (1, 0, 1, 0)
    assert scarce.differences() == []


@every_level
def test_the_second_wins_when_the_first_thinks_better_of_it(scarce: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    one.reserve("A", LAST)
    waiting = two.blocked("reserve", "B", LAST)
    one.rollback()
    [won] = two.outcome(waiting, "reserve", "B", LAST)
    assert won["outcome"] == "reserved"
    assert scarce.level("APPLE") == (1, 0, 1, 0)


@every_level
def test_a_snapshot_from_before_the_sale_does_not_sell_again(scarce: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    two.look()
    one.reserve("A", LAST)
    one.commit()
    call = ("reserve", "B", LAST)
    [lost] = two.outcome(two.later(*call), *call)
    assert lost["outcome"] == "rejected"
    assert scarce.level("APPLE") == (1, 0, 1, 0)


@every_level
def test_an_order_that_fails_in_one_line_leaves_the_others_to_whoever_waited(
    scarce: Shop, session: OpenSession, level: IsolationLevel
) -> None:
    one, two = session(level), session(level)
    [_, short] = one.reserve("A", [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 6}])
    assert short["qty_short"] == 1
    waiting = two.blocked("reserve", "B", LAST)
    one.commit()
    [won] = two.outcome(waiting, "reserve", "B", LAST)
    assert won["outcome"] == "reserved"
    assert scarce.differences() == []


@every_level
def test_eight_orders_for_three_units_promise_three(shop: Shop, session: OpenSession, level: IsolationLevel) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])
    first, *others = [session(level) for _ in range(8)]
    calls = [("reserve", f"ORDER-{n}", LAST) for n in range(8)]
    outcomes = columns(first.reserve(*calls[0][1:]), "outcome")
    waiting = {other: (other.blocked(*call), call) for other, call in zip(others, calls[1:], strict=True)}
    first.commit()
    outcomes += columns(all_outcomes(waiting), "outcome")
    assert sorted(outcomes) == [("rejected",)] * 5 + [("reserved",)] * 3
    assert shop.level("APPLE") == (3, 0, 3, 0)
    assert shop.differences() == []


def test_an_error_on_shortage_is_raised_only_after_the_wait(scarce: Shop, session: OpenSession) -> None:
    one, two, three = session(), session(), session()
    one.reserve("A", LAST)
    waiting = two.blocked("reserve", "B", LAST, on_shortage="error")
    one.rollback()
    assert two.outcome(waiting, "reserve")[0]["outcome"] == "reserved"
    assert three.refused(three.later("reserve", "C", LAST, on_shortage="error")) == "OS201"


def test_a_warehouse_that_opened_meanwhile_is_not_sold_from_twice(shop: Shop, session: OpenSession) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 1}])
    shop.put_warehouses(lines=[{"code": "BER", "active": False}])
    one, two, three = session(), session(), session()
    one.reserve("A", LAST)
    anywhere, there = ("reserve", "B", NUMBERED), ("reserve", "C", LAST, "BER")
    waiting = {two: (two.blocked(*anywhere), anywhere)}  # when only London was open
    shop.put_warehouses(lines=[{"code": "BER", "active": True}])
    waiting[three] = (three.blocked("reserve", "C", LAST, warehouse="BER"), there)
    one.commit()
    assert sorted(columns(all_outcomes(waiting), "outcome")) == [("rejected",), ("reserved",)]
    assert shop.level("APPLE", "BER") == (1, 0, 1, 0)
    assert shop.differences() == []


def test_a_warehouse_that_closed_meanwhile_is_named(shop: Shop, session: OpenSession) -> None:
    """And what was due there is not booked for it."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    one, two = session(READ_COMMITTED), session(READ_COMMITTED)
    one.reserve("A", LAST)
    waiting = two.blocked("reserve", "B", NUMBERED, warehouse="LON")
    shop.put_warehouses(lines=[{"code": "LON", "active": False}])
    one.commit()
    assert two.refused(waiting) == "OS104"
    assert columns(shop.view("orders"), "order_ref") == [("A",)]
    assert shop.differences() == []


def test_a_warehouse_that_closed_meanwhile_offers_nothing(shop: Shop, session: OpenSession) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 2}])
    one, two = session(READ_COMMITTED), session(READ_COMMITTED)
    one.reserve("A", LAST)
    waiting = two.blocked("reserve", "B", [{"sku": "APPLE", "qty": 9}])
    shop.put_warehouses(lines=[{"code": "LON", "active": False}])
    one.commit()
    assert columns(waiting.result(NEVER), "outcome", "on_hand", "available", "offers") == [("rejected", 2, 2, [{"warehouse": "BER", "available": 2}])]


def test_stock_that_came_to_another_warehouse_meanwhile_is_found(shop: Shop, session: OpenSession) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    one, two = session(READ_COMMITTED), session(READ_COMMITTED)
    one.reserve("A", LAST)
    waiting = two.blocked("reserve", "B", LAST)
    shop.receive("BER", [{"sku": "APPLE", "qty": 1}])  # the level did not exist before
    one.commit()
    [won] = two.outcome(waiting, "reserve", "B", LAST)
    assert (won["outcome"], won["warehouse"]) == ("reserved", "BER")
    assert shop.differences() == []


def test_stock_that_came_to_another_warehouse_meanwhile_is_not_sold_twice(shop: Shop, session: OpenSession) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    one, two, three = session(), session(), session()
    one.reserve("A", LAST)
    waiting = two.blocked("reserve", "B", NUMBERED)
    shop.receive("BER", [{"sku": "APPLE", "qty": 1}])
    three.reserve("C", LAST, warehouse="BER")
    one.commit()
    assert two.refused(waiting) == "40001"  # Berlin comes before London: not waited for
    three.commit()
    [lost] = two.outcome(two.later("reserve", "B", NUMBERED), "reserve", "B", NUMBERED)
    assert lost["outcome"] == "rejected"
    assert shop.level("APPLE", "BER") == (1, 0, 1, 0)


@pytest.mark.parametrize("more", [[], [{"sku": "RICE", "qty": 1}]], ids=["alone", "with another"])
def test_plain_lines_wait_for_what_came_meanwhile(shop: Shop, session: OpenSession, more: list[dict[str, Any]]) -> None:
    """Who comes too late at London gives its locks up there, and asks everywhere, in order."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 1}])
    one, two, three = session(), session(), session()
    one.reserve("A", LAST)
    waiting = two.blocked("reserve", "B", LAST + more)
    shop.receive("BER", [{"sku": "APPLE", "qty": 1}])
    three.reserve("C", LAST, warehouse="BER")
    one.commit()
    two.until_blocked(waiting, three)
    four = session()
    four.unhindered("reserve", "D", [{"sku": "APPLE", "qty": 9}], warehouse="LON")
    four.rollback()
    three.commit()
    assert set(columns(two.outcome(waiting, "reserve", "B", LAST + more), "outcome")) == {("rejected",)}
    assert shop.differences() == []


@pytest.mark.parametrize("more", [[], [{"sku": "RICE", "qty": 1}]], ids=["alone", "with another"])
def test_plain_lines_are_sold_from_a_warehouse_that_closes_as_they_wait(shop: Shop, session: OpenSession, more: list[dict[str, Any]]) -> None:
    """They asked before."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}, {"sku": "RICE", "qty": 1}])
    one, two = session(), session()
    one.reserve("A", LAST)
    waiting = two.blocked("reserve", "B", LAST + more)
    shop.put_warehouses(lines=[{"code": "LON", "active": False}])
    one.commit()
    assert set(columns(two.outcome(waiting, "reserve", "B", LAST + more), "outcome")) == {("reserved",)}
    assert shop.differences() == []


@pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)
def test_a_snapshot_that_hides_a_new_level_calls_nothing_short(shop: Shop, session: OpenSession, level: IsolationLevel) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    one = session(level)
    one.query("select 1").result()  # its snapshot is from now
    shop.receive("BER", [{"sku": "APPLE", "qty": 9}])
    call = ("reserve", "A", [{"sku": "APPLE", "qty": 5}])
    assert one.refused(one.later(*call)) == "40001"
    assert {row["outcome"] for row in one.outcome(one.later(*call), *call)} == {"reserved"}
    assert shop.differences() == []


@pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)
def test_a_snapshot_does_not_wait_for_whoever_may_be_making_a_level(
    shop: Shop, session: OpenSession, level: IsolationLevel
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    one, two = session(level), session()
    two.receive("BER", [{"sku": "APPLE", "qty": 9}])
    one.query("select set_config('lock_timeout', '1ms', false)").result()
    assert one.refused(one.later("reserve", "A", [{"sku": "APPLE", "qty": 5}])) == "40001"


def test_a_new_level_that_is_in_use_is_not_waited_for_out_of_order(shop: Shop, session: OpenSession) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 9}])
    holder, two, three = session(), session(), session()
    holder.reserve("HOLD", [{"sku": "RICE", "qty": 1}])
    both = ("reserve", "BOTH", [{"sku": "APPLE", "qty": 5}, {"sku": "RICE", "qty": 1}])
    waiting = two.blocked(*both)  # holds the apples of London, and waits for the rice
    shop.receive("BER", [{"sku": "APPLE", "qty": 9}])
    backwards = ("reserve", "BACK", [{"sku": "APPLE", "qty": 1, "warehouse": "BER"}, {"sku": "RICE", "qty": 1}])
    after = three.blocked(*backwards)  # holds the apples of Berlin, and waits for the rice
    holder.commit()
    assert two.refused(waiting) == "40001"
    assert {row["outcome"] for row in three.outcome(after, *backwards)} == {"reserved"}
    assert {row["outcome"] for row in two.outcome(two.later(*both), *both)} == {"reserved"}
    assert shop.differences() == []


def test_a_lot_that_expires_while_a_new_level_is_waited_for_is_not_promised(
    shop: Shop, session: OpenSession, clock: Clock
) -> None:
    shop.put_warehouses(lines=[{"code": "ZRH", "priority": 3}])  # younger than London: waited for
    shop.receive("LON", [{"sku": "MILK", "qty": 6, "lot": "L1", "expires_on": day(1)}])
    one, two, three = session(), session(), session()
    one.reserve("A", [{"sku": "MILK", "qty": 1}])
    waiting = two.blocked("reserve", "B", [{"sku": "MILK", "qty": 8}])
    shop.receive("ZRH", [{"sku": "MILK", "qty": 2, "lot": "L2", "expires_on": day(99)}])
    three.adjust("ZRH", [{"sku": "MILK", "qty": 1, "lot": "L2"}], reason="found")
    one.rollback()
    two.until_blocked(waiting)
    clock.advance(days=3)
    three.commit()
    assert columns(two.outcome(waiting, "reserve"), "outcome") == [("rejected",)]
    assert shop.level("MILK") == (6, 6, 0, 0)


@pytest.mark.parametrize("more", [[], [{"sku": "APPLE", "qty": 1}]], ids=["alone", "with another"])
def test_a_lot_that_expires_during_the_wait_is_not_promised(shop: Shop, session: OpenSession, clock: Clock, more: list[dict[str, Any]]) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(1)}, {"sku": "APPLE", "qty": 1}])
    one, two = session(), session()
    one.reserve("A", [{"sku": "MILK", "qty": 1}])
    waiting = two.blocked("reserve", "B", [{"sku": "MILK", "qty": 1}, *more])
    clock.advance(days=3)
    one.rollback()
    assert set(columns(two.outcome(waiting, "reserve"), "outcome")) == {("rejected",)}
    assert shop.level("MILK") == (5, 5, 0, 0)

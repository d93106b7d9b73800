"""Holds are moved to other orders, swept, carried from bin to bin and unpinned while others do something to the same rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from ..support import Shop, columns
from ..wall_clock import WallClock
from .sessions import ALL_LEVELS, NEVER, READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE, OpenSession, Session

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
# A serializable one of two that met in nothing but what they read is refused for that.
without_predicates = pytest.mark.parametrize("level", [READ_COMMITTED, REPEATABLE_READ], ids=lambda level: level.name)
either_end = pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
HOUR = timedelta(hours=1)
THREE = [{"sku": "APPLE", "qty": 3}]


@pytest.fixture
def held(shop: Shop, wall_clock: WallClock) -> Shop:
    """Ten apples in A-1, three held by C-1 and three by C-2; a kilogram of rice held by C-3. All end in an hour."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "RICE", "qty": 5}])
    shop.reserve("C-1", THREE, ttl=HOUR)
    shop.reserve("C-2", THREE, ttl=HOUR)
    shop.reserve("C-3", [{"sku": "RICE", "qty": 1}], ttl=HOUR)
    return shop


def end(session: Session, commits: bool) -> None:
    session.commit() if commits else session.rollback()


def lines(shop: Shop, order_ref: str) -> list[tuple[Any, ...]]:
    return columns(shop.view("reservations", order_ref=order_ref), "line", "sku", "reserved", "expires_at")


# --- orders that become others ------------------------------------------------------------------------------------------------------


@every_level
@either_end
@pytest.mark.parametrize("target", ["S-NEW", "A-NEW", "S-OPEN"])
def test_two_carts_become_one_order(held: Shop, session: OpenSession, level: IsolationLevel, commits: bool, target: str) -> None:
    if target == "S-OPEN":
        held.reserve(target, [{"sku": "RICE", "qty": 1, "line": 7}])
    before = lines(held, target)
    one, two = session(level), session(level)
    one.confirm("C-1", target)
    waiting = two.blocked("confirm", "C-3", target)
    end(one, commits)
    [row] = two.outcome(waiting, "confirm", "C-3", target)
    highest = 7 if before else 0
    assert (row["order_ref"], row["line"]) == (target, highest + (2 if commits else 1))
    first = [(highest + 1, "APPLE", 3, None)] if commits else []
    assert lines(held, target) == before + first + [(row["line"], "RICE", 1, None)]
    assert held.differences() == []


@every_level
@either_end
def test_two_carts_become_each_other(held: Shop, session: OpenSession, level: IsolationLevel, commits: bool) -> None:
    one, two = session(level), session(level)
    one.confirm("C-1", "C-2")
    waiting = two.blocked("confirm", "C-2", "C-1")
    end(one, commits)
    if not commits:
        two.outcome(waiting, "confirm", "C-2", "C-1")
        assert [row["order_ref"] for row in held.view("reservations") if row["sku"] == "APPLE"] == ["C-1", "C-1"]
    else:
        refused = two.refused(waiting)
        if refused == "40001":
            assert level is not READ_COMMITTED
            refused = two.refused(two.later("confirm", "C-2", "C-1"))
        assert refused == "OS302"  # C-1 is C-2 by now
        assert [line[:3] for line in lines(held, "C-2")] == [(1, "APPLE", 3), (2, "APPLE", 3)]
    assert held.differences() == []


def test_carts_that_become_each_other_wait_in_one_order(held: Shop, session: OpenSession) -> None:
    holder, one, two, free = session(), session(), session(), session()
    holder.extend("C-1", HOUR)
    first = one.at_once("confirm", "C-1", "C-2")
    one.until_blocked(first)
    second = two.at_once("confirm", "C-2", "C-1")
    two.until_blocked(second)
    free.extend("C-2", HOUR)  # nobody has it while waiting for C-1
    free.commit()
    holder.commit()
    ended = [future.exception(NEVER) for future in (first, second)]
    assert [error.sqlstate for error in ended if isinstance(error, psycopg.Error)] == ["OS302"]
    assert held.differences() == []


@every_level
@pytest.mark.parametrize("function", ["reserve", "ship", "cancel", "allocate", "extend"])
def test_what_is_done_to_a_cart_that_became_an_order_meanwhile_is_refused(
    held: Shop, session: OpenSession, level: IsolationLevel, function: str
) -> None:
    arguments: dict[str, Any] = {"reserve": {"lines": THREE}, "extend": {"ttl": HOUR}}.get(function, {})
    one, two = session(level), session(level)
    one.confirm("C-1", "S-1")
    waiting = two.blocked(function, order_ref="C-1", **arguments)
    one.commit()
    refused = two.refused(waiting)
    if refused == "40001":
        assert level is not READ_COMMITTED
        refused = two.refused(two.later(function, order_ref="C-1", **arguments))
    assert refused == "OS302"
    assert lines(held, "S-1") == [(1, "APPLE", 3, None)]
    assert held.differences() == []


@every_level
@pytest.mark.parametrize("function", ["reserve", "ship", "cancel", "allocate"])
def test_an_order_that_gets_a_carts_lines_counts_with_them(
    held: Shop, session: OpenSession, level: IsolationLevel, function: str
) -> None:
    held.reserve("S-1", [{"sku": "RICE", "qty": 1}])
    arguments: dict[str, Any] = {"lines": [{"sku": "RICE", "qty": 1}]} if function == "reserve" else {}
    one, two = session(level), session(level)
    one.confirm("C-1", "S-1")
    waiting = two.blocked(function, order_ref="S-1", **arguments)
    one.commit()
    rows = two.outcome(waiting, function, order_ref="S-1", **arguments)
    assert {row["line"] for row in rows} == ({3} if function == "reserve" else {1, 2})
    assert held.differences() == []


# --- bins ---------------------------------------------------------------------------------------------------------------------------

TAKING_PINS_ALONG: list[tuple[str, dict[str, Any]]] = [
    ("move", {"lines": [{"sku": "APPLE", "qty": 10, "from": "A-1", "to": "A-2"}]}),
    ("move", {"lines": [{"sku": "APPLE", "qty": 10, "from": "A-1", "to": "Q-1"}]}),
    ("adjust", {"lines": [{"sku": "APPLE", "qty": -9, "location": "A-1"}], "reason": "lost"}),
]
each_change = pytest.mark.parametrize(
    ("function", "request_"), TAKING_PINS_ALONG, ids=["carries pins", "unpins into quarantine", "loses pinned units"]
)
each_keeping = pytest.mark.parametrize(
    ("keeping", "arguments"),
    [("confirm", {"new_order_ref": "S-1"}), ("extend", {"ttl": 9 * HOUR})],
    ids=["confirm into another", "extend"],
)


@every_level
@each_change
@each_keeping
@pytest.mark.parametrize("keeper_first", [True, False])
def test_who_keeps_a_hold_and_who_moves_its_units_do_not_wait_for_each_other(
    held: Shop,
    session: OpenSession,
    level: IsolationLevel,
    function: str,
    request_: dict[str, Any],
    keeping: str,
    arguments: dict[str, Any],
    keeper_first: bool,
) -> None:
    held.allocate("C-1")
    one, two = session(level), session(level)
    calls: list[tuple[str, dict[str, Any]]] = [(keeping, {"order_ref": "C-1", **arguments}), (function, {"warehouse": "LON", **request_})]
    for worker, (name, given) in zip((one, two), calls if keeper_first else reversed(calls), strict=True):
        worker.later(name, **given).result(NEVER)
    one.commit()
    try:
        two.commit()
    except psycopg.errors.SerializationFailure:
        assert level is SERIALIZABLE
        name, given = calls[1 if keeper_first else 0]
        two.outcome(two.later(name, **given), name, **given)
    assert held.differences() == []
    order_ref = arguments.get("new_order_ref", "C-1")
    pins = {"A-2": 3} if function == "move" and "A-2" in str(request_) else {"A-1": 1} if function == "adjust" else {}
    assert {row["location"]: row["allocated"] for row in held.view("bins", sku="APPLE") if row["allocated"]} == pins
    [row] = held.view("reservations", order_ref=order_ref)
    assert (row["reserved"], row["allocated"]) == (3, sum(pins.values()))


@every_level
@each_change
def test_units_that_are_moved_while_their_hold_is_wanted_are_promised_once(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, function: str, request_: dict[str, Any]
) -> None:
    held.allocate("C-1")
    held.allocate("C-2")
    wall_clock.advance(hours=2)
    one, two = session(level), session(level)
    one.later(function, warehouse="LON", **request_).result(NEVER)
    call = ("reserve", "NEW", [{"sku": "APPLE", "qty": 9}])
    waiting = two.blocked(*call)
    one.commit()
    [row] = two.outcome(waiting, *call)
    assert row["outcome"] == ("reserved" if "A-2" in str(request_) else "rejected")
    assert held.differences() == []


@every_level
@each_change
@either_end
def test_units_are_moved_after_their_hold_was_booked(
    held: Shop,
    session: OpenSession,
    wall_clock: WallClock,
    level: IsolationLevel,
    function: str,
    request_: dict[str, Any],
    commits: bool,
) -> None:
    held.allocate("C-1")
    held.allocate("C-2")
    wall_clock.advance(hours=2)
    one, two = session(level), session(level)
    one.reserve("NEW", [{"sku": "APPLE", "qty": 10}])
    waiting = two.blocked(function, warehouse="LON", **request_)
    end(one, commits)
    two.outcome(waiting, function, warehouse="LON", **request_)
    assert held.differences() == []
    left = held.db.execute("select coalesce(sum(qty), 0) from openstock_core.allocation").fetchone()
    assert left is not None
    assert left[0] == (0 if commits or "Q-1" in str(request_) else 1 if function == "adjust" else 6)


# --- pickers ------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lacking(held: Shop, wall_clock: WallClock) -> Shop:
    """S-1 has four apples promised; after losses the last six are pinned to holds, which have ended and are not booked."""
    held.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-2"}])
    held.reserve("S-1", [{"sku": "APPLE", "qty": 4}])
    held.extend("C-1", 2 * HOUR)
    held.extend("C-2", 2 * HOUR)
    held.adjust("LON", [{"sku": "APPLE", "qty": -3, "location": "A-2"}, {"sku": "APPLE", "qty": -4, "location": "A-1"}], reason="lost")
    held.allocate("C-1")
    held.allocate("C-2")
    assert held.view("bins", sku="APPLE")[0]["allocated"] == 6
    wall_clock.advance(hours=3)
    return held


def unlocked(db: psycopg.Connection, table: str) -> int:
    """How many rows nobody has locked."""
    [(rows,)] = db.execute(
        f"select count(*) from (select from openstock_core.{table} for no key update skip locked) as r"
    ).fetchall()
    assert isinstance(rows, int)
    return rows


@every_level
@either_end
def test_who_pins_waits_for_a_buyer_of_the_same_holds_and_holds_nothing_meanwhile(
    lacking: Shop, session: OpenSession, level: IsolationLevel, commits: bool
) -> None:
    one, two = session(level), session(level)
    [bought] = one.reserve("NEW", [{"sku": "APPLE", "qty": 2}])
    assert bought["outcome"] == "reserved"
    free = unlocked(lacking.db, "reservation_line"), unlocked(lacking.db, "stock_bin")
    waiting = two.blocked("allocate", "S-1")
    assert (unlocked(lacking.db, "reservation_line"), unlocked(lacking.db, "stock_bin")) == free
    end(one, commits)
    rows = two.outcome(waiting, "allocate", "S-1")
    assert columns(rows, "outcome", "location", "qty") == [("allocated", "A-1", 4)]
    assert lacking.differences() == []
    assert lacking.ship("S-1")


@every_level
@either_end
def test_who_ships_waits_for_a_buyer_of_the_same_holds(
    lacking: Shop, session: OpenSession, level: IsolationLevel, commits: bool
) -> None:
    one, two = session(level), session(level)
    one.reserve("NEW", [{"sku": "APPLE", "qty": 2}])
    waiting = two.blocked("ship", "S-1")
    end(one, commits)
    assert sum(row["qty"] for row in two.outcome(waiting, "ship", "S-1")) == 4
    assert lacking.differences() == []


@every_level
@pytest.mark.parametrize("function", ["allocate", "ship"])
@either_end
def test_a_buyer_waits_for_who_takes_the_units_of_the_holds(
    lacking: Shop, session: OpenSession, level: IsolationLevel, function: str, commits: bool
) -> None:
    one, two = session(level), session(level)
    one.later(function, "S-1").result(NEVER)
    call = ("reserve", "NEW", [{"sku": "APPLE", "qty": 2}])
    waiting = two.blocked(*call)
    end(one, commits)
    [row] = two.outcome(waiting, *call)
    assert (row["outcome"], row["available"]) == ("reserved", 0)
    assert lacking.differences() == []


@every_level
@pytest.mark.parametrize("function", ["allocate", "ship"])
@either_end
def test_who_needs_pinned_units_waits_for_an_owner_who_keeps_them(
    lacking: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, function: str, commits: bool
) -> None:
    lacking.db.execute("select setval('public.wall_clock', 0)")
    one, two = session(level), session(level)
    one.confirm("C-1", "S-2")
    wall_clock.advance(hours=3)
    waiting = two.blocked(function, "S-1")
    end(one, commits)
    if commits and function == "ship":
        refused = two.refused(waiting)
        if refused == "40001":
            assert level is not READ_COMMITTED
            refused = two.refused(two.later(function, "S-1"))
        assert refused == "OS201"  # only what C-2 held is free
    else:
        got = sum(row["qty"] for row in two.outcome(waiting, function, "S-1") if row.get("outcome") != "short")
        assert got == (3 if commits else 4)
    assert lacking.differences() == []


# --- sweepers -----------------------------------------------------------------------------------------------------------------------


@without_predicates
@either_end
def test_two_sweepers_book_each_line_once(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, commits: bool
) -> None:
    wall_clock.advance(minutes=60, seconds=1)
    one, two = session(level), session(level)
    assert len(one.expire_reservations()) == 3
    assert two.expire_reservations() == []
    two.commit()
    end(one, commits)
    assert len(held.expire_reservations()) == (0 if commits else 3)
    assert len(held.entries("line", event_type="EXPIRE")) == 3
    assert held.differences() == []


@without_predicates
def test_a_level_in_use_is_left_for_the_next_round(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel
) -> None:
    wall_clock.advance(minutes=60, seconds=1)
    one, two = session(level), session(level)
    one.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert columns(two.expire_reservations(), "order_ref") == [("C-3",)]
    two.commit()
    one.commit()
    assert columns(held.expire_reservations(), "order_ref") == [("C-1",), ("C-2",)]
    assert held.differences() == []


@every_level
@either_end
def test_what_ended_long_ago_is_waited_for(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, commits: bool
) -> None:
    wall_clock.advance(minutes=62)
    one, two = session(level), session(level)
    assert len(one.expire_reservations()) == 3
    waiting = two.blocked("expire_reservations")
    end(one, commits)
    assert len(two.outcome(waiting, "expire_reservations")) == (0 if commits else 3)
    assert len(held.entries("line", event_type="EXPIRE")) == 3
    assert held.differences() == []


@without_predicates
def test_nothing_is_waited_for_while_there_is_something_else_to_book(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel
) -> None:
    """A transaction that stays open keeps nobody from booking what ended at other levels, however long ago."""
    wall_clock.advance(minutes=62)
    one, two = session(level), session(level)
    one.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert columns(two.unhindered("expire_reservations"), "order_ref") == [("C-3",)]
    two.commit()
    waiting = two.blocked("expire_reservations")
    one.commit()
    assert columns(two.outcome(waiting, "expire_reservations"), "order_ref") == [("C-1",), ("C-2",)]
    assert held.differences() == []


@without_predicates
def test_what_ended_just_now_is_not_waited_for(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel
) -> None:
    """Also where there is nothing else to book: who comes next will find it."""
    held.cancel("C-3")
    wall_clock.advance(minutes=60, seconds=1)
    one, two = session(level), session(level)
    one.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert two.unhindered("expire_reservations") == []
    two.commit()
    one.commit()
    assert columns(held.expire_reservations(), "order_ref") == [("C-1",), ("C-2",)]
    assert held.differences() == []


@every_level
@either_end
def test_a_sweeper_waits_for_an_owner_who_came_in_time(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, commits: bool
) -> None:
    one, two = session(level), session(level)
    one.extend("C-1", 9 * HOUR)
    wall_clock.advance(minutes=60, seconds=1)
    waiting = two.blocked("expire_reservations")
    end(one, commits)
    rows = two.outcome(waiting, "expire_reservations")
    assert {row["order_ref"] for row in rows} == {"C-2", "C-3"} | (set() if commits else {"C-1"})
    assert held.differences() == []


@every_level
def test_a_sweeper_and_a_buyer_book_each_line_once(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel
) -> None:
    wall_clock.advance(minutes=62)
    one, two = session(level), session(level)
    assert len(one.expire_reservations(max_lines=1)) == 1
    call = ("reserve", "NEW", [{"sku": "APPLE", "qty": 10}])
    waiting = two.blocked(*call)
    one.commit()
    [row] = two.outcome(waiting, *call)
    assert (row["outcome"], row["available"]) == ("reserved", 0)
    assert sorted(held.entries("order_ref", event_type="EXPIRE")) == [("C-1",), ("C-2",)]
    assert held.differences() == []

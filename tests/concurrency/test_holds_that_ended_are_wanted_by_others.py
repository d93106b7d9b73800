"""Units of holds that ended are wanted while their owners, sweepers and other buyers are at them: each is promised once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from psycopg import IsolationLevel

from ..support import Row, Shop, columns, day
from ..waiting import backorder, filled, let_wait
from ..wall_clock import WallClock
from .sessions import ALL_LEVELS, READ_COMMITTED, OpenSession, Session, all_outcomes

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
either_end = pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
HOUR = timedelta(hours=1)
THREE = [{"sku": "APPLE", "qty": 3}]


@pytest.fixture
def held(shop: Shop, wall_clock: WallClock) -> Shop:
    """Six apples: three held by C-1 and three by C-2, which ends a little later; both for about an hour."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 6, "location": "A-1"}])
    shop.reserve("C-1", THREE, ttl=HOUR)
    shop.reserve("C-2", THREE, ttl=HOUR)
    return shop


def promised(shop: Shop) -> dict[str, Any]:
    """Per order what it has promised and what expired."""
    return {row["order_ref"]: (row["reserved"], row["expired"]) for row in shop.view("reservations")}


def end(session: Session, commits: bool) -> None:
    session.commit() if commits else session.rollback()


SAVIOURS: list[tuple[str, dict[str, Any], str]] = [
    ("extend", {"order_ref": "C-1", "ttl": 9 * HOUR}, "C-1"),
    ("confirm", {"order_ref": "C-1"}, "C-1"),
    ("confirm", {"order_ref": "C-1", "new_order_ref": "S-1"}, "S-1"),
]
each_saviour = pytest.mark.parametrize(
    ("function", "request_", "order_ref"), SAVIOURS, ids=["extend", "confirm", "confirm into another order"]
)


@either_end
def test_who_waits_is_given_another_hold_than_one_that_is_kept_in_time(held: Shop, session: OpenSession, wall_clock: WallClock, commits: bool) -> None:
    let_wait(held)
    backorder(held, "LATE", 3)
    one, two = session(), session()
    one.extend("C-1", 9 * HOUR)
    wall_clock.advance(hours=2)
    waiting = two.blocked("fill_backorders")
    end(one, commits)
    assert filled(two.outcome(waiting, "fill_backorders")) == [("LATE", 1, "LON", "filled", 3)]
    assert held.entries("order_ref", event_type="EXPIRE") == [("C-2" if commits else "C-1",)]
    assert held.differences() == []


@every_level
@each_saviour
@either_end
def test_a_hold_that_is_kept_in_time_is_waited_for_and_another_is_taken(
    held: Shop,
    session: OpenSession,
    wall_clock: WallClock,
    level: IsolationLevel,
    function: str,
    request_: dict[str, Any],
    order_ref: str,
    commits: bool,
) -> None:
    one, two = session(level), session(level)
    one.later(function, **request_).result()
    wall_clock.advance(hours=2)
    waiting = two.blocked("reserve", "NEW", THREE)
    end(one, commits)
    [row] = two.outcome(waiting, "reserve", "NEW", THREE)
    assert (row["outcome"], row["available"]) == ("reserved", 0)
    first = {order_ref: (3, 0)} if commits else {"C-1": (0, 3)}
    assert promised(held) == first | {"C-2": (0, 3), "NEW": (3, 0)}
    # Of two that ended only the one that is needed is booked.
    booked = [order for (order,) in held.entries("order_ref", event_type="EXPIRE")]
    assert booked == ["C-2" if commits else "C-1"]
    assert held.differences() == []


@every_level
@each_saviour
def test_when_all_are_kept_in_time_the_order_is_short(
    held: Shop,
    session: OpenSession,
    wall_clock: WallClock,
    level: IsolationLevel,
    function: str,
    request_: dict[str, Any],
    order_ref: str,
) -> None:
    held.extend("C-2", 9 * HOUR)
    one, two = session(level), session(level)
    one.later(function, **request_).result()
    wall_clock.advance(hours=2)
    waiting = two.blocked("reserve", "NEW", THREE)
    one.commit()
    [row] = two.outcome(waiting, "reserve", "NEW", THREE)
    assert (row["outcome"], row["reserved"], row["available"], row["qty_short"]) == ("rejected", 6, 0, 3)
    assert promised(held) == {order_ref: (3, 0), "C-2": (3, 0)}
    assert held.differences() == []


@every_level
def test_each_unit_of_holds_that_ended_goes_to_one_order(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel
) -> None:
    wall_clock.advance(hours=2)
    one, two, three = session(level), session(level), session(level)
    [first] = one.reserve("N-1", THREE)
    waiting = {other: (other.blocked("reserve", ref, THREE), ("reserve", ref, THREE)) for other, ref in [(two, "N-2"), (three, "N-3")]}
    one.commit()
    outcomes = [first, *all_outcomes(waiting)]
    assert sorted(row["outcome"] for row in outcomes) == ["rejected", "reserved", "reserved"]
    assert promised(held)["C-1"] == promised(held)["C-2"] == (0, 3)
    assert held.level("APPLE") == (6, 0, 6, 0)
    assert held.differences() == []


@every_level
def test_what_a_buyer_booked_and_took_back_is_there_for_the_next(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel
) -> None:
    wall_clock.advance(hours=2)
    one, two = session(level), session(level)
    one.reserve("N-1", [{"sku": "APPLE", "qty": 6}])
    waiting = two.blocked("reserve", "N-2", [{"sku": "APPLE", "qty": 6}])
    one.rollback()
    [row] = two.outcome(waiting, "reserve", "N-2", [{"sku": "APPLE", "qty": 6}])
    assert row["outcome"] == "reserved"
    assert held.level("APPLE") == (6, 0, 6, 0)
    assert held.differences() == []


@every_level
@pytest.mark.parametrize("kept", [0, 1])
def test_many_clients_buy_the_last_units_while_holds_end(
    shop: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, kept: int
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    two = [{"sku": "APPLE", "qty": 2}]
    for cart in range(5):
        shop.reserve(f"CART-{cart}", two, ttl=HOUR)
    owner, *buyers = [session(level) for _ in range(9)]
    if kept:
        owner.confirm("CART-2", "KEPT")
    wall_clock.advance(hours=2)
    calls = [("reserve", f"ORDER-{n}", two) for n in range(8)]
    waiting: dict[Session, Any] = {buyer: (buyer.later(*call), call) for buyer, call in zip(buyers, calls, strict=True)}
    owner.commit()
    outcomes = [row["outcome"] for row in all_outcomes(waiting)]
    assert (outcomes.count("reserved"), outcomes.count("rejected")) == (5 - kept, 3 + kept)
    assert shop.level("APPLE") == (10, 0, 10, 0)
    assert sum(row["expired"] for row in shop.view("reservations")) == 10 - 2 * kept
    assert shop.differences() == []


@pytest.mark.parametrize(("wanted", "told"), [(3, ("reserved", 0, 0)), (5, ("rejected", 2, 3))])
def test_an_answer_says_short_and_available_of_the_moment_at_which_it_looked_again(
    held: Shop, session: OpenSession, wall_clock: WallClock, wanted: int, told: tuple[object, ...]
) -> None:
    held.extend("C-2", 5 * HOUR)
    one, two = session(), session()
    one.extend("C-1", 9 * HOUR)
    wall_clock.advance(hours=2)
    call = ("reserve", "NEW", [{"sku": "APPLE", "qty": wanted}])
    waiting = two.blocked(*call)  # has read the clock, and waits for C-1
    wall_clock.advance(hours=4)  # C-2 ends
    one.commit()
    [row] = two.outcome(waiting, *call)
    assert (row["outcome"], row["qty_short"], row["available"]) == told


@every_level
def test_a_hold_that_was_made_and_ended_at_a_new_level_while_a_buyer_waited_makes_nobody_short(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel
) -> None:
    one, two = session(), session(level)
    one.adjust("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}], reason="found")
    call = ("reserve", "NEW", [{"sku": "APPLE", "qty": 9}])
    waiting = two.blocked(*call)
    held.receive("BER", THREE)
    held.reserve("C-3", THREE, warehouse="BER", ttl=HOUR)
    wall_clock.advance(hours=2)
    one.rollback()
    if two.refused_or_done(waiting) == "40001":
        waiting = two.later(*call)
    assert {row["outcome"] for row in two.outcome(waiting, *call)} == {"reserved"}
    assert held.differences() == []


# --- owners -------------------------------------------------------------------------------------------------------------------------


@every_level
@either_end
def test_pins_that_an_owner_sets_in_time_are_taken_with_the_hold(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, commits: bool
) -> None:
    one, two = session(level), session(level)
    one.allocate("C-1")
    wall_clock.advance(hours=2)
    waiting = two.blocked("reserve", "NEW", THREE)
    end(one, commits)
    [row] = two.outcome(waiting, "reserve", "NEW", THREE)
    assert row["outcome"] == "reserved"
    [stored] = held.db.execute("select sum(allocated), (select count(*) from openstock_core.allocation) from openstock_core.stock_bin").fetchall()
    assert stored == (0, 0)
    assert len(held.entries("event_type", event_type="DEALLOCATE")) == (1 if commits else 0)
    assert promised(held)["C-1"] == (0, 3)
    assert held.differences() == []


def test_units_of_a_bin_that_are_pinned_in_time_to_a_hold_that_ends_are_there_for_who_asks_for_the_bin(
    held: Shop, session: OpenSession, wall_clock: WallClock
) -> None:
    """The level has enough for both, so that the hold is nobody's business before its pins are seen."""
    held.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-2"}])
    held.cancel("C-2")
    here = [{"sku": "APPLE", "qty": 6, "warehouse": "LON", "location": "A-1"}]
    one, two = session(), session()
    one.allocate("C-1")
    wall_clock.advance(hours=2)
    waiting = two.blocked("reserve", "NEW", here)
    one.commit()
    assert columns(two.outcome(waiting, "reserve", "NEW", here), "outcome", "qty_reserved") == [("reserved", 6)]
    assert promised(held)["C-1"] == (0, 3)
    assert held.differences() == []


@every_level
@pytest.mark.parametrize(
    ("function", "available"), [("ship", 3), ("release", 6), ("cancel", 6)], ids=["ship", "release", "cancel"]
)
def test_an_order_that_uses_its_hold_in_time_has_used_it(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, function: str, available: int
) -> None:
    one, two = session(level), session(level)
    one.later(function, order_ref="C-1").result()
    wall_clock.advance(hours=2)
    call = ("reserve", "NEW", [{"sku": "APPLE", "qty": available}])
    waiting = two.blocked(*call)
    one.commit()
    [row] = two.outcome(waiting, *call)
    assert (row["outcome"], row["available"]) == ("reserved", 0)
    assert promised(held)["C-1"] == (0, 0)
    assert promised(held)["C-2"] == (0, 3)
    assert held.differences() == []


@every_level
@pytest.mark.parametrize("function", ["allocate", "ship", "release", "cancel"])
@either_end
def test_an_owner_who_comes_too_late_is_told_so_whoever_booked_it(
    held: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, function: str, commits: bool
) -> None:
    wall_clock.advance(hours=2)
    one, two = session(level), session(level)
    one.reserve("NEW", THREE)
    waiting = two.blocked(function, order_ref="C-1")
    end(one, commits)
    refused = two.refused(waiting)
    if refused == "40001":
        assert level is not READ_COMMITTED
        refused = two.refused(two.later(function, order_ref="C-1"))
    assert refused == "OS305"
    assert held.differences() == []


@pytest.mark.parametrize("function", ["extend", "confirm"])
def test_an_owner_who_comes_too_late_to_keep_it_does_not_wait(
    held: Shop, session: OpenSession, wall_clock: WallClock, function: str
) -> None:
    wall_clock.advance(hours=2)
    one, two = session(), session()
    one.reserve("NEW", THREE)
    arguments = {"ttl": HOUR} if function == "extend" else {}
    assert two.refused(two.later(function, order_ref="C-1", **arguments)) == "OS305"


# --- the last second ----------------------------------------------------------------------------------------------------------------


def in_time_and_waiting(held: Shop, one: Session, two: Session, request_: tuple[str, dict[str, Any]]) -> Any:
    """C-1 is to be kept, in time, while the order is in use by a call that leaves the hold itself alone."""
    held.receive("LON", [{"sku": "RICE", "qty": 1}])
    one.reserve("C-1", [{"sku": "RICE", "qty": 1}])
    return two.blocked(request_[0], **request_[1])


@every_level
@each_saviour
def test_who_came_in_time_and_had_to_wait_is_not_late(
    held: Shop,
    session: OpenSession,
    wall_clock: WallClock,
    level: IsolationLevel,
    function: str,
    request_: dict[str, Any],
    order_ref: str,
) -> None:
    one, two = session(level), session(level)
    waiting = in_time_and_waiting(held, one, two, (function, request_))
    wall_clock.advance(hours=2)
    one.rollback()
    rows: list[Row] | None = two.settled(waiting)
    assert rows is not None
    assert columns(rows, "order_ref", "sku", "qty_reserved") == [(order_ref, "APPLE", 3)]
    assert promised(held)[order_ref] == (3, 0)
    [row] = held.reserve("NEW", [{"sku": "APPLE", "qty": 4}])
    assert (row["outcome"], row["available"]) == ("rejected", 3)
    assert held.differences() == []


@every_level
@each_saviour
def test_whose_hold_was_booked_meanwhile_is_told_that_it_ended(
    held: Shop,
    session: OpenSession,
    wall_clock: WallClock,
    level: IsolationLevel,
    function: str,
    request_: dict[str, Any],
    order_ref: str,
) -> None:
    one, two = session(level), session(level)
    waiting = in_time_and_waiting(held, one, two, (function, request_))
    wall_clock.advance(hours=2)
    assert held.reserve("NEW", THREE)[0]["outcome"] == "reserved"
    one.rollback()
    refused = two.refused(waiting)
    if refused == "40001":
        assert level is not READ_COMMITTED
        refused = two.refused(two.later(function, **request_))
    assert refused == "OS305"
    assert promised(held)["C-1"] == (0, 3)
    assert promised(held)["NEW"] == (3, 0)
    assert held.differences() == []


def test_a_lot_that_expired_at_a_new_level_while_a_buyer_waited_makes_nobody_short(
    shop: Shop, session: OpenSession, wall_clock: WallClock
) -> None:
    """Once holds are booked it is too late to block the lot; without it the good units beside it would be overlooked."""
    shop.receive("LON", [{"sku": "MILK", "qty": 6, "lot": "M1"}])
    shop.reserve("C-1", [{"sku": "MILK", "qty": 3}], ttl=HOUR)
    one, two = session(), session()
    one.adjust("LON", [{"sku": "MILK", "qty": 1, "lot": "M1"}], reason="found")
    call = ("reserve", "NEW", [{"sku": "MILK", "qty": 9}])
    waiting = two.blocked(*call)
    shop.receive("BER", [{"sku": "MILK", "qty": 9, "lot": "M2", "expires_on": day(1)}, {"sku": "MILK", "qty": 3, "lot": "M3"}])
    wall_clock.advance(days=3)
    one.rollback()
    assert two.refused(waiting) == "40001"
    assert columns(two.reserve(*call[1:]), "warehouse", "outcome", "qty_reserved") == [("LON", "reserved", 6), ("BER", "reserved", 3)]
    two.commit()
    assert shop.differences() == []

"""Pickers take the next orders, pins are taken off, and units are missing, all at once: each order is one picker's, each unit one order's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from ..support import Shop, columns
from ..wall_clock import WallClock
from .sessions import (
    ALL_LEVELS,
    NEVER,
    READ_COMMITTED,
    REPEATABLE_READ,
    SNAPSHOT_LEVELS,
    OpenSession,
    Session,
    unlocked,
)

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
every_snapshot = pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)
# A serializable one of two that met in nothing but what they read is refused for that.
without_predicates = pytest.mark.parametrize("level", [READ_COMMITTED, REPEATABLE_READ], ids=lambda level: level.name)
either_end = pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
HOUR = timedelta(hours=1)
APPLES = [{"sku": "APPLE", "qty": 2}]


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """Five apples in A-1 and five in A-2; O-1, O-2 and O-3 want two each, in this order."""
    for location in ("A-1", "A-2"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": location}])
    for n in (1, 2, 3):
        shop.reserve(f"O-{n}", APPLES)
    return shop


def end(session: Session, commits: bool) -> None:
    session.commit() if commits else session.rollback()


def orders(rows: list[dict[str, Any]]) -> list[str]:
    """The orders of an answer, in its order."""
    return list(dict.fromkeys(row["order_ref"] for row in rows))


def pinned(shop: Shop) -> dict[str, Any]:
    """How many units each order has pinned."""
    return {row["order_ref"]: row["allocated"] for row in shop.view("reservations")}


# --- the next orders ----------------------------------------------------------------------------------------------------------------


@without_predicates
@either_end
def test_of_two_pickers_each_gets_other_orders_and_none_waits(
    ordered: Shop, session: OpenSession, level: IsolationLevel, commits: bool
) -> None:
    one, two, three = session(level), session(level), session(level)
    assert orders(one.allocate_next("LON", max_orders=1)) == ["O-1"]
    ordered.receive("LON", [{"sku": "RICE", "qty": 1}])
    ordered.reserve("URGENT", [{"sku": "RICE", "qty": 1}], priority=9)
    assert orders(two.unhindered("allocate_next", "LON", max_orders=1)) == ["URGENT"]
    two.commit()
    end(one, commits)
    assert orders(three.allocate_next("LON")) == (["O-2", "O-3"] if commits else ["O-1", "O-2", "O-3"])
    three.commit()
    assert pinned(ordered) == {"O-1": 2, "O-2": 2, "O-3": 2, "URGENT": 1}
    assert ordered.differences() == []


@without_predicates
@pytest.mark.parametrize("function", ["allocate", "ship", "cancel", "deallocate", "reserve"])
def test_an_order_that_another_works_on_is_passed_over(
    ordered: Shop, session: OpenSession, level: IsolationLevel, function: str
) -> None:
    ordered.receive("LON", [{"sku": "RICE", "qty": 5}])
    one, two = session(level), session(level)
    one.later(function, order_ref="O-1", **({"lines": [{"sku": "RICE", "qty": 1}]} if function == "reserve" else {})).result()
    if function in ("allocate", "ship"):  # of its bin there will be enough for the others
        pending = two.blocked("allocate_next", "LON")
        one.rollback()
        assert orders(two.outcome(pending, "allocate_next")) == ["O-2", "O-3"]
    else:
        assert orders(two.unhindered("allocate_next", "LON")) == ["O-2", "O-3"]
        two.commit()
        one.rollback()
    assert orders(ordered.allocate_next("LON")) == ["O-1"]
    assert ordered.differences() == []


def test_orders_whose_turn_changed_as_they_were_claimed_are_served_in_the_new_order(
    ordered: Shop, session: OpenSession, db: psycopg.Connection
) -> None:
    ordered.adjust("LON", [{"sku": "APPLE", "qty": -5, "location": "A-1"}, {"sku": "APPLE", "qty": -3, "location": "A-2"}], reason="lost")
    one = session()
    stop_within_reads_of_orders(db, one)
    pending = one.blocked("allocate_next", "LON")
    ordered.receive("LON", [{"sku": "RICE", "qty": 1}])
    ordered.reserve("O-3", [{"sku": "RICE", "qty": 1}], priority=9)
    db.execute("select pg_advisory_unlock(1)")
    rows = one.outcome(pending, "allocate_next")
    assert columns(rows, "order_ref", "outcome", "qty")[0] == ("O-3", "allocated", 2), "the last two apples"
    assert ordered.differences() == []


def stop_within_reads_of_orders(db: psycopg.Connection, session: Session) -> None:
    """Let this session wait within each query that reads orders: what others commit meanwhile, it finds as it locks the rows."""
    db.execute(
        "create function public.pause() returns boolean language plpgsql as $$ begin "
        "if current_setting('tests.pause', true) = 'on' then perform pg_advisory_xact_lock_shared(1); end if; return true; end $$"
    )
    db.execute("create policy pause on openstock_core.reservation as restrictive to openstock_api using (public.pause())")
    db.execute("select pg_advisory_lock(1)")
    session.connection.execute("select set_config('tests.pause', 'on', false)")
    session.commit()


@every_level
@either_end
@pytest.mark.parametrize("function", ["cancel", "ship", "deallocate", "allocate"])
def test_who_wants_an_order_waits_for_the_picker_who_has_it(
    ordered: Shop, session: OpenSession, level: IsolationLevel, commits: bool, function: str
) -> None:
    one, two = session(level), session(level)
    one.allocate_next("LON", max_orders=1)
    pending = two.blocked(function, "O-1")
    end(one, commits)
    rows = two.outcome(pending, function, "O-1")
    done = {"cancel": 2, "ship": 2, "deallocate": 2 if commits else 0, "allocate": 0 if commits else 2}[function]
    assert sum(row["qty_released"] if function == "cancel" else row["qty"] for row in rows) == done
    assert pinned(ordered)["O-1"] == (2 if function == "allocate" else 0)
    assert ordered.differences() == []


@every_snapshot
@pytest.mark.parametrize("since", ["allocate_next", "allocate", "cancel", "ship"])
def test_an_order_that_was_picked_since_is_not_picked_again(
    ordered: Shop, session: OpenSession, level: IsolationLevel, since: str
) -> None:
    old = session(level)
    old.look()
    if since == "allocate_next":
        ordered.allocate_next("LON", max_orders=1)
    else:
        getattr(ordered, since)("O-1")
    call: tuple[Any, ...] = ("allocate_next", "LON")
    assert old.refused(old.later(*call)) == "40001"
    assert orders(old.outcome(old.later(*call), *call)) == ["O-2", "O-3"]
    assert pinned(ordered)["O-1"] == (2 if since.startswith("allocate") else 0)
    assert ordered.differences() == []


# --- pins and holds -----------------------------------------------------------------------------------------------------------------


@every_level
@either_end
def test_who_pins_a_hold_waits_for_who_books_its_end(
    shop: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, commits: bool
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-1"}])
    shop.reserve("CART", APPLES, ttl=HOUR)
    sweeper, owner = session(), session(level)
    wall_clock.advance(hours=2)
    sweeper.expire_reservations()
    # A clock that goes back: the owner would be in time, were it not for what is booked.
    wall_clock.db.execute("select setval('public.wall_clock', 0)")
    pending = owner.blocked("allocate", "CART")
    end(sweeper, commits)
    if commits:
        refused = owner.refused(pending)
        if refused == "40001":
            assert level is not READ_COMMITTED
            refused = owner.refused(owner.later("allocate", "CART"))
        assert refused == "OS305"
    else:
        assert columns(owner.outcome(pending, "allocate"), "outcome", "qty") == [("allocated", 2)]
    assert shop.differences() == []


@pytest.mark.parametrize(
    ("function", "waits"),
    [("extend", True), ("confirm", True), ("extend", False), ("confirm", False), ("allocate", False)],
    ids=["extend what waits", "confirm what waits", "extend", "confirm", "allocate"],
)
def test_an_orders_holds_are_locked_by_their_age(
    shop: Shop, db: psycopg.Connection, session: OpenSession, wall_clock: WallClock, function: str, waits: bool
) -> None:
    skus = [f"P-{n}" for n in range(9)]
    shop.put_products(lines=[{"sku": sku, "name": sku, "backorder": "unlimited"} for sku in skus])
    if not waits:
        shop.receive("LON", [{"sku": sku, "qty": 9} for sku in skus])
    table = "backorder" if waits else "reservation_line"
    for held in (0, 5):
        before = unlocked(db, table)
        order_ref = f"CART-{held}"
        for n, sku in enumerate(skus):
            shop.reserve(order_ref, [{"sku": sku, "qty": 1, "line": 9 - n}], ttl=(1 if n == held else 5) * HOUR, on_shortage="backorder")
        mine = sorted(unlocked(db, table) - before)
        sweeper, one = session(), session()
        wall_clock.advance(hours=2)
        assert len(sweeper.expire_reservations()) == 1
        wall_clock.db.execute("select setval('public.wall_clock', 0)")
        pending = one.blocked(function, order_ref=order_ref, **({"ttl": HOUR} if function == "extend" else {}))
        assert unlocked(db, table) - before == set(mine[held + 1 :])
        sweeper.rollback()
        pending.result()
        one.rollback()
        shop.cancel(order_ref)


@pytest.mark.parametrize("function", ["ship", "release", "cancel", "deallocate", "short_pick"])
def test_levels_are_waited_for_without_any_line_or_bin(ordered: Shop, db: psycopg.Connection, session: OpenSession, function: str) -> None:
    ordered.allocate("O-1")
    request: dict[str, Any] = {"lines": [{"sku": "APPLE", "location": "A-1", "qty": 1}]} if function == "short_pick" else {}
    free = unlocked(db, "reservation_line"), unlocked(db, "stock_bin")
    holder, one = session(), session()
    holder.reserve("NEW", APPLES)
    pending = one.blocked(function, order_ref="O-1", **request)
    assert (unlocked(db, "reservation_line"), unlocked(db, "stock_bin")) == free
    holder.commit()
    assert one.outcome(pending, function)
    assert ordered.differences() == []


# --- bins ---------------------------------------------------------------------------------------------------------------------------


def test_who_waits_for_a_bin_goes_on_as_soon_as_a_picker_gives_it_up(shop: Shop, session: OpenSession) -> None:
    """Not only when the picker's transaction ends: in the queue for a row, who waits for a picker stands before that picker."""
    for location in ("A-1", "A-2"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 6, "location": location}])
    shop.reserve("BIG", [{"sku": "APPLE", "qty": 10}], priority=9)
    shop.reserve("SMALL", APPLES)
    holder, one, two = session(), session(), session()
    holder.adjust("LON", [{"sku": "APPLE", "qty": -3, "location": "A-2"}], reason="lost")
    whole = one.blocked("allocate_next", "LON", max_orders=1, on_shortage="reject")
    waiting = two.at_once("allocate", "SMALL")
    two.until_blocked(waiting, one)
    holder.commit()
    assert whole.result(NEVER) == []
    assert columns(waiting.result(NEVER), "location", "outcome") == [("A-1", "allocated")]
    one.commit()
    assert shop.differences() == []


@pytest.mark.parametrize("function", ["release", "cancel", "deallocate", "short_pick"])
def test_bins_that_lose_pins_are_locked_by_their_age(shop: Shop, db: psycopg.Connection, session: OpenSession, function: str) -> None:
    places = [(sku, location) for location in ("A-1", "A-2", "P-1") for sku in ("APPLE", "RICE")]
    for sku, location in places:
        shop.receive("LON", [{"sku": sku, "qty": 1, "location": location}])
    for sku, _ in reversed(places):  # the youngest bin is the first line's
        shop.reserve("O-1", [{"sku": sku, "qty": 1}])
    shop.allocate("O-1", removal="lifo")
    bins = [row[0] for row in db.execute("select bin_id from openstock_core.stock_bin order by 1").fetchall()]
    request: dict[str, Any] = {"order_ref": "O-1"}
    if function == "short_pick":
        request["lines"] = [{"sku": sku, "location": location, "qty": 1} for sku, location in reversed(places)]
    for held, (sku, location) in enumerate(places):
        shop.receive("LON", [{"sku": sku, "qty": 1, "location": location}])
        shop.reserve(f"H-{held}", [{"sku": sku, "qty": 1}])
        holder, one = session(), session()
        assert columns(holder.allocate(f"H-{held}"), "location") == [(location,)]
        pending = one.blocked(function, **request)
        assert unlocked(db, "stock_bin") == set(bins[held + 1 :])
        holder.commit()
        pending.result()
        one.rollback()
    assert shop.differences() == []


@every_level
@either_end
def test_two_pickers_miss_the_same_units(ordered: Shop, session: OpenSession, level: IsolationLevel, commits: bool) -> None:
    for n in (1, 2):
        ordered.allocate(f"O-{n}")  # four of the five in A-1
    missing = [{"sku": "APPLE", "location": "A-1", "qty": 2}]
    one, two = session(level), session(level)
    one.short_pick("O-1", missing)
    pending = two.blocked("short_pick", "O-2", missing)
    end(one, commits)
    rows = two.outcome(pending, "short_pick", "O-2", missing)
    assert columns(rows, "outcome", "location", "qty") == [("deallocated", "A-1", 2), ("held", "A-1", 2), ("allocated", "A-2", 2)]
    held = sum(row["on_hand"] for row in ordered.view("bins", status="hold"))
    assert held == (4 if commits else 2)
    assert pinned(ordered) == {"O-1": 2, "O-2": 2, "O-3": 0}
    assert ordered.differences() == []


@every_level
@either_end
def test_missing_units_are_not_replaced_by_what_another_pins(
    ordered: Shop, session: OpenSession, level: IsolationLevel, commits: bool
) -> None:
    ordered.allocate("O-1")
    ordered.adjust("LON", [{"sku": "APPLE", "qty": -3, "location": "A-1"}, {"sku": "APPLE", "qty": -3, "location": "A-2"}], reason="lost")
    missing = [{"sku": "APPLE", "location": "A-1", "qty": 2}]
    one, two = session(level), session(level)
    assert columns(one.allocate("O-2"), "location", "qty") == [("A-2", 2)]
    pending = two.blocked("short_pick", "O-1", missing)
    end(one, commits)
    rows = two.outcome(pending, "short_pick", "O-1", missing)
    assert columns(rows, "outcome", "qty") == [("deallocated", 2), ("held", 2), ("short" if commits else "allocated", 2)]
    assert ordered.differences() == []


@every_level
@either_end
def test_pins_that_are_taken_off_are_another_orders(ordered: Shop, session: OpenSession, level: IsolationLevel, commits: bool) -> None:
    ordered.allocate("O-1")
    ordered.adjust("LON", [{"sku": "APPLE", "qty": -3, "location": "A-1"}, {"sku": "APPLE", "qty": -5, "location": "A-2"}], reason="lost")
    one, two = session(level), session(level)
    one.deallocate("O-1")
    if level is not READ_COMMITTED:
        two.look()
    pending = two.later("allocate", "O-2")
    end(one, commits)
    rows = two.outcome(pending, "allocate", "O-2")
    assert columns(rows, "outcome", "qty") in ([[("allocated", 2)]] if commits and level is READ_COMMITTED else [[("allocated", 2)], [("short", 2)]])
    assert sum(pinned(ordered).values()) <= 2
    assert ordered.differences() == []

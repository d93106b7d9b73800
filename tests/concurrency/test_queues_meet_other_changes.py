"""Orders wait for stock, are filled, and give their places up while others do: nobody waits beyond the limit, and nobody is overlooked."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from ..support import Connect, Shop, columns
from ..waiting import backlog, backorder, filled, let_wait, queue, standing
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


@pytest.fixture
def waiting(shop: Shop) -> Shop:
    """No apples; FIRST waits for three, SECOND for two."""
    let_wait(shop)
    shop.receive("LON", [{"sku": "RICE", "qty": 9}])
    backorder(shop, "FIRST", 3)
    backorder(shop, "SECOND", 2)
    return shop


def end(session: Session, commits: bool) -> None:
    session.commit() if commits else session.rollback()


def receive(shop: Shop, qty: float, warehouse: str = "LON", sku: str = "APPLE") -> None:
    """Goods in that nobody is given yet."""
    shop.receive(warehouse, [{"sku": sku, "qty": qty}], fill_backorders=False)


# --- the limit ----------------------------------------------------------------------------------------------------------------------


@every_level
@either_end
@pytest.mark.parametrize("waits", [0, 1], ids=["nobody waits yet", "one waits"])
def test_two_who_come_to_wait_at_once_share_the_limit(
    shop: Shop, session: OpenSession, level: IsolationLevel, commits: bool, waits: int
) -> None:
    let_wait(shop, limit=5 + waits)
    if waits:
        backorder(shop, "BEFORE", waits)
    one, two = session(level), session(level)
    backorder(one, "ONE", 3, warehouse="LON")  # no level is theirs in common
    call = ("reserve", "TWO", [{"sku": "APPLE", "qty": 3}])
    pending = two.blocked(*call, warehouse="BER", on_shortage="backorder")
    end(one, commits)
    [row] = two.outcome(pending, *call, warehouse="BER", on_shortage="backorder")
    assert row["outcome"] == ("rejected" if commits else "backordered")
    assert backlog(shop) == waits + 3
    assert shop.differences() == []


@every_level
@either_end
@pytest.mark.parametrize("freeing", ["release", "cancel"])
def test_who_gives_up_makes_room_for_who_waits_for_that(
    shop: Shop, session: OpenSession, level: IsolationLevel, commits: bool, freeing: str
) -> None:
    let_wait(shop, limit=3)
    backorder(shop, "BEFORE", 3)
    one, two = session(level), session(level)
    one.later(freeing, "BEFORE").result(NEVER)
    call = ("reserve", "NEW", [{"sku": "APPLE", "qty": 2}])
    pending = two.blocked(*call, on_shortage="backorder")
    end(one, commits)
    [row] = two.outcome(pending, *call, on_shortage="backorder")
    assert row["outcome"] == ("backordered" if commits else "rejected")
    assert backlog(shop) == (2 if commits else 3)
    assert shop.differences() == []


@every_level
@either_end
@pytest.mark.parametrize("booker", ["reserve", "expire_reservations"])
def test_a_waiting_hold_that_is_extended_in_time_keeps_its_place_before_the_limit(
    shop: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, commits: bool, booker: str
) -> None:
    let_wait(shop, limit=3)
    backorder(shop, "CART", 3, ttl=HOUR)
    one, two = session(level), session(level)
    one.extend("CART", 9 * HOUR)
    wall_clock.advance(hours=2)
    call: dict[str, Any] = {}
    if booker == "reserve":
        call = {"order_ref": "NEW", "lines": [{"sku": "APPLE", "qty": 3}], "on_shortage": "backorder"}
    pending = two.blocked(booker, **call)
    end(one, commits)
    rows = two.outcome(pending, booker, **call)
    if booker == "reserve":
        assert columns(rows, "outcome") == [("rejected" if commits else "backordered",)]
    else:
        assert columns(rows, "order_ref", "outcome") == ([] if commits else [("CART", "expired")])
    assert standing(shop, "CART") == [(1, None, 0, 3, 0, 0, 0) if commits else (1, None, 0, 0, 0, 0, 3)]
    assert shop.differences() == []


# --- owners of holds that wait ------------------------------------------------------------------------------------------------------


@every_level
@either_end
@pytest.mark.parametrize("function", ["extend", "confirm"])
@pytest.mark.parametrize("waits", [True, False], ids=["it waits", "it is promised"])
def test_who_came_in_time_and_had_to_wait_does_not_get_back_what_was_booked(
    shop: Shop, session: OpenSession, wall_clock: WallClock, level: IsolationLevel, commits: bool, function: str, waits: bool
) -> None:
    let_wait(shop)
    shop.receive("LON", [{"sku": "RICE", "qty": 1}] + ([] if waits else [{"sku": "APPLE", "qty": 3}]))
    backorder(shop, "CART", 3, ttl=HOUR)
    arguments: dict[str, Any] = {"ttl": 9 * HOUR} if function == "extend" else {}
    holder, owner, sweeper = session(), session(level), session()
    holder.reserve("CART", [{"sku": "RICE", "qty": 1}])  # has the order, and nothing of the hold
    pending = owner.blocked(function, "CART", **arguments)
    wall_clock.advance(hours=2)
    assert columns(sweeper.expire_reservations(), "outcome") == [("expired",)]
    holder.rollback()
    owner.until_blocked(pending, by=sweeper)
    end(sweeper, commits)
    refused = owner.refused_or_done(pending)
    if refused == "40001":
        assert level is not READ_COMMITTED
        refused = owner.refused(owner.later(function, "CART", **arguments))
    owner.commit()
    assert refused == ("OS305" if commits else None)
    left = (0, 0) if commits else (3, 0) if waits else (0, 3)
    assert columns(shop.view("reservations", order_ref="CART", sku="APPLE"), "backordered", "reserved") == [left]
    assert shop.differences() == []


# --- filling ------------------------------------------------------------------------------------------------------------------------


@without_predicates
@either_end
def test_an_order_in_use_keeps_its_place_and_its_units(
    waiting: Shop, session: OpenSession, level: IsolationLevel, commits: bool
) -> None:
    receive(waiting, 4)
    one, two = session(level), session(level)
    one.reserve("FIRST", [{"sku": "RICE", "qty": 1}])
    assert filled(two.unhindered("fill_backorders")) == [("SECOND", 1, "LON", "filled", 1)]
    two.commit()
    end(one, commits)
    assert queue(waiting) == [("FIRST", None, 3), ("SECOND", None, 1)]
    assert waiting.level("APPLE") == (4, 0, 1, 3)
    assert filled(waiting.fill_backorders()) == [("FIRST", 1, "LON", "filled", 3)]
    assert waiting.differences() == []


@without_predicates
def test_a_receipt_leaves_an_order_in_use_its_units(waiting: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    one.reserve("FIRST", [{"sku": "RICE", "qty": 1}])
    two.unhindered("receive", "LON", [{"sku": "APPLE", "qty": 4}])
    two.commit()
    one.commit()
    assert queue(waiting) == [("FIRST", None, 3), ("SECOND", None, 1)]
    assert waiting.level("APPLE") == (4, 0, 1, 3)
    assert waiting.differences() == []


@every_level
@either_end
def test_receipts_at_two_warehouses_fill_one_after_the_other(
    waiting: Shop, session: OpenSession, level: IsolationLevel, commits: bool
) -> None:
    one, two = session(level), session(level)
    one.receive("LON", [{"sku": "APPLE", "qty": 4}])
    call = ("receive", "BER", [{"sku": "APPLE", "qty": 2}])
    pending = two.blocked(*call)
    end(one, commits)
    two.outcome(pending, *call)
    assert queue(waiting) == ([] if commits else [("FIRST", None, 1), ("SECOND", None, 2)])
    assert waiting.differences() == []


@without_predicates
def test_of_two_who_fill_at_once_each_takes_other_products(waiting: Shop, session: OpenSession, level: IsolationLevel) -> None:
    receive(waiting, 3)
    one, two = session(level), session(level)
    assert filled(one.fill_backorders()) == [("FIRST", 1, "LON", "filled", 3)]
    let_wait(waiting, "MILK")
    backorder(waiting, "THIRD", 1, sku="MILK")
    waiting.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "L"}], fill_backorders=False)
    assert filled(two.unhindered("fill_backorders")) == [("THIRD", 1, "LON", "filled", 1)]
    two.commit()
    one.commit()
    assert waiting.fill_backorders() == []
    assert waiting.differences() == []


def test_any_number_who_fill_one_queue_give_each_unit_once(shop: Shop, connect: Connect, db: psycopg.Connection) -> None:
    """Thirty orders wait for sixty units; of eight clients four receive them, which fills, and all fill until nobody waits."""
    let_wait(shop)
    wanted = {f"O-{n}": 1 + n % 3 for n in range(30)}
    for order_ref, qty in wanted.items():
        backorder(shop, order_ref, qty)
    ends = time.monotonic() + NEVER

    def work(worker: int) -> None:
        own = Shop(connect("app"), db)
        for _ in range(5 if worker % 2 else 0):
            own.receive("LON", [{"sku": "APPLE", "qty": 3}])
        while queue(own):
            own.fill_backorders()
            assert time.monotonic() < ends, "somebody waits for ever"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert dict(columns(shop.view("order_lines"), "order_ref", "reserved")) == wanted
    assert shop.level("APPLE") == (60, 0, 60, 0)
    assert sum(qty for (qty,) in shop.entries("reserved_delta", event_type="RESERVE")) == 60
    assert shop.differences() == []


@every_level
@either_end
@pytest.mark.parametrize("function", ["cancel", "release"])
def test_what_is_being_filled_is_given_back_as_it_is_then(
    waiting: Shop, session: OpenSession, level: IsolationLevel, commits: bool, function: str
) -> None:
    receive(waiting, 2)
    one, two = session(level), session(level)
    one.fill_backorders()
    pending = two.blocked(function, "FIRST")
    end(one, commits)
    rows = two.outcome(pending, function, "FIRST")
    assert sum(row["qty_released"] for row in rows) == 3
    assert standing(waiting, "FIRST") == (
        [(1, None, 0, 0, 0, 1, 0), (1, "LON", 0, 0, 0, 2, 0)] if commits else [(1, None, 0, 0, 0, 3, 0)]
    )
    assert queue(waiting) == [("SECOND", None, 2)]
    assert waiting.level("APPLE") == (2, 0, 0, 2)
    assert waiting.differences() == []


@every_snapshot
@pytest.mark.parametrize("function", ["allocate", "ship", "deallocate", "cancel"])
@pytest.mark.parametrize("filler", ["fill_backorders", "receive"])
def test_what_an_order_was_given_since_is_not_overlooked(
    waiting: Shop, session: OpenSession, level: IsolationLevel, function: str, filler: str
) -> None:
    waiting.receive("LON", [{"sku": "APPLE", "qty": 1}])  # FIRST has one, and waits for two
    old = session(level)
    old.look()
    if filler == "receive":
        waiting.receive("BER", [{"sku": "APPLE", "qty": 2}])
    else:
        receive(waiting, 2, "BER")
        waiting.fill_backorders()
    waiting_for = old.later(function, "FIRST")
    assert old.refused(waiting_for) == "40001"
    if function == "deallocate":
        waiting.allocate("FIRST")
    rows = old.later(function, "FIRST").result(NEVER)
    old.commit()
    assert {row["warehouse"] for row in rows} == {"LON", "BER"}
    assert waiting.differences() == []


@pytest.mark.parametrize("filler", ["fill_backorders", "receive"])
def test_who_fills_stands_in_the_way_of_nobody_who_waits_for_something_else(waiting: Shop, session: OpenSession, filler: str) -> None:
    """Neither of an order, nor of a product's queue."""
    let_wait(waiting, "RICE")
    backorder(waiting, "GRAINS", 10, sku="RICE", warehouse="LON")
    waiting.receive("BER", [{"sku": sku, "qty": 1} for sku in ("RICE", "APPLE")], fill_backorders=False)
    waiting.reserve("DONE", [{"sku": "RICE", "qty": 1}], warehouse="BER")
    one, two = session(), session()
    if filler == "receive":
        one.receive("BER", [{"sku": "APPLE", "qty": 1}])
    else:
        assert filled(one.fill_backorders()) == [("FIRST", 1, "BER", "filled", 1)]
    two.unhindered("release", "GRAINS")
    two.unhindered("release", "DONE")
    two.commit()
    one.commit()
    assert waiting.differences() == []


@pytest.mark.parametrize("waits", ["nobody", "someone else"])
def test_receipts_at_two_warehouses_do_not_wait_for_each_other_where_nobody_waits(
    waiting: Shop, session: OpenSession, waits: str
) -> None:
    """Also if somebody waited once, or waits for another product that comes in."""
    let_wait(waiting, "RICE")
    backorder(waiting, "GRAINS", 10, sku="RICE")
    waiting.receive("BER", [{"sku": "RICE", "qty": 1}])
    if waits == "nobody":
        waiting.receive("BER", [{"sku": "APPLE", "qty": 5}])
    one, two = session(), session()
    one.receive("LON", [{"sku": "RICE", "qty": 1}] + ([{"sku": "APPLE", "qty": 1}] if waits == "someone else" else []))
    two.unhindered("receive", "BER", [{"sku": "RICE", "qty": 1}])
    two.commit()
    one.commit()
    assert waiting.differences() == []


@pytest.mark.parametrize("function", ["cancel", "amend"])
def test_who_gives_up_locks_the_queues_that_he_stands_in_and_no_others(waiting: Shop, session: OpenSession, function: str) -> None:
    """Nor those in which he stood once."""
    let_wait(waiting, "RICE")
    let_wait(waiting, "MILK")
    waiting.reserve("BOTH", [{"sku": "RICE", "qty": 10}, {"sku": "APPLE", "qty": 1}], warehouse="LON", on_shortage="backorder")
    waiting.receive("LON", [{"sku": "RICE", "qty": 1}])
    backorder(waiting, "DAIRY", 1, sku="MILK")
    one, two = session(), session()
    if function == "cancel":
        one.cancel("BOTH")
    else:
        one.amend("BOTH", [{"sku": "APPLE", "line": 2, "qty": 0}])
    for sku in ("RICE", "MILK"):
        assert two.unhindered("reserve", f"NEW {sku}", [{"sku": sku, "qty": 1}], warehouse="BER", on_shortage="backorder")
    two.commit()
    one.commit()
    assert waiting.differences() == []


@without_predicates
@either_end
def test_a_hold_confirmed_meanwhile_is_filled_by_who_comes_next(
    shop: Shop, session: OpenSession, level: IsolationLevel, commits: bool
) -> None:
    let_wait(shop)
    backorder(shop, "CART", 2, ttl=HOUR)
    receive(shop, 5)
    one, two = session(level), session(level)
    one.confirm("CART")
    assert two.unhindered("fill_backorders") == []
    two.commit()
    end(one, commits)
    assert filled(shop.fill_backorders()) == ([("CART", 1, "LON", "filled", 2)] if commits else [])
    assert shop.differences() == []


# --- the one order ------------------------------------------------------------------------------------------------------------------

SKUS = [f"P-{n}" for n in range(9)]
EACH = [{"sku": sku, "qty": 1} for sku in reversed(SKUS)]


@pytest.fixture
def many(shop: Shop) -> Shop:
    """OLD waits for one of each of nine products."""
    shop.put_products(lines=[{"sku": sku, "name": sku, "backorder": "unlimited"} for sku in SKUS])
    shop.reserve("OLD", EACH, on_shortage="backorder")
    return shop


@pytest.mark.parametrize("function", ["reserve", "receive", "cancel", "release", "fill_backorders", "expire_reservations"])
def test_backlogs_are_locked_by_product_in_whatever_order_they_are_named(
    many: Shop, db: psycopg.Connection, session: OpenSession, wall_clock: WallClock, function: str
) -> None:
    request: dict[str, Any] = {}
    if function == "reserve":
        request = {"order_ref": "NEW", "lines": EACH, "warehouse": "LON", "on_shortage": "backorder"}
    elif function == "receive":
        request = {"warehouse": "LON", "lines": EACH}
    elif function == "fill_backorders":
        many.receive("LON", EACH, fill_backorders=False)
    elif function == "expire_reservations":
        many.reserve("CART", EACH, warehouse="LON", ttl=HOUR, on_shortage="backorder")
        wall_clock.advance(hours=2)
    else:
        request = {"order_ref": "OLD"}
    products = [row[0] for row in db.execute("select product_id from openstock_core.backlog order by 1").fetchall()]
    for held in (0, 5):
        holder, one = session(), session()
        holder.reserve("HOLD", [{"sku": SKUS[held], "qty": 1}], warehouse="BER", on_shortage="backorder")
        backorders = unlocked(db, "backorder")
        pending = one.blocked(function, **request)
        assert unlocked(db, "backlog") == set(products[held + 1 :])
        assert unlocked(db, "backorder") == backorders, "backlogs come first"
        holder.rollback()
        pending.result(NEVER)
        one.rollback()


@pytest.mark.parametrize("booker", ["reserve", "expire_reservations"])
def test_waiting_holds_are_locked_by_their_age_and_before_any_line(
    shop: Shop, db: psycopg.Connection, session: OpenSession, wall_clock: WallClock, booker: str
) -> None:
    let_wait(shop, limit=9)
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    shop.reserve("PART", [{"sku": "APPLE", "qty": 1}], ttl=3 * HOUR)
    for n in range(9):  # the younger, the sooner they end
        backorder(shop, f"CART-{n}", 1, ttl=(9 - n) * HOUR)
    ids = [row[0] for row in db.execute("select backorder_id from openstock_core.backorder order by 1").fetchall()]
    request: dict[str, Any] = {}
    if booker == "reserve":
        request = {"order_ref": "NEW", "lines": [{"sku": "APPLE", "qty": 9}], "on_shortage": "backorder"}
    for held in (0, 5):
        wall_clock.db.execute("select setval('public.wall_clock', 0)")
        holder, one = session(), session()
        holder.extend(f"CART-{held}", 20 * HOUR)
        wall_clock.advance(hours=10)
        pending = one.blocked(booker, **request)
        assert unlocked(db, "backorder") == set(ids[held + 1 :])
        assert len(unlocked(db, "reservation_line")) == 1
        holder.rollback()
        pending.result(NEVER)
        one.rollback()


def test_backlogs_come_into_being_by_product(shop: Shop, session: OpenSession) -> None:
    shop.put_products(lines=[{"sku": sku, "name": sku, "backorder": "unlimited"} for sku in SKUS])
    holder, one, free = session(), session(), session()
    backorder(holder, "HOLD", 1, sku=SKUS[4], warehouse="BER")
    pending = one.blocked("reserve", "NEW", EACH, warehouse="LON", on_shortage="backorder")
    free.unhindered("reserve", "FREE", [{"sku": SKUS[8], "qty": 1}], warehouse="BER", on_shortage="backorder")
    free.commit()
    holder.commit()
    assert len(one.outcome(pending, "reserve")) == 9
    assert shop.differences() == []

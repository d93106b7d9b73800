"""From repeatable read on a transaction sees holds as they were: what changed since ends it in 40001, and never in a wrong answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from psycopg import IsolationLevel

from ..support import Shop, columns
from ..wall_clock import WallClock
from .sessions import SNAPSHOT_LEVELS, OpenSession, Session

every_snapshot = pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)
HOUR = timedelta(hours=1)
THREE = [{"sku": "APPLE", "qty": 3}]


@pytest.fixture
def held(shop: Shop, wall_clock: WallClock) -> Shop:
    """Six apples: three held by C-1 for an hour, three promised to FIRM."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 6, "location": "A-1"}])
    shop.reserve("C-1", THREE, ttl=HOUR)
    shop.reserve("FIRM", THREE)
    return shop


@pytest.fixture
def old(session: OpenSession, held: Shop, level: IsolationLevel) -> Session:
    """A session whose snapshot shows the hold as it was made."""
    opened = session(level)
    opened.look()
    return opened


def nothing_is_wrong(shop: Shop) -> bool:
    """The projections are the ledger's, and no pin is left that no promise explains."""
    [(orphans,)] = shop.db.execute(
        "select count(*) from openstock_core.allocation a join openstock_core.reservation_line l using (tenant_id, reservation_line_id) "
        "where a.qty > l.reserved"
    ).fetchall()
    return shop.differences() == [] and orphans == 0


# What happens after the snapshot and before the end, whether the units of the hold can then be promised, and to whom they are.
SINCE: list[tuple[str, Callable[[Shop], Any], str, dict[str, tuple[int, int]]]] = [
    ("it was extended", lambda shop: shop.extend("C-1", 9 * HOUR), "rejected", {"C-1": (3, 0)}),
    ("it was confirmed", lambda shop: shop.confirm("C-1"), "rejected", {"C-1": (3, 0)}),
    ("it was confirmed into another", lambda shop: shop.confirm("C-1", "S-1"), "rejected", {"S-1": (3, 0)}),
    ("it was pinned", lambda shop: shop.allocate("C-1"), "reserved", {"C-1": (0, 3)}),
    ("it was shipped", lambda shop: shop.ship("C-1"), "rejected", {"C-1": (0, 0)}),
    ("it was released", lambda shop: shop.cancel("C-1"), "reserved", {"C-1": (0, 0)}),
    ("its units moved", lambda shop: shop.move("LON", [{"sku": "APPLE", "qty": 6, "from": "A-1", "to": "A-2"}]), "reserved", {"C-1": (0, 3)}),
]
SINCE += [
    (
        "it was pinned and its units moved",
        lambda shop: (shop.allocate("C-1"), shop.move("LON", [{"sku": "APPLE", "qty": 6, "from": "A-1", "to": "A-2"}])),
        "reserved",
        {"C-1": (0, 3)},
    ),
    (
        "it was pinned and extended",
        lambda shop: (shop.allocate("C-1"), shop.extend("C-1", 9 * HOUR)),
        "rejected",
        {"C-1": (3, 0)},
    ),
]
each_change = pytest.mark.parametrize(("change", "outcome", "left"), [case[1:] for case in SINCE], ids=[case[0] for case in SINCE])


@every_snapshot
@each_change
def test_a_buyer_counts_with_what_was_done_to_the_hold_since(
    held: Shop,
    old: Session,
    wall_clock: WallClock,
    level: IsolationLevel,
    change: Callable[[Shop], Any],
    outcome: str,
    left: dict[str, tuple[int, int]],
) -> None:
    change(held)
    wall_clock.advance(hours=2)
    call = ("reserve", "NEW", THREE)
    [row] = old.outcome(old.later(*call), *call)
    assert row["outcome"] == outcome
    orders = {row["order_ref"]: (row["reserved"], row["expired"]) for row in held.view("reservations")}
    assert orders == {"FIRM": (3, 0)} | left | ({"NEW": (3, 0)} if outcome == "reserved" else {})
    assert nothing_is_wrong(held)


@every_snapshot
@each_change
def test_a_sweeper_books_what_has_ended_and_all_of_it(
    held: Shop,
    old: Session,
    wall_clock: WallClock,
    level: IsolationLevel,
    change: Callable[[Shop], Any],
    outcome: str,
    left: dict[str, tuple[int, int]],
) -> None:
    change(held)
    wall_clock.advance(hours=2)
    rows = old.outcome(old.later("expire_reservations"), "expire_reservations")
    assert [row["order_ref"] for row in rows] == [order for order, (_, expired) in left.items() if expired]
    [bins] = held.db.execute("select sum(allocated) from openstock_core.stock_bin").fetchall()
    assert bins == (sum(row["allocated"] for row in held.view("reservations")),)
    assert nothing_is_wrong(held)


@every_snapshot
def test_a_hold_that_was_made_since_and_has_ended_counts_against_nobody(
    held: Shop, old: Session, wall_clock: WallClock, level: IsolationLevel
) -> None:
    held.receive("LON", THREE)
    held.reserve("C-2", THREE, ttl=HOUR)
    wall_clock.advance(hours=2)
    call = ("reserve", "NEW", [{"sku": "APPLE", "qty": 6}])
    [row] = old.outcome(old.later(*call), *call)
    assert (row["outcome"], row["available"]) == ("reserved", 0)
    assert nothing_is_wrong(held)


@every_snapshot
def test_a_hold_that_was_made_since_is_not_sold_again(
    held: Shop, old: Session, wall_clock: WallClock, level: IsolationLevel
) -> None:
    wall_clock.advance(hours=2)
    held.reserve("C-2", THREE, ttl=HOUR)
    call = ("reserve", "NEW", THREE)
    [row] = old.outcome(old.later(*call), *call)
    assert (row["outcome"], row["reserved"]) == ("rejected", 6)
    assert nothing_is_wrong(held)


@every_snapshot
@pytest.mark.parametrize("function", ["extend", "confirm", "confirm into another", "allocate", "ship", "release", "cancel"])
@pytest.mark.parametrize("booked_by", ["a buyer", "a sweeper"])
def test_an_owner_does_not_use_what_was_booked_since(
    held: Shop, old: Session, wall_clock: WallClock, level: IsolationLevel, function: str, booked_by: str
) -> None:
    arguments: dict[str, Any] = {"extend": {"ttl": HOUR}, "confirm into another": {"new_order_ref": "S-1"}}.get(function, {})
    function = function.split()[0]
    wall_clock.advance(hours=2)
    if booked_by == "a buyer":
        assert held.reserve("NEW", THREE)[0]["outcome"] == "reserved"
    else:
        assert len(held.expire_reservations()) == 1
    # A clock that goes back: the owner's call would be in time, were it not for what is booked.
    held.db.execute("select setval('public.wall_clock', 0)")
    refused = old.refused(old.later(function, order_ref="C-1", **arguments))
    if refused == "40001":
        refused = old.refused(old.later(function, order_ref="C-1", **arguments))
    assert refused == "OS305"
    assert nothing_is_wrong(held)


@every_snapshot
@pytest.mark.parametrize("function", ["allocate", "ship"])
@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda shop: shop.extend("C-1", 9 * HOUR), 0),
        (lambda shop: shop.confirm("C-1", "S-1"), 0),
        (lambda shop: shop.expire_reservations(), 3),
        (lambda shop: shop.view("stock"), 3),
    ],
    ids=["was extended", "was confirmed", "was booked", "ended"],
)
def test_pickers_take_pinned_units_only_of_holds_that_have_ended(
    held: Shop,
    session: OpenSession,
    wall_clock: WallClock,
    level: IsolationLevel,
    function: str,
    change: Callable[[Shop], Any],
    got: int,
) -> None:
    held.allocate("C-1")
    held.adjust("LON", [{"sku": "APPLE", "qty": -3, "location": "A-1"}], reason="lost")
    old = session(level)
    old.look()
    if got:
        wall_clock.advance(hours=2)
        change(held)
    else:
        change(held)
        wall_clock.advance(hours=2)
    if function == "ship" and not got:
        refused = old.refused(old.later("ship", "FIRM"))
        if refused == "40001":
            refused = old.refused(old.later("ship", "FIRM"))
        assert refused == "OS201"
    else:
        rows = old.outcome(old.later(function, "FIRM"), function, "FIRM")
        assert sum(row["qty"] for row in rows if row.get("outcome") != "short") == got
    assert nothing_is_wrong(held)


@every_snapshot
def test_an_owner_and_a_buyer_with_the_same_old_snapshot(
    held: Shop, session: OpenSession, old: Session, wall_clock: WallClock, level: IsolationLevel
) -> None:
    owner = session(level)
    owner.look()
    owner.extend("C-1", 9 * HOUR)
    owner.commit()
    wall_clock.advance(hours=2)
    call = ("reserve", "NEW", THREE)
    [row] = old.outcome(old.later(*call), *call)
    assert row["outcome"] == "rejected"
    assert columns(held.view("reservations", order_ref="C-1"), "reserved", "expired") == [(3, 0)]
    assert nothing_is_wrong(held)

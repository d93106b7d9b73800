"""A promise and another change of the same level at the same time: whoever is second decides on what the first left."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import IsolationLevel

from ..support import Shop
from .sessions import ALL_LEVELS, READ_COMMITTED, SNAPSHOT_LEVELS, OpenSession

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)

# What the other call is, how much the order wants, and whether it gets that if the other call commits, and if it does not.
CHANGES: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("ship", {"order_ref": "OLD"}, 6, "reserved", "reserved"),
    ("ship", {"order_ref": "OLD"}, 7, "rejected", "rejected"),
    ("release", {"order_ref": "OLD"}, 10, "reserved", "rejected"),
    ("release", {"order_ref": "OLD", "lines": [{"line": 1, "qty": 1}]}, 7, "reserved", "rejected"),
    ("adjust", {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": -2}], "reason": "x"}, 5, "rejected", "reserved"),
    ("adjust", {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 2}], "reason": "x"}, 8, "reserved", "rejected"),
    ("move", {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 2, "to": "Q-1"}]}, 5, "rejected", "reserved"),
    ("move", {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 2, "to": "A-1"}]}, 6, "reserved", "reserved"),
    ("move", {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 2, "to_status": "hold"}]}, 5, "rejected", "reserved"),
    ("receive", {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 2}]}, 8, "reserved", "rejected"),
    ("reserve", {"order_ref": "OTHER", "lines": [{"sku": "APPLE", "qty": 2}]}, 5, "rejected", "reserved"),
    ("put_products", {"lines": [{"sku": "APPLE", "safety_stock": 2}]}, 5, "rejected", "reserved"),
]
CASES = [(READ_COMMITTED, *change) for change in CHANGES]
CASES += [(level, *change) for level in SNAPSHOT_LEVELS for change in CHANGES if change[0] in ("ship", "receive", "reserve")]
each_case = pytest.mark.parametrize(
    ("level", "function", "request_", "wanted", "committed", "rolled_back"),
    CASES,
    ids=[f"{level.name} {function} then {wanted}" for level, function, _, wanted, _, _ in CASES],
)


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """Ten apples, four of them promised."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("OLD", [{"sku": "APPLE", "qty": 4}])
    return shop


@each_case
@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
def test_a_promise_waits_for_the_change_and_counts_with_its_end(
    stocked: Shop,
    session: OpenSession,
    level: IsolationLevel,
    function: str,
    request_: dict[str, Any],
    wanted: int,
    committed: str,
    rolled_back: str,
    commits: bool,
) -> None:
    one, two = session(level), session(level)
    one.later(function, **request_).result()
    call = ("reserve", "NEW", [{"sku": "APPLE", "qty": wanted}])
    waiting = two.blocked(*call)
    one.commit() if commits else one.rollback()
    [row] = two.outcome(waiting, *call)
    assert row["outcome"] == (committed if commits else rolled_back)
    assert stocked.level("APPLE")[3] >= 0
    assert stocked.differences() == []


@each_case
def test_the_change_waits_for_a_promise(
    stocked: Shop,
    session: OpenSession,
    level: IsolationLevel,
    function: str,
    request_: dict[str, Any],
    wanted: int,
    committed: str,
    rolled_back: str,
) -> None:
    one, two = session(level), session(level)
    [promised] = one.reserve("NEW", [{"sku": "APPLE", "qty": 6}])
    assert (promised["outcome"], promised["available"]) == ("reserved", 0)
    waiting = two.blocked(function, **request_)
    one.commit()
    [row, *_] = two.outcome(waiting, function, **request_)
    if function == "reserve":
        assert row["outcome"] == "rejected"
    on_hand, blocked, reserved, available = stocked.level("APPLE")
    assert available == on_hand - blocked - reserved - (2 if function == "put_products" else 0)
    assert stocked.view("reservations", order_ref="NEW")[0]["reserved"] == 6
    assert stocked.differences() == []


@every_level
@pytest.mark.parametrize(
    ("function", "second"),
    [("ship", "ship"), ("ship", "release"), ("release", "ship"), ("release", "release"), ("ship", "allocate"), ("release", "allocate")],
)
def test_an_order_is_shipped_or_released_once(
    stocked: Shop, session: OpenSession, level: IsolationLevel, function: str, second: str
) -> None:
    one, two = session(level), session(level)
    one.later(function, order_ref="OLD").result()
    waiting = two.blocked(second, order_ref="OLD")
    one.commit()
    if two.refused(waiting) == "40001":
        assert two.refused(two.later(second, order_ref="OLD")) == "OS302"
    else:
        assert level is READ_COMMITTED
    [row] = stocked.view("reservations", order_ref="OLD")
    assert (row["shipped"], row["released"]) == ((4, 0) if function == "ship" else (0, 4))
    assert stocked.differences() == []


@every_level
def test_lines_are_added_to_an_order_one_call_after_the_other(stocked: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    [first] = one.reserve("NEW", [{"sku": "APPLE", "qty": 1}])
    call = ("reserve", "NEW", [{"sku": "APPLE", "qty": 2}])
    waiting = two.blocked(*call)
    one.commit()
    [second] = two.outcome(waiting, *call)
    assert (first["line"], second["line"]) == (1, 2)
    assert stocked.level("APPLE") == (10, 0, 7, 3)


@every_level
def test_an_order_closed_meanwhile_takes_no_more_lines(stocked: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    one.ship("OLD")
    waiting = two.blocked("reserve", "OLD", [{"sku": "APPLE", "qty": 1}])
    one.commit()
    if two.refused(waiting) == "40001":
        assert two.refused(two.later("reserve", "OLD", [{"sku": "APPLE", "qty": 1}])) == "OS302"
    assert stocked.level("APPLE") == (6, 0, 0, 6)


def test_promises_of_different_products_do_not_wait_for_each_other(stocked: Shop, session: OpenSession) -> None:
    stocked.receive("LON", [{"sku": "RICE", "qty": 1}])
    one, two = session(), session()
    one.reserve("A", [{"sku": "APPLE", "qty": 1}])
    two.reserve("B", [{"sku": "RICE", "qty": 1}])
    two.commit()
    one.commit()


def test_readers_never_wait(stocked: Shop, session: OpenSession) -> None:
    one = session()
    one.ship("OLD")
    assert stocked.level("APPLE") == (10, 0, 4, 6)
    assert stocked.differences() == []
    one.commit()
    assert stocked.level("APPLE") == (6, 0, 0, 6)

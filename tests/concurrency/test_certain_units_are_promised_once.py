"""Who asks for a bin, a lot, days left or a very piece, and who will take any unit, are after the same units: each is promised to one of them."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any

import pytest
from psycopg import IsolationLevel

from ..support import Shop, columns, day
from .sessions import ALL_LEVELS, OpenSession, all_outcomes

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
WISHES: dict[str, dict[str, Any]] = {
    "any": {},
    "bin": {"warehouse": "LON", "location": "A-1"},
    "lot": {"lot": "M1"},
    "days": {"min_days_left": 3},
}


def milk(wish: str, qty: int = 1) -> list[dict[str, Any]]:
    return [{"sku": "MILK", "qty": qty, **WISHES[wish]}]


@pytest.mark.parametrize("wishes", list(product(WISHES, WISHES)), ids="-".join)
@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
def test_the_last_unit_is_one_orders_whatever_each_asked_for(
    shop: Shop, session: OpenSession, wishes: tuple[str, str], commits: bool
) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "M1", "expires_on": day(9), "location": "A-1"}])
    one, two = session(), session()
    assert columns(one.reserve("ONE", milk(wishes[0])), "outcome") == [("reserved",)]
    call = ("reserve", "TWO", milk(wishes[1]))
    waiting = two.blocked(*call)
    one.commit() if commits else one.rollback()
    assert columns(two.outcome(waiting, *call), "outcome", "available") == [("rejected", 0) if commits else ("reserved", 0)]
    assert shop.level("MILK") == (1, 0, 1, 0)
    assert shop.differences() == []


@every_level
@pytest.mark.parametrize("seed", range(3))
def test_eight_orders_with_wishes_are_promised_what_there_is(shop: Shop, session: OpenSession, level: IsolationLevel, seed: int) -> None:
    """Five units, one by one in bins and lots of which each wish will do for some; what is promised lies there for its order."""
    for place, lot, days in (("A-1", "M1", 9), ("A-1", "M2", 1), ("A-2", "M1", 9), ("A-2", "M2", 1), ("P-1", "M3", 5)):
        shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": lot, "expires_on": day(days), "location": place}])
    chance = Random(seed)
    calls = [("reserve", f"ORDER-{n}", milk(chance.choice(list(WISHES)))) for n in range(8)]
    first, *others = [session(level) for _ in calls]
    rows = first.reserve(*calls[0][1:])
    waiting = {other: (other.blocked(*call), call) for other, call in zip(others, calls[1:], strict=True)}
    first.commit()
    rows += all_outcomes(waiting)
    promised = {row["order_ref"] for row in rows if row["outcome"] == "reserved"}
    assert len(rows) == 8
    assert 2 <= len(promised) <= 5  # each wish there are two units for, or more
    for order_ref in promised:
        shop.allocate(order_ref)
    lying = {row["order_ref"]: row for row in shop.view("order_lines")}
    assert {order_ref for order_ref, row in lying.items() if row["reserved"] == row["allocated"] == 1} == promised
    assert shop.differences() == []

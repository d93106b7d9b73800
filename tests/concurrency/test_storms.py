"""Eight workers, four products, all functions at once: nothing is oversold, lost, invented, or wrongly refused.

OPENSTOCK_STORM_CALLS sets how many calls each worker makes (default 60).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from psycopg import IsolationLevel

from ..soak import Soak
from ..support import Connect
from .sessions import READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE
from .storm import Done, Storm
from .wreckage import Line, Wreckage

WORKERS = 8
CALLS = int(os.environ.get("OPENSTOCK_STORM_CALLS", "60"))


def rage(storm: Storm) -> str:
    """Run and check a storm; a line about it."""
    storm.run()
    Wreckage(storm).check()
    storm.close()
    assert not storm.deadlocks, "\n\n".join(storm.deadlocks)
    if storm.level is READ_COMMITTED:
        unexpected = storm.retries.keys() - {'40001 {"problem": "a hold of the order ended meanwhile"}'}
        assert not unexpected, f"serialization failures at READ COMMITTED: {storm.retries}"
    outcomes = ", ".join(f"{what} {times}" for what, times in sorted(storm.outcomes.items()))
    return f"{storm.level.name}, seed {storm.seed}: {storm.verified} times verified, retries {dict(storm.retries)}, deadlocks of a caller's transaction {storm.composed_deadlocks}, {outcomes}"


@pytest.mark.parametrize("level", [READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE], ids=lambda level: level.name)
@pytest.mark.parametrize("losses", [False, True], ids=["nothing is lost", "with losses and expiry"])
def test_a_storm_leaves_no_wreckage(
    connect: Connect, db: psycopg.Connection, level: IsolationLevel, losses: bool
) -> None:
    print(rage(Storm(connect, db, level, losses, WORKERS, CALLS, seed=1)))


@pytest.mark.parametrize(("answered", "most"), [(1, 0), (3, 2)], ids=["answered before", "answered later"])
def test_a_hold_counts_as_ended_until_its_confirmation_is_there_for_others(answered: int, most: int) -> None:
    minute = [datetime(2026, 1, 1, 12, n, tzinfo=UTC) for n in range(10)]
    hold = Line(
        ("TEA", "BER"), None, times=minute[:2], answered=[minute[0], minute[answered]],
        reserved=[Decimal(2), Decimal(2)], used=[Decimal(0), Decimal(0)], ends=[minute[5], None],
    )  # fmt: skip
    other = Done("reserve", {}, "op 1", [], began=minute[2], ended=minute[2] + timedelta(minutes=7))
    assert max(hold.ended(other.ended, n) for n in hold.seen(minute[2], other)) == most


@pytest.mark.soak
def test_as_many_calls_of_32_clients_as_one_likes(
    connect: Connect, db: psycopg.Connection, soak: Soak, capsys: pytest.CaptureFixture[str]
) -> None:
    told: Counter[str] = Counter()
    while soak.wants_calls(told["calls"]):
        level = random.choice([READ_COMMITTED, READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE])
        storm = Storm(connect, db, level, random.random() < 0.5, 4 * WORKERS, CALLS, seed=random.getrandbits(32))
        line = rage(storm)
        calls = sum(storm.outcomes.values())
        told.update({"calls": calls, "storms": 1, f"calls at {level.name}": calls, f"retries at {level.name}": sum(storm.retries.values())})
        told.update({"deadlocks": len(storm.deadlocks), "deadlocks with a transaction of several calls": storm.composed_deadlocks})
        told.update({"`verify` while calls went on": storm.verified})
        told.update({f"`{function}` {outcome}": times for (function, outcome), times in ((what.split(" ", 1), n) for what, n in sorted(storm.outcomes.items()))})
        with capsys.disabled():
            print(f"\n{told['calls']} calls. {line}")
    soak.tell({what: told[what] for what in sorted(told, key=lambda what: (what.startswith("`"), what))})

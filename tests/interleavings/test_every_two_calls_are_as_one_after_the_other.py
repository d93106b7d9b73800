"""Every two functions that write, one of them stopped before each of its statements in turn while the other comes in between.

Whatever the interleaving: no deadlock, nothing that verify finds, nothing oversold; and what both are answered and what the views show
afterwards is what they are answered and show one after the other, in one order or the other. `make soak` runs all pairs, at as many points
as SOAK_POINTS says (None: at every statement), `make test` those of SHARE, at as many as POINTS says.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any
from uuid import UUID

import pytest
from psycopg import IsolationLevel

from ..soak import Soak
from .explained import Facts, comparable, finally_comparable, left_over
from .players import READ_COMMITTED, REPEATABLE_READ, Answer, Part, Refused
from .scenarios import SCENARIOS, Scenario
from .stage import Stage

# Of each call against each other in `make test`.
POINTS = {READ_COMMITTED: 2, REPEATABLE_READ: 1}
# And in `make soak`: at all; a snapshot hides what the other does wherever it comes, so that some points tell as much as all.
SOAK_POINTS = {READ_COMMITTED: None, REPEATABLE_READ: 5}
PUBLIC = [scenario for scenario in SCENARIOS if scenario.public]
PAIRS = list(combinations_with_replacement(SCENARIOS, 2))
ANNOUNCED = "a stock level came into being"  # reserve's serialization failures at READ COMMITTED: it is in use, or has something due

# What `make test` runs: one pair in five, and with a snapshot one in thirty-one, since most that may go wrong there does so without, too.
SHARE = [(one, other, level) for level, step in ((READ_COMMITTED, 5), (REPEATABLE_READ, 31)) for one, other in PAIRS[::step]]

each_of_the_share = pytest.mark.parametrize(
    ("one", "other", "level"), SHARE, ids=[f"{one.name}, {other.name}-{level.name}" for one, other, level in SHARE]
)
each_call = pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
each_level = pytest.mark.parametrize("level", POINTS, ids=[level.name for level in POINTS])


def spread(length: int, count: int | None, offset: int) -> list[int]:
    """So many of the points 1 to length, evenly; where they begin depends on the pair, so that all pairs together stop everywhere."""
    if count is None or count >= length:
        return list(range(1, length + 1))
    return sorted({1 + (offset + n * length // count) % length for n in range(count)})


def interleave(stage: Stage, one: Scenario, other: Scenario, level: IsolationLevel, points: int | None, *, twins: bool = False) -> int:
    """Let two meet, each stopping for the other; how many times they met. Twins have one op_id."""
    template = stage.template(one, other)
    orders = [(Part(one, "one", "one"), Part(other, "other", "one" if twins else "other"))]
    orders += [(orders[0][1], orders[0][0])]
    meetings = [
        (order, stop_at)
        for order in orders[: 1 if one is other else 2]
        for stop_at in spread(len(stage.path(order[0].scenario, template)), points, PAIRS.index((one, other)))
    ]
    tenants = stage.copies(template, len(orders) + len(meetings))
    serial = [in_turn(stage, tenant, order, level) for tenant, order in zip(tenants, orders, strict=False)]
    problems: dict[str, Any] = {}
    where = dict.fromkeys(tenants, "one after the other")
    for tenant, (order, stop_at) in zip(tenants[len(orders) :], meetings, strict=True):
        where[tenant] = f"{order[0].scenario.name} stopped at point {stop_at}: {stage.path(order[0].scenario, template)[stop_at - 1]}"
        answers, failures = stage.players.meet(tenant, *order, stop_at, level)
        refuse_unexpected(answers, order)
        facts = answers | stage.views(tenant)
        if wrong := [f for f in failures if f.code == "40P01" or (level is READ_COMMITTED and ANNOUNCED not in f.detail)]:
            problems[where[tenant]] = wrong
        elif not is_serial(stage, facts, serial, order, tenant, tenants):
            problems[where[tenant]] = {f"not as {n}": differences(other, facts) for n, other in zip(("one first", "other first"), serial, strict=True)}
    for tenant, found in stage.wrong(tenants).items():
        problems.setdefault(where[tenant], found)
    assert not problems, f"{len(problems)} of {len(meetings)}:\n" + "\n".join(f"{place}\n{told(what)}" for place, what in list(problems.items())[:4])
    return len(meetings)


def is_serial(stage: Stage, facts: Facts, serial: list[Facts], parts: tuple[Part, Part], tenant: UUID, serial_tenants: list[UUID]) -> bool:
    """Whether these facts are those of one order or the other, or differ only in what is explained."""
    if facts in serial or comparable(facts, parts) in [comparable(one, parts) for one in serial]:
        return True
    if not (calls := left_over(parts)):
        return False
    finally_seen, *finally_serial = (
        finally_comparable(one | stage.do_again(where, calls), parts)
        for one, where in ((facts, tenant), *zip(serial, serial_tenants, strict=False))
    )
    return finally_seen in finally_serial


def in_turn(stage: Stage, tenant: Any, order: tuple[Part, Part], level: IsolationLevel) -> Facts:
    """What one after the other gives."""
    answers = stage.players.in_turn(tenant, *order, level=level)
    refuse_unexpected(answers, order)
    return answers | stage.views(tenant)


def refuse_unexpected(answers: dict[str, Answer], parts: tuple[Part, Part]) -> None:
    """Only errors that a scenario names."""
    for part in parts:
        answer = answers[part.name]
        assert not isinstance(answer, Refused) or answer.code in part.scenario.allowed, f"{part.scenario.name}: {answer}"


def differences(expected: Facts, seen: Facts) -> dict[str, Any]:
    """What is different, fact by fact."""
    found: dict[str, Any] = {}
    for fact in expected:
        if isinstance(expected[fact], Refused) or isinstance(seen[fact], Refused):
            found[fact] = {"-": [expected[fact]], "+": [seen[fact]]}
        else:
            found[fact] = {"-": [row for row in expected[fact] if row not in seen[fact]], "+": [row for row in seen[fact] if row not in expected[fact]]}
    return {fact: rows for fact, rows in found.items() if rows["-"] != rows["+"]}


def told(what: Any, indent: str = "  ") -> str:
    """Readable."""
    if isinstance(what, dict):
        return "\n".join(f"{indent}{key}:\n{told(value, indent + '  ')}" for key, value in what.items())
    return "\n".join(f"{indent}{row}" for row in what)


@each_of_the_share
def test_a_call_that_comes_in_between_makes_no_difference(stage: Stage, one: Scenario, other: Scenario, level: IsolationLevel) -> None:
    interleave(stage, one, other, level, POINTS[level])


@pytest.mark.soak
@each_level
@each_call
def test_wherever_it_comes_in_between(stage: Stage, scenario: Scenario, level: IsolationLevel, soak: Soak) -> None:
    pairs = [(one, other) for one, other in PAIRS if one is scenario]
    met, problems = 0, []
    for one, other in pairs:
        try:
            met += interleave(stage, one, other, level, SOAK_POINTS[level])
        except AssertionError as error:
            problems.append(f"{one.name}, {other.name}: {error}")
    assert not problems, "\n\n".join(problems)
    soak.tell({f"pairs at {level.name}": len(pairs), f"meetings at {level.name}": met})


@pytest.mark.parametrize("scenario", PUBLIC, ids=[scenario.name for scenario in PUBLIC])
def test_twins_have_one_effect(stage: Stage, scenario: Scenario) -> None:
    interleave(stage, scenario, scenario, READ_COMMITTED, None, twins=True)


def test_a_rejection_shows_the_balances_that_decided_it(stage: Stage) -> None:
    """A level that comes into being as the order is found short is not among them: more would be available than was missing."""
    named = {scenario.name: scenario for scenario in SCENARIOS}
    for name in ("receive", "receive a first level elsewhere"):
        interleave(stage, named[name], named["reserve what comes in"], READ_COMMITTED, None)


def test_a_piece_that_leaves_its_bin_as_it_is_found_there_comes_in(stage: Stage) -> None:
    """It is in a bin where it is locked, and in none where the refusal is worded."""
    named = {scenario.name: scenario for scenario in SCENARIOS}
    interleave(stage, named["receive a piece that is in stock"], named["adjust pieces"], READ_COMMITTED, None)

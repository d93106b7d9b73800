"""The database against a model of it in plain Python, over all functions: about 3,000 steps, or in `make soak` as many as there is time for."""

from __future__ import annotations

import os
import random

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from ..soak import Soak
from ..support import Connect
from .machine import StockMachine
from .world import World

EXAMPLES, STEPS = 30, 50
# What a run has to come across, or it tells less than it seems to.
TOLD = {
    "receive": {"filled"},
    "reserve": {"reserved", "rejected", "short", "backordered", "ended holds booked"},
    "fill_backorders": {"filled", "nothing"},
    "extend": {"extended", "OS305"},
    "confirm": {"confirmed", "OS305", "OS306"},
    "cancel": {"cancelled"},
    "release": {"released"},
    "expire_reservations": {"expired"},
    "allocate": {"allocated", "short", "ended holds booked", "OS305"},
    "allocate_next": {"allocated", "nothing"},
    "deallocate": {"deallocated", "OS303"},
    "short_pick": {"allocated", "short", "OS303"},
    "ship": {"done", "ended holds booked", "OS201"},
    "adjust": {"done", "ended holds un-pinned"},
}
REFUSED = {"22023", "OS010", "OS110", "OS201", "OS301", "OS302", "OS303", "OS305", "OS306"}


@pytest.fixture
def world(db: psycopg.Connection, connect: Connect) -> World:
    """The database of one run."""
    return World(db, connect)


def run(world: World, number: int, examples: int, steps: int) -> None:
    """One run; the same number makes the same calls."""
    world.salt = number
    machine = seed(number)(type("Machine", (StockMachine,), {"world": world}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=[Phase.generate] + ([] if os.environ.get("NOSHRINK") else [Phase.shrink]),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("number", [3, 4])
def test_answers_errors_and_views_are_those_of_a_model_in_plain_python(world: World, number: int) -> None:
    run(world, number, EXAMPLES, STEPS)
    print(world.summary())
    assert world.steps >= EXAMPLES * STEPS * 0.8
    missing = {function: outcomes - world.outcomes_of(function) for function, outcomes in TOLD.items()}
    assert not any(missing.values()), f"never happened: {missing}"
    assert world.outcomes_of() >= REFUSED, f"never refused with {REFUSED - world.outcomes_of()}"


@pytest.mark.soak
def test_the_same_for_as_long_as_one_likes(world: World, soak: Soak, capsys: pytest.CaptureFixture[str]) -> None:
    runs = 0
    while soak.goes_on():
        number = random.getrandbits(32)
        with capsys.disabled():
            print(f"\nrun {runs + 1}, seed {number}, {world.steps} steps so far", flush=True)
        run(world, number, 20, 80)
        runs += 1
    with capsys.disabled():
        print(f"\n{runs} runs: {world.summary()}")
    soak.tell({"runs": runs, "steps": world.steps} | {f"`{function}` {outcome}": times for (function, outcome), times in sorted(world.outcomes.items())})
    assert world.steps > runs * 20

"""The database against a model of it in plain Python, over all functions: about 4,000 steps, or in `make soak` as many as there is time for."""

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

EXAMPLES, STEPS = 20, 50


def certain(*outcomes: str) -> set[str]:
    """What becomes of lines that ask for certain units."""
    return {f"certain units {outcome}" for outcome in outcomes}


def kits(*outcomes: str) -> set[str]:
    """What becomes of lines of kits."""
    return {f"kits {outcome}" for outcome in outcomes}


STRATEGIES = ("priority", "most_stock", "nearest", "least_cost", "fewest_splits", "ship_complete")
# What each run has to come across, or it tells less than it seems to, and what a run has to that is about something.
TOLD = {
    "receive": {"filled"},
    "reserve": {"reserved", "rejected", "short", "backordered", "ended holds booked"},
    "fill_backorders": {"nothing"},
    "extend": {"extended"},
    "confirm": {"confirmed"},
    "cancel": {"cancelled"},
    "release": {"released"},
    "amend": {"reserved", "released", "released and reserved", "rejected", "22023"},
    "allocate": {"allocated", "short"},
    "allocate_next": {"allocated", "nothing"},
    "deallocate": {"deallocated"},
    "short_pick": {"allocated", "short", "OS303"},
    "ship": {"done"},
    "adjust": {"done"},
}
TOLD_OF = {
    "what ends": {
        "reserve": {f"reserved by {strategy}" for strategy in STRATEGIES},
        "extend": {"OS305"},
        "confirm": {"OS305", "OS306"},
        "expire_reservations": {"expired"},
        "amend": {"short", "backordered", "nothing", "ended holds booked", "OS305"},
        "allocate": {"ended holds booked", "OS305"},
        "deallocate": {"OS303"},
        "ship": {"ended holds booked", "OS201"},
        "adjust": {"ended holds un-pinned"},
    },
    "channels": {
        "put_channels": {"done"},
        "put_quotas": {"done", "ended holds booked"},
        "availability": {"for a channel", "for anyone", "in a closed warehouse"},
        "receive": {"quota used"},
        "reserve": {"quota used", "kept again"},
        "fill_backorders": {"filled", "quota used"},
        "cancel": {"kept again"},
        "release": {"kept again"},
        "expire_reservations": {"kept again"},
        "amend": {"quota used", "kept again"},
    },
    "certain units": {
        "put_lots": {"done"},
        "reserve": certain("reserved", "rejected", "short"),
        "amend": {"OS201", "OS303", *certain("reserved", "released", "rejected")},
        "allocate": certain("allocated", "short"),
        "allocate_next": certain("allocated"),
        "short_pick": certain("allocated", "short"),
    },
    "kits": {
        "put_kits": {"done"},
        "availability": {"of kits"},
        "reserve": kits("reserved", "rejected", "short"),
        "confirm": kits("confirmed"),
        "release": kits("released"),
        "deallocate": kits("moved"),
        "ship": kits("moved"),
        "amend": kits("reserved", "released", "rejected"),
    },
}
REFUSED = {"22023", "OS010", "OS110", "OS201", "OS301", "OS302", "OS303", "OS305", "OS306"}
REFUSED_OF = {"what ends": set[str](), "channels": {"OS116", "OS117"}, "certain units": {"OS107"}, "kits": set[str]()}


@pytest.fixture
def world(db: psycopg.Connection, connect: Connect) -> World:
    """The database of one run."""
    return World(db, connect)


def run(world: World, number: int, examples: int, steps: int, about: str | None = None) -> None:
    """One run; the same number makes the same calls."""
    world.salt = number
    machine = seed(number)(type("Machine", (StockMachine,), {"world": world, "about": about}))
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


@pytest.mark.parametrize(("number", "about"), [(11, "what ends"), (6, "channels"), (2, "certain units"), (6, "kits")])
def test_answers_errors_and_views_are_those_of_a_model_in_plain_python(world: World, number: int, about: str) -> None:
    """A run that does not come across all that it is to come across is followed by another, at most three times."""
    told = {(function, outcome) for told in (TOLD, TOLD_OF[about]) for function, outcomes in told.items() for outcome in outcomes}
    refused = REFUSED | REFUSED_OF[about]
    for again in range(4):
        run(world, number + 1000 * again, EXAMPLES, STEPS, about)
        if told <= world.outcomes.keys() and refused <= world.outcomes_of():
            break
    print(world.summary())
    assert world.steps >= EXAMPLES * STEPS * 0.8
    assert sorted(told - world.outcomes.keys()) == [], "never happened"
    assert sorted(refused - world.outcomes_of()) == [], "never refused with these"


@pytest.mark.soak
def test_the_same_for_as_long_as_one_likes(world: World, soak: Soak, capsys: pytest.CaptureFixture[str]) -> None:
    runs = 0
    while soak.wants_steps(world.steps):
        number, about = random.getrandbits(32), random.choice([None, *TOLD_OF])
        with capsys.disabled():
            print(f"\nrun {runs + 1}, seed {number}, about {about or 'all'}, {world.steps} steps so far", flush=True)
        run(world, number, 20, 80, about)
        runs += 1
    with capsys.disabled():
        print(f"\n{runs} runs: {world.summary()}")
    soak.tell({"runs": runs, "steps": world.steps} | {f"`{function}` {outcome}": times for (function, outcome), times in sorted(world.outcomes.items())})
    assert world.steps > runs * 20

"""`make soak`: the batteries that are too long for `make test`, and what they say of themselves.

`python -m tests.soak` runs all, or those named. The model goes on for --minutes (60), and until it made --steps (100,000); storms until they made
--calls (200,000). --write puts what was run into docs/soak.md, battery by battery. PYTEST_ARGS are handed on.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from bench.machine import describe
from openstock.server import temporary_server

TOP = Path(__file__).parent.parent
REPORT = TOP / "docs" / "soak.md"


@dataclass(frozen=True)
class Battery:
    """Tests that are marked soak, and what they show."""

    title: str
    about: str
    tests: str
    processes: int


BATTERIES = {
    "model": Battery(
        "A model in plain Python",
        "Random calls of all functions by Hypothesis, every answer, error and view compared with what the model says; `verify` after every "
        "25 and at the end of each example.",
        "tests/model",
        1,
    ),
    "storms": Battery(
        "Storms of 32 clients",
        "All operations at once on few products, at the three isolation levels. Afterwards, and at random moments: `verify` is clean, nothing "
        "is oversold, nobody deadlocked, and whoever was refused was truly short at some instant between call and answer.",
        "tests/concurrency/test_storms.py",
        1,
    ),
    "interleavings": Battery(
        "Every two calls, at every statement",
        "One is stopped before each of its statements in turn, with a snapshot before five of them, while the other comes in between; what both are answered and what the views "
        "show is what they are and show one after the other.",
        "tests/interleavings",
        2,
    ),
    "mutations": Battery(
        "Every guard taken out",
        "Each lock, order, condition, refusal and CHECK of the SQL is taken out of a copy, one at a time, and a test of the suite fails.",
        "tests/mutation",
        1,
    ),
}


@dataclass
class Soak:
    """How much a test is to do, and where it tells what it did."""

    seconds: float
    steps: int
    calls: int
    report: str
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def asked(cls) -> Soak | None:
        """What `make soak` asks for; None elsewhere."""
        asked = os.environ.get("OPENSTOCK_SOAK")
        return cls(**json.loads(asked)) if asked else None

    def wants_steps(self, made: int) -> bool:
        """Whether the model's time is not over yet, or too few steps are made."""
        return time.monotonic() - self.began < self.seconds or made < self.steps

    def wants_calls(self, made: int) -> bool:
        """Whether storms are to make more calls."""
        return made < self.calls

    def tell(self, counts: Mapping[str, int]) -> None:
        """What was done, to be added to what other tests of the battery did."""
        with Path(self.report).open("a", encoding="utf-8") as file:
            file.write(json.dumps(counts) + "\n")


def run(name: str, args: argparse.Namespace, version: str) -> str | None:
    """Run a battery; its section of the report, or None where it failed."""
    battery = BATTERIES[name]
    with tempfile.TemporaryDirectory() as directory:
        told = Path(directory) / "told.jsonl"
        told.touch()
        asked = {"seconds": args.minutes * 60, "steps": args.steps, "calls": args.calls, "report": str(told)}
        environment = os.environ | {"OPENSTOCK_SOAK": json.dumps(asked)}
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-m", "soak", "-n", str(battery.processes), "-q", battery.tests]
        ended = subprocess.run(command + shlex.split(os.environ.get("PYTEST_ARGS", "")), cwd=TOP, env=environment, check=False)
        minutes = (time.monotonic() - began) / 60
        counts: Counter[str] = Counter()
        for line in told.read_text(encoding="utf-8").splitlines():
            counts.update(json.loads(line))
    if ended.returncode:
        return None
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=TOP, capture_output=True, text=True, check=False).stdout.strip()
    return (
        f"## {battery.title}\n\n{battery.about}\n\n{datetime.now(UTC):%Y-%m-%d}, commit {commit}, PostgreSQL {version}, {minutes:.0f} minutes: passed.\n\n"
        f"{table(counts)}\n"
    )


def table(counts: Mapping[str, int]) -> str:
    """A row for each count; what is told of one function, as in "`reserve` rejected", is one row, the most frequent first."""
    rows: dict[str, list[tuple[int, str]]] = {}
    for what, times in counts.items():
        found = re.fullmatch(r"(`\w+`) (.+)", what)
        name, outcome = (found[1], found[2]) if found else (what, "")
        rows.setdefault(name, []).append((times, outcome))
    told = {name: ", ".join(f"{outcome} {times:,}".strip() for times, outcome in sorted(found, reverse=True)) for name, found in rows.items()}
    return "\n".join(["| what | times |", "|---|---|", *(f"| {name} | {times} |" for name, times in told.items())])


def write(sections: Mapping[str, str]) -> None:
    """Put these sections into the report; those of other batteries stay."""
    text = REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
    there = {section.splitlines()[0]: section for section in re.split(r"^(?=## )", text, flags=re.M)[1:]}
    there |= {section.splitlines()[0]: section for section in sections.values()}
    machine = describe()
    head = (
        "# What the long batteries did\n\nThe last run of each battery of `make soak`, written by `python -m tests.soak --write`. "
        f"The machine: {machine.get('cores')} cores ({machine.get('processor', 'unknown')}), {machine.get('memory', 'unknown memory')}.\n\n"
    )
    order = [f"## {battery.title}" for battery in BATTERIES.values()]
    REPORT.write_text(head + "\n".join(there[title].strip() + "\n" for title in order if title in there), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("batteries", nargs="*", choices=[[], *BATTERIES], metavar="battery", help=", ".join(BATTERIES))
    parser.add_argument("--minutes", type=float, default=60, help="how long the model goes on, at least (default: 60)")
    parser.add_argument("--steps", type=int, default=100_000, help="how many steps the model makes, at least (default: 100000)")
    parser.add_argument("--calls", type=int, default=200_000, help="how many calls storms make, at least (default: 200000)")
    parser.add_argument("--write", action="store_true", help="put what was run into docs/soak.md")
    args = parser.parse_args()
    with temporary_server() as server, psycopg.connect(server.dsn()) as connection:
        version = connection.info.parameter_status("server_version") or "?"
    failed = []
    for name in args.batteries or BATTERIES:
        section = run(name, args, version)
        if section is None:
            failed.append(name)
            continue
        print(section, flush=True)
        if args.write:
            write({name: section})
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

"""Runs tests against a database from which one guard was taken, in a pytest of its own: many in one process.

`python -m tests.mutation.runner WORK RESULTS`: WORK is a JSON object of this module's `Work`, RESULTS gets a line of JSON
for each mutation (`Result`), or for each test where only what it calls is asked (`Observed`). The server's address is in
OPENSTOCK_TEST_SERVER; without one pytest starts a server, as always.

The test's database is a new copy of the migrated template; then, before anything else happens in it, the
statement of the mutation runs there. A mutation costs what its tests cost, about half a second: pytest, the imports and the
template are shared.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from _pytest.runner import runtestprotocol
from psycopg import sql

from ..copies import ALWAYS_NEW, Copy

TOP = Path(__file__).resolve().parents[2]
SLOW = 60  # seconds after which a test is given up: a slow machine must not pass for a missing guard
USED = """
    select s.schemaname || '.' || s.funcname from pg_stat_user_functions s where s.schemaname like 'openstock%' group by 1 order by 1
"""


@dataclass
class Task:
    """A mutation and the tests that it is tried on, in this order, until one fails or the time is up."""

    name: str
    statement: str
    tests: list[str]
    seconds: float = 600


@dataclass
class Result:
    """What became of a task: `killer` is the test that failed; None where none did, and the mutation survived."""

    name: str
    killer: str | None = None
    ran: int = 0
    seconds: float = 0.0
    problem: str | None = None
    """Why it was not tried: the statement is refused, or a test is not there."""


@dataclass
class Observed:
    """What a test called, of the functions that PostgreSQL counts: without those that it inlines."""

    test: str
    functions: list[str] = field(default_factory=list)
    seconds: float = 0.0
    passed: bool = True


@dataclass
class Work:
    """Tasks, or where there are none the question what tests call; paths are what pytest is to collect."""

    tasks: list[Task]
    paths: list[str]


class Bystander(pytest.Item):
    """The test that pytest believes to come next: it keeps the template of the session alive, and nothing else."""

    def runtest(self) -> None:
        """Nothing: it never runs."""


class Saboteur:
    """The plugin: replaces pytest's loop over tests by one over mutations, and applies these to the databases of tests."""

    def __init__(self, work: Work, results: Path) -> None:
        self.work = work
        self.results = results
        self.task: Task | None = None
        self.refused: str | None = None
        self.hangs = False
        self.called: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
        """Take the guard out as soon as a test has its database."""
        value = yield
        if isinstance(value, Copy):
            own = sql.Identifier(value.name)
            if self.task:
                # Who waits for a lock that is never given fails soon.
                value.db.execute(sql.SQL("alter database {} set statement_timeout = '8s'").format(own))
                try:
                    value.db.execute(self.task.statement)
                except psycopg.Error as error:
                    self.refused = str(error)
                    raise
            else:
                value.db.execute(sql.SQL("alter database {} set track_functions = 'all'").format(own))
                fixturedef.addfinalizer(lambda: self._look_at_calls(value))
        return value

    def _look_at_calls(self, copy: Copy) -> None:
        """A backend counts its last calls as it ends."""
        for _, connection in copy.used:
            connection.close()
        others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        deadline = time.monotonic() + 5
        while copy.db.execute(others).fetchone() != (0,) and time.monotonic() < deadline:
            time.sleep(0.005)
        self.called = [name for (name,) in copy.db.execute(USED)]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run what is to be done, and write each result as soon as it is known."""
        items = {item.nodeid: item for item in session.items}
        bystander = Bystander.from_parent(session, name="bystander")
        signal.signal(signal.SIGALRM, self._give_up)
        with self.results.open("w", encoding="utf-8") as out:
            for done in self._outcomes(items, bystander):
                out.write(json.dumps(asdict(done)) + "\n")
                out.flush()
        return True

    def _outcomes(self, items: dict[str, pytest.Item], bystander: Bystander) -> Iterator[Result | Observed]:
        if self.work.tasks:
            for task in self.work.tasks:
                yield self._try(task, items, bystander)
            return
        for name, item in items.items():
            if "db" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("soak"):
                begun, self.called = time.monotonic(), []
                passed = self._passes(item, bystander)
                yield Observed(name, self.called, round(time.monotonic() - begun, 2), passed)

    def _give_up(self, *_: object) -> None:
        self.hangs = True
        raise TimeoutError(f"not done within {SLOW} s")

    def _passes(self, item: pytest.Item, bystander: Bystander) -> bool:
        signal.alarm(SLOW)
        try:
            return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=bystander))
        finally:
            signal.alarm(0)

    def _try(self, task: Task, items: dict[str, pytest.Item], bystander: Bystander) -> Result:
        self.task, self.refused, self.hangs = task, None, False
        result, begun = Result(task.name), time.monotonic()
        for test in task.tests:
            if test not in items:
                result.problem = f"there is no test {test}"
                continue
            passed = self._passes(items[test], bystander)
            result.ran += 1
            if self.hangs:
                result.problem = f"not done within {SLOW} s: {test}"
                break
            if self.refused:
                result.problem = f"PostgreSQL refuses it: {self.refused}"
                break
            if not passed:
                result.killer = test
                break
            if time.monotonic() - begun > task.seconds:
                break
        result.seconds = round(time.monotonic() - begun, 2)
        self.task = None
        return result


def start(work: Work, place: Path, number: int, dsn: str | None) -> tuple[subprocess.Popen[str], Path]:
    """Start a process for this work; it writes to the path returned."""
    given, results = place / f"work-{number}.json", place / f"results-{number}.jsonl"
    given.write_text(json.dumps(asdict(work)), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OPENSTOCK_DSN"))}
    # The model need not tell the shortest way to a failure, and a database from which a guard was taken is used once.
    environment |= {"NOSHRINK": "1", ALWAYS_NEW: "1"}
    environment |= {"PYTHONPATH": os.pathsep.join([str(TOP), *filter(None, [os.environ.get("PYTHONPATH")])])}
    if dsn:
        environment["OPENSTOCK_TEST_SERVER"] = dsn
    command = [sys.executable, "-m", "tests.mutation.runner", str(given), str(results)]
    # A file takes what pytest says: a pipe that nobody reads would fill, and stop it.
    said = (place / f"said-{number}.txt").open("w", encoding="utf-8")
    with said:
        return subprocess.Popen(command, cwd=TOP, env=environment, stdout=said, stderr=subprocess.STDOUT, text=True), results


def run(tasks: Sequence[Task], dsn: str | None = None, processes: int = 1) -> list[Result]:
    """Try these mutations, in processes of their own, and return what became of them, in no order."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        shares = [list(tasks[number::processes]) for number in range(processes)]
        started = [start(Work(share, _paths(share)), place, number, dsn) for number, share in enumerate(shares) if share]
        lines: list[str] = []
        for number, (process, results) in enumerate(started):
            process.wait()
            written = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
            said = (place / f"said-{number}.txt").read_text(encoding="utf-8")
            assert len(written) == len(shares[number]), f"pytest ended early:\n{said[-4000:]}"
            lines += written
    return [Result(**json.loads(line)) for line in lines]


def _paths(tasks: Sequence[Task]) -> list[str]:
    """The files of their tests, as far as they are there."""
    return sorted({path for task in tasks for test in task.tests if (TOP / (path := test.split("::")[0])).exists()})


def main(given: str, results: str) -> int:
    """Do the work of a file."""
    loaded = json.loads(Path(given).read_text(encoding="utf-8"))
    work = Work([Task(**task) for task in loaded["tasks"]], loaded["paths"])
    # A name of its own, since several work on one server.
    arguments = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--postgresql-dbname=mutants_{os.getpid()}"]
    return int(pytest.main([*arguments, *work.paths], plugins=[Saboteur(work, Path(results))]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

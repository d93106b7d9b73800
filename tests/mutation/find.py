"""Looks for the test that notices each mutation: `python -m tests.mutation.find` writes killers.json.

Kept are the killers that still kill; tried are the mutations that have none, and what has gone is taken out. Which tests
can notice anything at all is measured first (PostgreSQL counts the calls of functions; of views it tells only that one was
read, by the function that filters them). Of these the likely ones come first: those of the function's own folder, of
tests/concurrency where a lock goes, with words in common with the clause, and those that notice the function's other mutations.

The ones that `make test` takes come first. What is found is written after each batch.
--all finds all of them anew; --only TEXT those with this in their name; --in PATH looks among the tests of a file or folder, which takes a minute instead of ten.
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from openstock.server import temporary_server

from .mutations import KINDS, Definition, Mutation, definitions, mutations, one_per_function
from .records import EQUIVALENT, KILLERS, read_killers, write_killers
from .runner import TOP, Observed, Result, Task, Work, start

# What works on databases of its own, and what would notice the way of the change instead of its effect.
ELSEWHERE = ("bench", "cli", "docs", "examples", "importer", "migration", "mutation", "server", "__pycache__")
NOT_ASKED = re.compile(r"plpgsql_check|test_storms|test_plans_stay")
BATCH = 40
CONSTRAINTS = "tests/catalogue/test_tables_refuse_what_cannot_be.py"
FILTER = "openstock.current_tenant"  # whoever reads a view that is filtered by it calls it


def folders() -> list[str]:
    """The folders of tests that can notice a mutation, the longest first."""
    found = [f"tests/{path.name}" for path in (TOP / "tests").iterdir() if path.is_dir() and path.name not in ELSEWHERE]
    return sorted(found, key=lambda path: -sum(file.stat().st_size for file in (TOP / path).glob("test_*.py")))


def spread(work: Sequence[Work], dsn: str) -> list[str]:
    """Do these works side by side; the lines of their results."""
    with tempfile.TemporaryDirectory() as directory:
        running = [start(one, Path(directory), number, dsn) for number, one in enumerate(work)]
        for number, (process, results) in enumerate(running):
            process.wait()
            if not results.exists():
                sys.exit((Path(directory) / f"said-{number}.txt").read_text(encoding="utf-8")[-4000:])
        return [line for _, results in running for line in results.read_text(encoding="utf-8").splitlines()]


def observe(paths: Sequence[str], workers: int, dsn: str) -> list[Observed]:
    """What each test of these files and folders calls, by running them all."""
    works = [Work([], list(paths[number::workers])) for number in range(min(workers, len(paths)))]
    return [Observed(**json.loads(line)) for line in spread(works, dsn)]


def with_inlined(observed: Iterable[Observed], functions: Sequence[Definition]) -> dict[str, set[str]]:
    """Which functions each test reaches: also those that PostgreSQL did not count, by who calls them."""
    calls = {function.name: function.calls for function in functions}
    counted = {name for test in observed for name in test.functions}
    found: dict[str, set[str]] = {}
    for test in observed:
        reached, look_at = set(test.functions), list(test.functions)
        while look_at:
            for called in calls.get(look_at.pop(), set()) - reached:
                if called not in counted:
                    reached.add(called)
                    look_at.append(called)
        found[test.test] = reached
    return found


def taking_turns(tests: Sequence[str]) -> list[str]:
    """One of each function of tests first, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int, str]] = []
    for place, test in enumerate(tests):
        function = test.split("[")[0]
        turns.append((seen[function] // 2, place, test))
        seen[function] += 1
    return [test for _, _, test in sorted(turns)]


def words(text: str) -> set[str]:
    """What a clause and a test may have in common: names, codes, values."""
    return set(re.findall(r"[a-z]\w{2,}|OS\d{3}|\d{5}", text))


def subjects(tests: Iterable[str]) -> dict[str, set[str]]:
    """The words of each test: of its name with parameters, and of what it does."""
    found: dict[str, set[str]] = {}
    bodies: dict[str, dict[str, set[str]]] = {}
    for test in tests:
        path, function = test.split("[")[0].split("::")[:2]
        if path not in bodies:
            text = (TOP / path).read_text(encoding="utf-8")
            functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
            bodies[path] = {node.name: words(ast.get_source_segment(text, node) or "") for node in functions}
        found[test] = words(test.replace("_", " ")) | words(test) | bodies[path].get(function, set())
    return found


class Likeliness:
    """How likely a test notices a mutation, judged by what both speak of: rare words count more than common ones."""

    def __init__(self, tests: Sequence[Observed]) -> None:
        self.tests = [test for test in tests if test.passed and not NOT_ASKED.search(test.test)]
        self.reached = with_inlined(self.tests, definitions())
        self.filters = {view.name: view.calls & {FILTER} for view in definitions(of="views")}
        self.subjects = subjects(test.test for test in self.tests)
        self.often = Counter(word for found in self.subjects.values() for word in found)

    def candidates(self, mutation: Mutation) -> list[str]:
        """The tests that may notice it, the likely ones first."""
        folder = f"tests/{mutation.function.split('.')[-1]}/"
        clause = words(mutation.clause) | words(mutation.function.replace("_", " "))
        clause |= {word for name in clause for word in name.split("_")} - {"openstock", "core", "perform"}
        locks = mutation.kind in ("lock", "wait", "locking call")

        def score(test: Observed) -> float:
            common = sum(math.log(len(self.tests) / self.often[word]) for word in clause & self.subjects[test.test])
            near = 6 * test.test.startswith(folder) + 12 * (locks and "/concurrency/" in test.test)
            # Who reaches few functions is about this one; a model reaches all, and takes long.
            return common + near + 20 / (1 + len(self.reached[test.test])) - 3 * test.seconds

        if mutation.kind == "constraint":
            able = [test for test in self.tests if test.test.startswith(CONSTRAINTS)]
        else:
            called = self.filters.get(mutation.function, {mutation.function})
            able = [test for test in self.tests if called <= self.reached[test.test]]
        return taking_turns([test.test for test in sorted(able, key=score, reverse=True)])


def find(wanted: Sequence[Mutation], likely: Likeliness, known: dict[str, str], options: argparse.Namespace, dsn: str) -> list[Result]:
    """Try each of these on the tests that may notice it."""
    there = {test.test for test in likely.tests}
    tasks = []
    for mutation in wanted:
        same = [test for name, test in known.items() if name.startswith(f"{mutation.function}: ") and test in there]
        ordered = likely.candidates(mutation)
        order = [*ordered[:8], *same[:8], *ordered[8:]]
        order = [test for test in order if re.search(options.among, test)]
        order = list(dict.fromkeys(order))[options.skip : options.skip + options.tests]
        tasks.append(Task(mutation.name, mutation.statement, order, options.seconds))
    works = [Work(tasks[number :: options.workers], options.paths or folders()) for number in range(options.workers)]
    return [Result(**json.loads(line)) for line in spread([work for work in works if work.tasks], dsn)]


def write(found: Iterable[str], known: dict[str, str]) -> None:
    """Keep also what another run has found meanwhile."""
    both = read_killers() | known
    write_killers({name: both[name] for name in found if name in both and name not in EQUIVALENT})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 where mutations survive that are not known to be equivalent."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.find", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", action="store_true", help="find every killer anew")
    parser.add_argument("--only", default="", metavar="TEXT", help="of mutations with this in their name")
    parser.add_argument("--kind", action="append", choices=KINDS, help="of mutations of this kind")
    parser.add_argument("--among", default="", metavar="REGEX", help="only tests that this matches")
    parser.add_argument("--in", action="append", dest="paths", metavar="PATH", help="only tests of these files and folders: the others need not be run first")
    parser.add_argument("--seconds", type=float, default=60, help="how long each mutation is tried (default 60)")
    parser.add_argument("--tests", type=int, default=500, metavar="N", help="and on how many tests (default 500)")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="but not on the first of them, which another run tried")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--calls", type=Path, metavar="FILE", help="keep what tests call there, and read it if it is there")
    options = parser.parse_args(arguments)

    found, killers = mutations(), read_killers()
    known = {name: test for name, test in killers.items() if name in found and name not in EQUIVALENT}
    if options.all:
        known = {name: test for name, test in known.items() if options.only not in name}
    wanted = [m for m in found.values() if m.name not in known and m.name not in EQUIVALENT and options.only in m.name]
    wanted = [m for m in wanted if m.kind in (options.kind or KINDS)]
    chosen = one_per_function([mutation for name, mutation in found.items() if name not in EQUIVALENT])
    wanted.sort(key=lambda mutation: (mutation not in chosen, KINDS.index(mutation.kind)))
    print(f"{len(found)} mutations, {len(known)} with a killer, {len(EQUIVALENT)} equivalent; {len(wanted)} to find", flush=True)
    begun = time.monotonic()
    if wanted:
        with temporary_server() as server:
            if options.calls and options.calls.exists():
                tests = [Observed(**json.loads(line)) for line in options.calls.read_text(encoding="utf-8").splitlines()]
            else:
                tests = observe(options.paths or folders(), options.workers, server.dsn())
                print(f"{len(tests)} tests run in {time.monotonic() - begun:.0f} s", flush=True)
                if options.calls:
                    options.calls.write_text("".join(json.dumps(vars(test)) + "\n" for test in tests), encoding="utf-8")
            likely = Likeliness(tests)
            for start_at in range(0, len(wanted), BATCH):
                for result in find(wanted[start_at : start_at + BATCH], likely, known, options, server.dsn()):
                    if result.killer:
                        known[result.name] = result.killer
                    else:
                        print(f"survives {result.ran} tests: {result.name}" + (f" ({result.problem})" if result.problem else ""))
                write(found, known)
                print(f"{len(known)} killers after {time.monotonic() - begun:.0f} s", flush=True)
    write(found, known)
    left = [name for name in found if name not in known and name not in EQUIVALENT]
    print(f"wrote {KILLERS.name}: {len(known)} killers, {len(left)} without one, in {time.monotonic() - begun:.0f} s")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())

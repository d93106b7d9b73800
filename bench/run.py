"""The bench: `python -m bench.run --quick`, `--core` or `--full`. bench/README.md says what the figures mean."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

import openstock
from bench import breakdown, instructions, report
from bench.contenders import CONTENDERS, GROWN, GROWTH, LEVELS, PEERS, SHOP, TENANT_SKUS, TENANTS, Contender
from bench.databases import Cluster, make_grown_shop, make_login, make_peers, make_shop
from bench.history import Historian, Measure
from bench.machine import describe
from bench.server import bench_server, is_durable, pgbench_path, settings_of
from bench.suite import Pace, Suite
from openstock.server import Server, ServerError

RESULTS = Path(__file__).parent / "results"
MINUTES = {"quick": 3, "core": 15, "full": 90}
PACES = {
    "quick": Pace(seconds=2, warm_up=0.5, rounds=2, skus=4_000),
    "core": Pace(seconds=2, warm_up=0.5, rounds=3, skus=10_000),
    "full": Pace(seconds=4, warm_up=1.0, rounds=7, skus=10_000),
}
HISTORY = {"quick": (), "core": ("1m",), "full": ("1m", "5m")}
SCALES = {
    "10k": (10_000, 12),
    "1m": (1_000_000, 12),
    "1m_60": (1_000_000, 60),
    "5m": (5_000_000, 12),
    "10m": (10_000_000, 12),
}
"""Entries and past months of the grown shops, by name."""
SHARE_OF_ROUNDS = {"quick": 0.9, "core": 0.85, "full": 0.8}
"""Of the time; the rest is for what is measured after the rounds."""

Plan = list[tuple[Contender, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    tier: str
    only: str | None
    rounds: int | None
    home: Path | None
    results: Path
    patience: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; 0 if every figure passed its check, 1 if one was refused, 2 if it could not run."""
    options = _parse(arguments)
    try:
        with bench_server(options.home) as server:
            result = run(server, options)
    except ServerError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return 2
    paths = report.write(result, options.results)
    print("\n" + report.markdown(result))
    print("Written: " + ", ".join(map(str, paths)))
    return 1 if result["refused"] else 0


def run(server: Server, options: Options, pace: Pace | None = None) -> report.Result:
    """Make the databases, run the rounds, look at the histories, and return everything that there is to say."""
    began, started = time.monotonic(), datetime.now(UTC)
    pace = pace or PACES[options.tier]
    if options.rounds:
        pace = Pace(pace.seconds, pace.warm_up, options.rounds, pace.skus)
    cluster = Cluster(server.dsn())
    plan = planned(options)
    with cluster.connect() as admin:
        settings = settings_of(admin)
    suite = Suite(
        cluster, pgbench_path(), pace, _say(began), postmaster=server.status().pid, may_install=options.tier != "quick",
        patience=options.patience,
        until=None if options.rounds else began + MINUTES[options.tier] * 60 * SHARE_OF_ROUNDS[options.tier],
    )  # fmt: skip
    histories = HISTORY[options.tier] if options.only is None or fnmatch("history", options.only) else ()
    written = _make_templates(suite, plan, histories)
    # Before the rounds: what is measured there adds to the databases.
    measures = _look_at_histories(suite, histories, written)
    measures += _count_instructions(suite, options)
    suite.run(plan)
    suite.verify_lasting([contender for contender, _ in plan])
    return report.result(
        tier=options.tier, only=options.only, started=started, seconds=time.monotonic() - began, suite=suite,
        plan=plan, measures=measures, settings=settings, durable=is_durable(settings), machine=describe(),
        version=openstock.__version__,
    )  # fmt: skip


def planned(options: Options) -> Plan:
    """What is measured at how many clients, in this tier, as far as it was asked for."""
    chosen: Plan = []
    for contender in (*CONTENDERS, *breakdown.contenders(), *GROWTH):
        clients = contender.quick if options.tier == "quick" else contender.core
        if options.tier == "full":
            clients = tuple(sorted({*contender.core, *contender.full}))
        if clients and (options.only is None or fnmatch(contender.name, options.only)):
            chosen.append((contender, clients))
    return chosen


def _make_templates(suite: Suite, plan: Plan, histories: Sequence[str]) -> dict[str, int]:
    """Make every database that the plan starts from; returns the ledger entries of the grown ones."""
    cluster, written = suite.cluster, dict[str, int]()
    wanted = {contender.template for contender, _ in plan}
    suite.say("making the databases")
    make_login(cluster)
    if PEERS in wanted:
        make_peers(cluster, PEERS, suite.pace.skus)
    if SHOP in wanted or any(name.startswith("openstock_bench_breakdown") for name in wanted):
        make_shop(cluster, SHOP, skus=suite.pace.skus)
    if any(contender.group == "breakdown" for contender, _ in plan):
        for name, why in breakdown.make_templates(cluster).items():
            suite.skipped[name] = f"the patch no longer applies: {why}"
    for count in (1, 1000):
        if TENANTS.format(count) in wanted:
            make_shop(cluster, TENANTS.format(count), skus=TENANT_SKUS // count, tenants=count, extras=False)
    for scale, (entries, months) in SCALES.items():
        if GROWN.format(scale) in wanted or scale in histories:
            written[scale] = make_grown_shop(
                cluster, GROWN.format(scale), entries=entries, months=months, skus=LEVELS, say=suite.say
            )
    return written


def _look_at_histories(suite: Suite, histories: Sequence[str], written: dict[str, int]) -> list[Measure]:
    measures: list[Measure] = []
    for scale in histories:
        historian = Historian(suite.cluster, GROWN.format(scale), scale, written[scale], suite.say)
        historian.sizes()
        historian.look_back()
        historian.upkeep()
        historian.memory()
        measures += historian.measures
    return measures


def _count_instructions(suite: Suite, options: Options) -> list[Measure]:
    if options.tier == "quick" or not (options.only is None or fnmatch("instructions", options.only)):
        return []
    make_login(suite.cluster)
    try:
        return instructions.measure(suite.cluster, suite.say)
    except instructions.CountError as why:
        suite.skipped["instructions"] = str(why)
        return []


def _parse(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    tier = parser.add_mutually_exclusive_group()
    for name, minutes in MINUTES.items():
        tier.add_argument(
            f"--{name}", dest="tier", action="store_const", const=name, help=f"{minutes} minutes on 2 cores"
        )
    parser.add_argument(
        "--only", metavar="GLOB", help="contenders whose names match; `history` and `instructions` for what is not in rounds"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="so many, however long they take")
    parser.add_argument("--home", type=Path, metavar="DIR", help="put the server there; it must be on a disk")
    parser.add_argument("--results", type=Path, metavar="DIR", default=RESULTS, help="where results go")
    parser.add_argument(
        "--patience", type=float, metavar="S", default=0.0, help="wait so long for others to be quiet, each time"
    )
    given = parser.parse_args(arguments)
    return Options(given.tier or "core", given.only, given.rounds, given.home, given.results, given.patience)


def _say(began: float):  # type: ignore[no-untyped-def]
    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    return say


if __name__ == "__main__":
    sys.exit(main())

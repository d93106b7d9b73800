"""Runs one load against one database, and turns what was logged into figures.

pgbench drives everything that SQL can say; other drivers (the Python client, Node) are programs that take a few
arguments and write the same log, a line per transaction: client, number, latency in µs, script, end in s and µs.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROCESSED = re.compile(r"number of transactions actually processed: (\d+)")
HERE = Path(__file__).parent
GRACE_SECONDS = 120.0
"""How long a load may take beyond its time: a transaction may wait for a deadlock to be noticed."""


class LoadError(Exception):
    """A load could not be run to its end; the message says what it said."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one load did. Warm-up is in `committed` and `failed`, which outcomes are checked by, and in nothing else."""

    committed: int
    least: int
    """Committed by the client with the fewest."""
    failed: Mapping[str, int]
    """By kind, such as deadlock."""
    per_second: float
    p50: float | None
    """Milliseconds, as the next two; None: every transaction of that time failed."""
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """What is run: a pgbench script, or a program that writes pgbench's log to standard output."""

    dsn: str
    clients: int
    seconds: int
    """Warm-up included."""
    warm_up: float
    script: str = ""
    variables: Mapping[str, str | int] | None = None
    program: Sequence[str] = ()
    environment: Mapping[str, str] | None = None
    """Of the program, over what it inherits."""
    transactions: int | None = None
    """Of each client, instead of seconds."""


def run(load: Load, pgbench: Path) -> Sample:
    """Run a load to its end. Raises LoadError when a client of it stopped, or its log and its own count disagree."""
    with tempfile.TemporaryDirectory(prefix="openstock-bench-") as directory:
        log = _run_program(load) if load.program else _run_pgbench(load, pgbench, Path(directory))
    return summary(log, load)


def _run_pgbench(load: Load, pgbench: Path, directory: Path) -> list[str]:
    script = directory / "script.sql"
    script.write_text(load.script)
    command: list[str | Path] = [pgbench, "--no-vacuum", "--protocol=prepared", f"--file={script}"]
    command += [f"--client={load.clients}", f"--jobs={min(load.clients, 2)}", "--max-tries=1", "--failures-detailed"]
    command += [f"--transactions={load.transactions}" if load.transactions else f"--time={load.seconds}"]
    command += ["--log", f"--log-prefix={directory / 'log'}"]
    command += [f"--define={name}={value}" for name, value in (load.variables or {}).items()]
    done = _finished([*command, load.dsn], load)
    lines = [line for path in directory.glob("log*") for line in path.read_text().splitlines()]
    counted, logged = PROCESSED.search(done), sum(line.split()[2].isdigit() for line in lines)
    if not counted or int(counted[1]) != logged:
        raise LoadError(f"pgbench logged {logged} transactions and says: {done.strip()}")
    return lines


def _run_program(load: Load) -> list[str]:
    return _finished(load.program, load).splitlines()


def _finished(command: Sequence[str | Path], load: Load) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    try:
        done = subprocess.run(
            command,
            cwd=HERE.parent,
            env={**inherited, **(load.environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=load.seconds + GRACE_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"{Path(command[0]).name} did not end within {GRACE_SECONDS:.0f} s of its time") from error
    if done.returncode != 0:
        raise LoadError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def summary(log: Sequence[str], load: Load) -> Sample:
    """The figures of a log: rate and latencies of the transactions that ended after the warm-up and within the time.

    Where clients had so many transactions each to do, the time ends when the first of them is done.
    Raises LoadError when nothing was committed, nor failed, in that time.
    """
    ends: list[tuple[float, float]] = []
    last: dict[str, float] = {}
    failed: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for line in log:
        client, _, latency, _, seconds, micros = line.split()[:6]
        end = int(seconds) + int(micros) / 1e6
        last[client] = max(last.get(client, 0.0), end)
        if latency.isdigit():
            ends.append((end, int(latency) / 1000))
            done[client] += 1
        else:
            failed[latency] += 1
    if not ends:
        raise LoadError(f"nothing was committed; failed: {dict(failed)}")
    start = min(end - latency / 1000 for end, latency in ends)
    first, until = start + load.warm_up, min(last.values()) if load.transactions else start + load.seconds
    latencies = sorted(latency for end, latency in ends if first <= end <= until)
    if not latencies and not failed:
        raise LoadError(f"nothing was committed between {load.warm_up} s and {until - start:.1f} s")
    return Sample(
        committed=len(ends),
        least=min(done.values()),
        failed=dict(failed),
        per_second=len(latencies) / (until - first),
        p50=_percentile(latencies, 0.50),
        p95=_percentile(latencies, 0.95),
        p99=_percentile(latencies, 0.99),
    )


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[max(math.ceil(len(ordered) * share) - 1, 0)] if ordered else None

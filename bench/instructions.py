"""Instructions that a server's backend executes for one call: a figure that neither other processes nor the disk disturb.

`python -m bench.instructions` prints them for reserve, for the bare function, and for a one-line reserve without each part of
the breakdown. Where the processor's time of a call differs by a tenth from run to run, these differ by a hundredth. They leave
out the kernel: what it costs to write, to wait and to talk to the client. Linux counts them, where it may.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import platform
import random
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from bench import breakdown
from bench.databases import APP, Cluster, make_login, make_shop, tenant_id
from bench.history import Measure
from openstock.server import ServerError, temporary_server

Connection = psycopg.Connection[tuple[Any, ...]]

CALL_NUMBER = {"x86_64": 298, "aarch64": 241}
"""Of perf_event_open(2)."""
HARDWARE, INSTRUCTIONS = 0, 1
ATTRIBUTES, EXCLUDED = 112, 40
"""Size of struct perf_event_attr, and where its flags are."""
ONLY_USER_SPACE = 1 << 5 | 1 << 6
"""Flags exclude_kernel and exclude_hv."""
UNIT = "thousand instructions"
WARM_UP = 30
"""Calls until all plans are generic and all caches are full."""
SKUS = 4_000
BARE = "select bare.reserve(%s, %s, %s, %s)"
RESERVE = "select * from openstock.reserve(op_id => %s, order_ref => %s, lines => %s::jsonb, tenant => %s)"
SHOP = "openstock_bench_instructions"
NAMES = itertools.count(1)
"""Of operations and orders: none twice, also in copies of a database that has some."""


class CountError(Exception):
    """This system does not count instructions, or not for us."""


@contextmanager
def counter(pid: int) -> Iterator[Callable[[], int]]:
    """A function that returns how many instructions a process has executed in user space since now; raises CountError."""
    number = CALL_NUMBER.get(platform.machine()) if sys.platform == "linux" else None
    if number is None:
        raise CountError("only Linux on x86-64 and ARM is known")
    attributes = bytearray(ATTRIBUTES)
    struct.pack_into("IIQ", attributes, 0, HARDWARE, ATTRIBUTES, INSTRUCTIONS)
    struct.pack_into("Q", attributes, EXCLUDED, ONLY_USER_SPACE)
    memory = (ctypes.c_char * ATTRIBUTES).from_buffer(attributes)
    opened = ctypes.CDLL(None, use_errno=True).syscall(number, memory, pid, -1, -1, 0)
    if opened < 0:
        raise CountError(os.strerror(ctypes.get_errno()))
    try:
        yield lambda: int(struct.unpack("Q", os.read(opened, 8))[0])
    finally:
        os.close(opened)


def per_call(connection: Connection, call: Callable[[], object], calls: int) -> float:
    """Instructions of the connection's backend for one call, in thousands, once it is warm; raises CountError."""
    with counter(connection.info.backend_pid) as count:
        for _ in range(WARM_UP):
            call()
        before = count()
        for _ in range(calls):
            call()
        return (count() - before) / calls / 1000


def of_bare(cluster: Cluster, database: str, calls: int = 200) -> float:
    """Of the bare function, which writes the rows of a one-line reserve."""
    with cluster.connect(database) as admin:
        products = [row[0] for row in admin.execute("select product_id from bare.stock_level limit 1000").fetchall()]
    with _session(cluster, database) as connection:
        chance = random.Random(0)

        def call() -> None:
            name = str(next(NAMES))
            connection.execute(BARE, [tenant_id(), name, name, chance.choice(products)])

        return per_call(connection, call, calls)


def of_reserve(cluster: Cluster, database: str, lines: int, calls: int = 200, skus: int = SKUS) -> float:
    """Of a reserve of so many lines, each of another of the shop's products."""
    with _session(cluster, database) as connection:
        chance = random.Random(0)

        def call() -> None:
            name = str(next(NAMES))
            wanted = [{"sku": f"S{sku}", "qty": 1} for sku in chance.sample(range(1, skus + 1), lines)]
            answered = connection.execute(RESERVE, [name, name, json.dumps(wanted), tenant_id()]).fetchall()
            if len(answered) != lines:
                raise AssertionError(f"{lines} lines were asked for, {len(answered)} answered")

        return per_call(connection, call, calls)


@contextmanager
def _session(cluster: Cluster, database: str) -> Iterator[Connection]:
    """As an application: a login bound to its tenant, row-level security in force, statements prepared at once."""
    with psycopg.connect(cluster.database(database, APP), autocommit=True, prepare_threshold=0) as connection:
        yield connection


def measure(cluster: Cluster, say: Callable[[str], None]) -> list[Measure]:
    """All that there is to count; raises CountError where nothing is."""
    make_shop(cluster, SHOP, skus=SKUS)
    found: list[Measure] = []

    def add(name: str, title: str, value: float) -> None:
        found.append(Measure(f"instructions_{name}", title, UNIT, (value,)))
        say(f"{title:<60} {value:10,.0f} {UNIT}")

    whole = 0.0
    add("bare", "bare function", of_bare(cluster, SHOP))
    for lines, calls in ((1, 200), (5, 100), (100, 20)):
        count = of_reserve(cluster, SHOP, lines, calls)
        whole = whole or count
        add(f"reserve_{lines}", f"reserve, {lines} line{'s' * (lines > 1)}", count)
    failed = breakdown.make_templates(cluster, SHOP)
    for part in breakdown.PARTS:
        if part.name not in failed:
            less = of_reserve(cluster, breakdown.template_of(part), 1)
            add(part.name, f"one line without {part.title}", less)
        cluster.drop(breakdown.template_of(part))
    cluster.drop(SHOP)
    return found


def main() -> int:
    """Print what a call costs; 2 if nothing can be counted here."""
    try:
        with temporary_server() as server:
            cluster = Cluster(server.dsn())
            make_login(cluster)
            measure(cluster, print)
    except (CountError, ServerError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

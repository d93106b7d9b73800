"""`verify`, `doctor` and `tick`: the proof, the look around, and maintenance."""

from __future__ import annotations

import argparse
import signal
import threading
import time

from openstock.cli.database import database
from openstock.cli.terminal import describe, table
from openstock.client import connect

__all__ = ["doctor", "tick", "verify"]


def verify(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    with connect(database(arguments), statement_timeout=0) as client:
        found = client.admin.verify(arguments.tenant)
    took = time.monotonic() - started
    for difference in found[:100]:
        where = " ".join(f"{key}={value}" for key, value in difference.key.items())
        print(
            f"{difference.tenant_id}  {difference.fact}: "
            f"expected {difference.expected}, actual {difference.actual}  {where}"
        )
    if len(found) > 100:
        print(f"… and {len(found) - 100:,} more")
    print(f"{len(found):,} differences ({took:.1f} s)")
    return 1 if found else 0


def doctor(arguments: argparse.Namespace) -> int:
    with connect(database(arguments)) as client:
        findings = client.admin.doctor()
    print(table([(finding.topic, finding.status, finding.detail) for finding in findings]))
    for finding in findings:
        if finding.hint:
            print(f"\n{finding.topic}: {finding.hint}")
    return 1 if arguments.strict and any(finding.status != "ok" for finding in findings) else 0


def tick(arguments: argparse.Namespace) -> int:
    if not arguments.loop:
        print(_round(database(arguments)))
        return 0
    stopping = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        if stopping.is_set():  # the round under way does not end
            raise KeyboardInterrupt
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    database(arguments)  # a mistake in how it was called ends it at once; what fails later is tried again
    while not stopping.is_set():
        try:
            said = _round(database(arguments))
        except Exception as error:
            said = f"failed, next try in {arguments.every:g} s: {describe(error)}"
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {said}", flush=True)
        stopping.wait(arguments.every)
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} stopped", flush=True)
    return 0


def _round(dsn: str) -> str:
    """One round of maintenance over a connection of its own, and what to say about it."""
    started = time.monotonic()
    with connect(dsn, statement_timeout=0) as client:
        client.admin.run_maintenance()
    seconds = time.monotonic() - started
    return f"partitions, expired lots and holds, backorders and the snapshot are up to date ({seconds:.2f} s)"

"""`migrate`: install openstock in a database, or upgrade it."""

from __future__ import annotations

import argparse

from openstock import migrate as driver
from openstock.cli.database import database
from openstock.cli.terminal import Progress

__all__ = ["migrate"]


def migrate(arguments: argparse.Namespace) -> int:
    report = driver.migrate(database(arguments), dry_run=arguments.dry_run, progress=Progress().say)
    if arguments.dry_run and report.pending:
        print(f"{len(report.pending)} to apply: {', '.join(report.pending)}. Nothing was written.")
    elif report.applied:
        print(f"Applied {', '.join(report.applied)}.")
    else:
        print(f"The database is current, at {report.already[-1]}; there is nothing to apply.")
    return 0

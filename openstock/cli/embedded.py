"""`up` and `down`: the embedded PostgreSQL."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from openstock.cli.database import DATABASE, embedded
from openstock.cli.terminal import CommandError, Progress, UsageError, program

if TYPE_CHECKING:
    from openstock.server import Server

__all__ = ["down", "start_embedded", "up"]


def start_embedded(say: Callable[[str], None]) -> tuple[Server, str]:
    """Start the embedded server, with openstock in its database, and return it with the database's DSN.

    Its superuser is declared as a trusted login, so that what it opens shows something.
    """
    import psycopg

    from openstock.migrate import migrate

    server = embedded()
    if not server.status().running:
        say(f"Starting PostgreSQL in {server.data_dir}")
    server.start()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        if not connection.execute("select from pg_database where datname = %s", [DATABASE]).fetchone():
            # Another process may have made it a moment ago.
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(f"create database {DATABASE}")
    dsn = server.dsn(DATABASE)
    migrate(dsn, progress=say)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select openstock_admin.grant_tenant(session_user, any_tenant => true)")
    return server, dsn


def _refuse_database(arguments: argparse.Namespace, command: str) -> None:
    if arguments.database:
        raise UsageError(f"{command} is about the embedded server and takes no --database")


def up(arguments: argparse.Namespace) -> int:
    from openstock.migrate import status

    _refuse_database(arguments, "up")
    progress = Progress()
    server, dsn = start_embedded(progress.say)
    found = server.status()
    print(
        f"PostgreSQL {found.version} runs in {server.data_dir} (process {found.pid}), openstock is at "
        f"{status(dsn).version}.\n\n"
        f"  DSN    {dsn}\n"
        f"  open   {program()} psql\n"
        f"  stop   {program()} down"
    )
    if os.environ.get("OPENSTOCK_DSN"):
        print("\nOPENSTOCK_DSN is set: other commands use that database, not this one.")
    return 0


def down(arguments: argparse.Namespace) -> int:
    _refuse_database(arguments, "down")
    server = embedded()
    status = server.status()
    if status.version is None:
        print(f"There is no server in {server.data_dir}.")
        return 0
    if arguments.delete:
        if not arguments.yes:
            if not sys.stdin.isatty():
                raise CommandError("databases are removed only when somebody says yes", "Repeat it with --yes.")
            answer = input(f"Remove the server in {server.data_dir} with all its databases? [y/N] ")
            if answer.strip().lower() not in ("y", "yes"):
                print("Nothing was done.")
                return 1
        server.destroy()
        print(f"The server in {server.data_dir} is removed, with all its databases.")
    else:
        server.stop()
        print(f"The server in {server.data_dir} {'is stopped' if status.running else 'was not running'}; "
              f"`{program()} up` starts it again, with its databases.")  # fmt: skip
    return 0

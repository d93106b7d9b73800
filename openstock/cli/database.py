"""Which database a command is about: the one that is named, or that of the embedded server."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from openstock.cli.terminal import CommandError, UsageError

if TYPE_CHECKING:
    from uuid import UUID

    from openstock.server import Server

__all__ = ["DATABASE", "database", "embedded", "named_database", "named_tenant"]

DATABASE = "openstock"  # in the embedded server


def _home() -> Path:
    return Path(os.environ.get("OPENSTOCK_HOME") or ".openstock")


def embedded() -> Server:
    """The server in OPENSTOCK_HOME or .openstock, running or not."""
    from openstock.server import Server

    # A database that is a minute old is planned as if it were empty: look sooner whether tables have grown.
    return Server(_home(), settings={"autovacuum_naptime": "5s"})


def database(arguments: argparse.Namespace) -> str:
    """The DSN that a command is to use. Raises ServerError when it is the embedded server's and that does not run."""
    return named_database(arguments) or embedded().dsn(DATABASE)


def named_database(arguments: argparse.Namespace) -> str | None:
    """The DSN that --database or OPENSTOCK_DSN names, if any."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    named: str | None = arguments.database or os.environ.get("OPENSTOCK_DSN")
    try:
        conninfo_to_dict((named or "").replace("postgresql+psycopg://", "postgresql://", 1))
    except ProgrammingError:  # whose text may quote half a password
        hint = "Write it as psql takes it: postgresql://user@host/database or 'host=... dbname=...'."
        raise CommandError("the address of the database is neither a URL nor keywords and values", hint) from None
    return named


def named_tenant(arguments: argparse.Namespace) -> UUID | None:
    """The tenant that --tenant or OPENSTOCK_TENANT names, if any."""
    from uuid import UUID

    given: UUID | None = arguments.tenant
    named = os.environ.get("OPENSTOCK_TENANT")
    if given or not named:
        return given
    try:
        return UUID(named)
    except ValueError:
        raise UsageError(f"OPENSTOCK_TENANT {named!r} is not a tenant's uuid") from None

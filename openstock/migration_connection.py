"""The one connection of a migration run, and what psycopg raises on it as a MigrationError."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict

from openstock.migration_files import MigrationError

__all__ = ["Connection", "Progress", "connected", "failure", "has_role", "may_become", "one", "snapshot"]

Connection = psycopg.Connection[tuple[Any, ...]]
Progress = Callable[[str], None]
"""Is called with one line of text per step."""


@contextmanager
def connected(dsn: str) -> Iterator[Connection]:
    """A connection of its own, closed at the end; what psycopg raises inside becomes a MigrationError."""
    try:
        # yoyo's URLs name the driver as well, which libpq does not understand.
        parameters = conninfo_to_dict(dsn.replace("postgresql+psycopg://", "postgresql://", 1))
        parameters.setdefault("connect_timeout", "10")
        parameters.setdefault("fallback_application_name", "openstock migrate")
        parameters["client_encoding"] = "utf8"
        connection = psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)  # type: ignore[arg-type]
    except psycopg.Error as error:
        raise MigrationError(
            "cannot connect to the database",
            detail=" ".join(str(error).split()),
            hint="Check the address, the user and that the server runs; psql takes the same address.",
        ) from error
    try:
        with connection:
            yield connection
    except psycopg.Error as error:
        raise failure("a statement of the migration driver failed", error) from error


def failure(message: str, error: psycopg.Error, where: str | None = None) -> MigrationError:
    """The MigrationError for one of psycopg's, with what to do next."""
    primary = error.diag.message_primary or " ".join(str(error).split())
    parts = [where, f"{error.sqlstate}: {primary}" if error.sqlstate else primary, error.diag.message_detail]
    if isinstance(error, errors.LockNotAvailable):
        hint = "Another session holds a lock that is needed; run again when it is done, or with a longer lock_timeout."
    elif isinstance(error, psycopg.OperationalError) and error.sqlstate in (None, "57P01", "57P02", "57P03"):
        hint = "The connection was lost; run again: what was not committed is gone, and what was is recognised."
    else:
        hint = error.diag.message_hint or "Nothing of this migration was applied; correct the cause and run again."
    return MigrationError(message, detail="; ".join(part for part in parts if part), hint=hint)


def one(connection: Connection, query: sql.SQL | str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
    """The row of a query that always has one."""
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """One moment of the database, that nothing can be written in."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        yield


def may_become(connection: Connection, role: str) -> bool:
    """Whether SET ROLE to an existing role works. Before 16 every member could."""
    return has_role(connection, role, "SET" if connection.info.server_version >= 160000 else "MEMBER")


def has_role(connection: Connection, role: str, privilege: str) -> bool:
    """Whether the user has a privilege (MEMBER, USAGE, SET ...) of an existing role."""
    return bool(one(connection, "select pg_catalog.pg_has_role(current_user, %s, %s)", [role, privilege])[0])

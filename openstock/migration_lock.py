"""One migration run at a time in a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import errors

from openstock.migration_connection import Connection, Progress, one
from openstock.migration_files import MigrationError

__all__ = ["exclusive"]

# "openstoc" read as a 64-bit number: the key of the advisory lock, whose space is the database's own.
_LOCK_KEY = int.from_bytes(b"openstoc")


@contextmanager
def exclusive(connection: Connection, wait: float, say: Progress) -> Iterator[None]:
    """Hold the advisory lock of this database. The server drops it with the session, however that ends."""
    if not one(connection, "select pg_catalog.pg_try_advisory_lock(%s)", [_LOCK_KEY])[0]:
        holder = _lock_holder(connection)
        say(f"another migration runs in this database (server process {holder}); waiting for it")
        patience = f"{max(1, round(wait * 1000))}ms"
        connection.execute("select pg_catalog.set_config('lock_timeout', %s, false)", [patience])
        try:
            connection.execute("select pg_catalog.pg_advisory_lock(%s)", [_LOCK_KEY])
        except errors.LockNotAvailable as error:
            raise MigrationError(
                "another migration runs in this database",
                detail=f"server process {_lock_holder(connection)} held the lock for more than {wait:g} s",
                hint="Run again when it is done; pg_stat_activity shows what it does.",
            ) from error
        connection.execute("reset lock_timeout")
    try:
        yield
    finally:
        # Closing the connection would do as well, but takes effect a moment later.
        with suppress(psycopg.Error):
            connection.execute("select pg_catalog.pg_advisory_unlock(%s)", [_LOCK_KEY])


def _lock_holder(connection: Connection) -> str:
    row = connection.execute(
        """select pid::text from pg_catalog.pg_locks
           where locktype = 'advisory' and granted and objsubid = 1
             and database = (select oid from pg_catalog.pg_database where datname = current_database())
             and (classid::bigint << 32) | objid::bigint = %s""",
        [_LOCK_KEY],
    ).fetchone()
    return row[0] if row else "that has just ended"

"""yoyo on a connection of ours: a migration and its two marks are one transaction, whatever plain yoyos do."""

from __future__ import annotations

import glob
import os
import random
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from yoyo import default_migration_table, internalmigrations, read_migrations
from yoyo.backends.base import TransactionManager
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.exceptions import BadMigration

from openstock.migration_connection import Connection, Progress, failure
from openstock.migration_files import MigrationError, MigrationFile

__all__ = ["Backend", "in_one_transaction", "yoyo_migrations"]

_ATTEMPTS = 6
# How long to wait for a plain yoyo that holds its lock row, in seconds. It is what yoyo itself waits.
_YOYO_WAIT = 10.0


class _YoyoHoldsItsLockError(Exception):
    """A plain yoyo came between; wait for it and begin the transaction again."""


class _StatementFailedError(Exception):
    """A statement of a migration failed: which one, and how."""

    def __init__(self, statement: str, error: psycopg.Error) -> None:
        super().__init__()
        self.statement = statement
        self.error = error


class _Cursor(psycopg.Cursor[tuple[Any, ...]]):
    """A cursor that remembers its statement, and keeps yoyo from printing the rows of a migration's SELECTs."""

    statement = ""

    def execute(self, query: Any, *arguments: Any, **options: Any) -> _Cursor:
        self.statement = str(query)
        return super().execute(query, *arguments, **options)

    @property
    def description(self) -> None:
        return None


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo is untyped
    """yoyo on one connection, with the advisory lock for its lock row, and apply and mark in one transaction.

    yoyo's lock row is still taken, inside that transaction: a plain yoyo waits for it, and a kill leaves none behind.
    """

    def __init__(self, connection: Connection, lock_timeout: str) -> None:
        self._given = connection
        self._lock_timeout = lock_timeout
        self._cursor: _Cursor | None = None
        database = DatabaseURI("postgresql+psycopg", None, None, None, None, connection.info.dbname, {})
        super().__init__(database, default_migration_table)
        # The books are brought up to date in the transaction of the migration, not by whoever looks first.
        self._internal_schema_updated = True

    def connect(self, _dburi: DatabaseURI) -> Connection:
        return self._given

    def cursor(self) -> _Cursor:
        self._cursor = _Cursor(self._given)
        return self._cursor

    def transaction(self, rollback_on_exit: bool = False) -> AbstractContextManager[object]:
        # No savepoint per statement: an error anywhere ends the whole migration anyhow.
        if self._in_transaction:
            return nullcontext()
        manager: AbstractContextManager[object] = TransactionManager(self, rollback_on_exit=rollback_on_exit)
        return manager

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, object]:
        # yoyo asks for the user's name in the system, which a container need not know, and for the host's full name,
        # which may wait for a name server.
        return {
            "id": str(uuid.uuid1()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self._given.info.user,
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }

    def apply_one(self, migration: Any, force: bool = False, mark: bool = True) -> None:
        """Apply and mark a migration in one transaction, unless a plain yoyo has just done so."""
        migration.load()
        with self._book_keeping():
            if self.is_marked(migration):
                return
            try:
                migration.process_steps(self, "apply", force=force)
            except psycopg.Error as error:
                raise _StatementFailedError(self._cursor.statement if self._cursor else "", error) from error
            self.log_migration(migration, "apply")
            if mark:
                self.mark_one(migration, log=False)

    def mark(self, migration: Any) -> None:
        """Mark a migration that is there and that yoyo does not know."""
        with self._book_keeping():
            if not self.is_marked(migration):
                self.mark_one(migration)

    def is_marked(self, migration: Any) -> bool:
        """Whether yoyo's table has the migration; false while that table is absent."""
        return self.migration_table in self.list_tables() and self.is_applied(migration)

    @contextmanager
    def _book_keeping(self) -> Iterator[None]:
        """A transaction in which yoyo's tables are there and its lock row is ours."""
        with self.transaction():
            self._given.execute("select pg_catalog.set_config('lock_timeout', %s, true)", [self._lock_timeout])
            if self.lock_table not in self.list_tables():
                self.execute(self.format_sql(self.create_lock_table_sql))
            # Rolled back or deleted, the row is never seen by others: they only wait for the end of this transaction.
            lock = sql.SQL(
                "insert into {} (locked, ctime, pid) values (1, now() at time zone 'utc', %s) on conflict do nothing"
            ).format(sql.Identifier(self.lock_table))
            if self._given.execute(lock, [os.getpid()]).rowcount == 0:
                raise _YoyoHoldsItsLockError
            if internalmigrations.needs_upgrading(self):
                internalmigrations.upgrade(self)
            yield
            self._given.execute(sql.SQL("delete from {}").format(sql.Identifier(self.lock_table)))

    def await_lock_row(self, wait: float, say: Progress) -> None:
        """Return when yoyo's lock row is gone; remove it when whoever wrote it must be dead.

        A plain yoyo keeps the connection with which it wrote the row. When no other session of this database belongs
        to a role that could have written it, nobody holds it any more. Raises MigrationError after `wait` seconds.
        """
        table = sql.Identifier(self.lock_table)
        abandoned = sql.SQL(
            """delete from {table} where not exists (
                 select from pg_catalog.pg_stat_activity as other
                 where other.datname = current_database() and other.pid <> pg_catalog.pg_backend_pid()
                   and other.usesysid is not null
                   and pg_catalog.has_table_privilege(other.usesysid, {name}::pg_catalog.regclass, 'insert'))
               returning pid"""
        ).format(table=table, name=sql.Literal(table.as_string(self._given)))
        deadline = time.monotonic() + wait
        told = False
        while True:
            row = self._given.execute(abandoned).fetchone()
            if row is not None:
                say(f"removed the lock that a killed yoyo (process {row[0]}) had left behind")
                return
            row = self._given.execute(sql.SQL("select pid, ctime from {}").format(table)).fetchone()
            if row is None:
                return
            if time.monotonic() > deadline:
                raise MigrationError(
                    "a plain yoyo has locked the database",
                    detail=f"table {self.lock_table}: process {row[0]}, since {row[1]:%Y-%m-%d %H:%M:%S} UTC",
                    hint="If that process runs, run again when it is done. If it was killed: yoyo break-lock, or "
                    f"delete from {self.lock_table}",
                )
            if not told:
                say(f"a plain yoyo (process {row[0]}) has locked the database; waiting for it")
                told = True
            time.sleep(0.2)


def yoyo_migrations(files: Sequence[MigrationFile]) -> list[Any]:
    """yoyo's view of the files, split into statements before any transaction begins."""
    # yoyo takes a pattern for a directory.
    directory = glob.escape(str(files[0].path.parent))
    try:
        by_id = {migration.id: migration for migration in read_migrations(directory)}
        migrations = [by_id[file.name] for file in files]
        for migration in migrations:
            migration.load()
    except BadMigration as error:
        raise MigrationError(
            "a migration file cannot be read", detail=str(error), hint="Restore the directory as it was published."
        ) from error
    return migrations


def in_one_transaction(
    backend: Backend, transaction: Callable[[Any], None], migration: Any, wait: float, say: Progress
) -> None:
    """Run one of the backend's transactions, again a bounded number of times when only its timing was wrong."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        where = migration.id
        try:
            transaction(migration)
            return
        except _YoyoHoldsItsLockError:
            backend.await_lock_row(min(wait, _YOYO_WAIT), say)
            continue
        except _StatementFailedError as failed:
            error = failed.error
            where = f"{migration.id}, {_source_of(failed.statement, migration.source)}"
        except psycopg.Error as caught:
            error = caught
        if not attempts_left or not _is_passing(error):
            raise failure("a migration failed and was rolled back", error, where) from error
        say(f"{where}: {error.diag.message_primary}; trying again")
        time.sleep(random.uniform(0.05, 0.3))
    raise MigrationError(
        "plain yoyo runs keep locking the database",
        detail=f"{_ATTEMPTS} times in a row another one came first",
        hint="Run again when they are done.",
    )


def _source_of(statement: str, migration: str) -> str:
    """Where a failed statement came from: the last file named above it, and its own first line."""
    above = migration[: max(migration.find(statement), 0)]
    named = re.findall(r"^-- (sql/\S+\.sql)$", above, re.MULTILINE)
    first_line = next((line.strip() for line in statement.splitlines() if line.strip() and line[:2] != "--"), "")
    return f"{named[-1] if named else 'its own statements'}, at: {first_line[:120]}"


def _is_passing(error: psycopg.Error) -> bool:
    """Whether an error comes from another transaction's timing, so that the same statements may well succeed now.

    Roles belong to the cluster: two databases migrated at once update the same rows of the system catalogues.
    """
    match error.sqlstate:
        case "40001" | "40P01":
            return True
        case "XX000":
            return "tuple concurrently" in (error.diag.message_primary or "")
        case "23505":
            return error.diag.schema_name == "pg_catalog"
        case "42P07":
            # A plain yoyo has just made its tables.
            return "yoyo" in (error.diag.message_primary or "")
        case _:
            return False

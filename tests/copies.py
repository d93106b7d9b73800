"""Databases of tests: copies of a template, each put back as it was after a test, and used again.

A new copy, and sessions that have nothing compiled and planned yet, take four fifths of a usual test's time. So a copy is kept, with its sessions,
as long as a test changed nothing but rows: these are taken out, and the template's put back. Where the catalogues changed, where a session is not
idle, or where anything fails, the copy is dropped.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from pytest_postgresql.executors import NoopExecutor

from .support import drop_database, superuser_dsn

ALWAYS_NEW = "OPENSTOCK_TEST_NEW_DATABASES"
"""Where this is set in the environment, no copy is used twice."""
MOST_USES = 100  # each leaves dead rows
CATALOGUES = (
    "pg_class", "pg_proc", "pg_attribute", "pg_trigger", "pg_policy", "pg_constraint", "pg_type", "pg_namespace", "pg_index", "pg_rewrite",
    "pg_default_acl", "pg_statistic", "pg_event_trigger",
)  # fmt: skip
FINGERPRINT = sql.SQL("select array[{}], array(select s.setconfig::text from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase where d.datname = current_database() order by 1)").format(
    sql.SQL(", ").join(sql.SQL("(select sum(xmin::text::bigint) from {})").format(sql.Identifier(name)) for name in CATALOGUES)
)
TABLES = """
    select format('%I.%I', n.nspname, c.relname),
      (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('openstock_core', 'public') and c.relkind in ('r', 'p') and not c.relispartition
"""
SEQUENCES = """
    select format('select setval(%L, %s, %L)', s.oid::regclass, coalesce(pg_sequence_last_value(s.oid), q.seqstart), pg_sequence_last_value(s.oid) is not null)
    from pg_class s join pg_namespace n on n.oid = s.relnamespace join pg_sequence q on q.seqrelid = s.oid
    where s.relkind = 'S' and n.nspname in ('openstock_core', 'public')
"""
OTHERS = "select count(*), count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> all (%s)"
# What `discard all` does, but for plans, which are what sessions are kept for.
TIDY = "set session authorization default; reset all; unlisten *; select pg_advisory_unlock_all(); discard temp; discard sequences"
# Nothing is to be taken out of append-only tables, but here.
REFUSES = "openstock_core.refuse_change()"
UNLESS_RECYCLING = "begin\n  if current_setting('openstock_test.recycling', true) = 'on' then return old; end if;"
RECYCLING = "set local openstock_test.recycling = 'on'; set local session_replication_role = replica; set local lock_timeout = '5s'"


class Copy:
    """A copy of a template, and the sessions that tests had there."""

    def __init__(self, cluster: psycopg.Connection, origin: NoopExecutor, name: str, furnish: Callable[[psycopg.Connection], object] | None) -> None:
        self.cluster, self.name, self.uses = cluster, name, 0
        drop_database(cluster, name)
        names = {"name": sql.Identifier(name), "template": sql.Identifier(origin.template_dbname)}
        # With strategy file_copy: the server would log each block.
        cluster.execute(sql.SQL("create database {name} template {template} strategy file_copy").format(**names))
        self.dsn = superuser_dsn(origin, name)
        self.db = psycopg.connect(self.dsn, autocommit=True)
        self.idle: dict[str, list[psycopg.Connection]] = {}
        self.used: list[tuple[str, psycopg.Connection]] = []
        if furnish:
            furnish(self.db)
        self._remember()

    def _remember(self) -> None:
        """What a test finds here."""
        [(definition,)] = self.db.execute("select pg_get_functiondef(%s::regprocedure)", [REFUSES]).fetchall()
        self.db.execute(definition.replace("begin", UNLESS_RECYCLING, 1))
        self.tables: dict[str, str] = dict(self.db.execute(TABLES).fetchall())
        checks = ", ".join(f"case when exists (select from {table}) then '{table}' end" for table in self.tables)
        self.filled = f"select array_remove(array[{checks}], null)"
        self.rows = {table: self._read(table) for table in self._filled()}
        self.sequences = "; ".join(setval for (setval,) in self.db.execute(SEQUENCES))
        self.fingerprint = self.db.execute(FINGERPRINT).fetchall()

    def _filled(self) -> list[str]:
        [(tables,)] = self.db.execute(self.filled, prepare=True).fetchall()
        return list(tables)

    def _read(self, table: str) -> bytes:
        with self.db.cursor() as cursor, cursor.copy(f"copy (select {self.tables[table]} from {table}) to stdout") as copy:
            return b"".join(bytes(block) for block in copy)

    def connect(self, login: str) -> psycopg.Connection:
        """A session of this login, in autocommit mode: one that was tidied up, or a new one."""
        idle = self.idle.get(login, [])
        connection = idle.pop() if idle else psycopg.connect(make_conninfo(self.dsn, user=login), autocommit=True)
        self.used.append((login, connection))
        return connection

    def restore(self) -> bool:
        """Put it back as it was; whether that could be done."""
        used, self.used = self.used, []
        for login, connection in used:
            if tidy(connection):
                self.idle.setdefault(login, []).append(connection)
        self.uses += 1
        if ALWAYS_NEW in os.environ or self.uses == MOST_USES or not tidy(self.db):
            return False
        try:
            return self._restore_rows()
        except psycopg.Error:
            return False

    def _restore_rows(self) -> bool:
        kept = [connection.info.backend_pid for connection in (self.db, *itertools.chain(*self.idle.values()))]
        while self.db.execute(OTHERS, [kept]).fetchone() != (0, 0):
            pass
        if self.db.execute(FINGERPRINT).fetchall() != self.fingerprint:
            return False
        with self.db.transaction():
            self.db.execute(RECYCLING)
            for table in {*self._filled(), *self.rows}:
                self.db.execute(f"delete from {table}")
            for table, rows in self.rows.items():
                with self.db.cursor() as cursor, cursor.copy(f"copy {table} ({self.tables[table]}) from stdin") as copy:
                    copy.write(rows)
            self.db.execute(self.sequences)
        return True

    def drop(self) -> None:
        """Give it up."""
        for connection in (self.db, *itertools.chain(*self.idle.values()), *(connection for _, connection in self.used)):
            connection.close()
        drop_database(self.cluster, self.name)


def tidy(connection: psycopg.Connection) -> bool:
    """Leave nothing of a test in a session; False where that cannot be done, and then it is closed."""
    if not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE:
        with contextlib.suppress(psycopg.Error):
            connection.autocommit, connection.isolation_level, connection.read_only, connection.deferrable = True, None, None, None
            connection.row_factory, connection.cursor_factory = tuple_row, psycopg.Cursor
            connection._notice_handlers.clear()
            connection.execute(TIDY)
            return True
    connection.close()
    return False


class Copies:
    """One copy of each template is kept at a time, and those of a template that differ by what is done to them at first."""

    def __init__(self, cluster: psycopg.Connection) -> None:
        self.cluster = cluster
        self.kept: dict[tuple[str, str], Copy] = {}
        self.taken: dict[Copy, tuple[str, str]] = {}
        self.numbers = itertools.count(1)

    def take(self, origin: NoopExecutor, kind: str, furnish: Callable[[psycopg.Connection], object] | None) -> Copy:
        """A copy that is like new."""
        key = origin.template_dbname, kind
        copy = self.kept.pop(key, None) or Copy(self.cluster, origin, f"{origin.dbname}_{kind}{next(self.numbers)}", furnish)
        self.taken[copy] = key
        return copy

    def give_back(self, copy: Copy) -> None:
        """Keep it, if it can be used again."""
        key = self.taken.pop(copy)
        if copy.restore():
            self.kept[key] = copy
        else:
            copy.drop()

    def drop(self) -> None:
        """Drop those that are kept."""
        for copy in self.kept.values():
            copy.drop()
        self.kept.clear()

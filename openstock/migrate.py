"""Installs and upgrades the schema: the driver behind `openstock migrate`.

The migrations are those of `yoyo apply`, run through yoyo's Python API on one connection of ours, so that

- one advisory lock keeps two runs apart and vanishes with the process that held it,
- a migration and its two marks (yoyo's, and the row in openstock_core.migration) are one transaction,
- files and database are compared before anything is applied, and
- every refusal is one `MigrationError` that says what is lacking.

Plain `yoyo apply` gives the same database, and either may follow the other. docs/migrations.md is written for DBAs.
"""

from __future__ import annotations

import glob
import os
import random
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict
from yoyo import default_migration_table, internalmigrations, read_migrations
from yoyo.backends.base import TransactionManager
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.exceptions import BadMigration

from openstock.migration_files import MigrationError, MigrationFile, verified_migrations
from openstock.shipped import OLDEST_SERVER, migrations_dir

__all__ = [
    "MigrationError",
    "MigrationReport",
    "MigrationStatus",
    "migrate",
    "status",
]

Connection = psycopg.Connection[tuple[Any, ...]]
Progress = Callable[[str], None]

# "openstoc" read as a 64-bit number: the key of the advisory lock, whose space is the database's own.
_LOCK_KEY = int.from_bytes(b"openstoc")
_ATTEMPTS = 6
# How long to wait for a plain yoyo that holds its lock row, in seconds. It is what yoyo itself waits.
_YOYO_WAIT = 10.0
_SCHEMAS = ["openstock", "openstock_admin", "openstock_core", "openstock_dw"]
_OWNING_ROLES = ["openstock_owner", "openstock_api", "openstock_maint"]
_GROUP_ROLES = ["openstock_app", "openstock_analyst", "openstock_operator"]


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a run of `migrate` did; names are in the order in which they apply."""

    applied: tuple[str, ...]
    """Applied by this run; empty in a dry run."""
    pending: tuple[str, ...]
    """Not applied yet: what a dry run found. Empty after a real run."""
    already: tuple[str, ...]
    """Applied before this run."""


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """How a database stands to the migrations of this package.

    `altered` outweighs `newer`, and that the others. Who may not act as openstock_owner learns the newest migration
    only: `applied` then ends with it, and `altered` is never found out.
    """

    state: Literal["never migrated", "pending", "current", "newer", "altered"]
    version: str | None
    """The newest migration that the database has, or None."""
    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    """Applied, and not in this package: a newer openstock was here."""
    altered: tuple[str, ...]
    """Applied with another text than the one in this package."""


def migrate(
    dsn: str,
    *,
    dry_run: bool = False,
    lock_timeout: str = "10s",
    wait: float = 600.0,
    progress: Progress | None = None,
    directory: Path | None = None,
) -> MigrationReport:
    """Bring a database to the newest migration of this package.

    Each migration is one transaction; killed at any moment, a run can simply be started again. Of two at once, the
    second waits and then finds nothing to do.

    Args:
        dsn: URL or keyword string, as libpq takes it; also yoyo's `postgresql+psycopg://…`.
        dry_run: say what would be applied, and write nothing.
        lock_timeout: how long a statement may wait for a lock on a table, in PostgreSQL's notation; applications queue
            behind a migration that waits.
        wait: how long to wait for another run of migrate, in seconds.
        progress: is called with one line of text per step.
        directory: the migrations, if not those of this package.

    Raises:
        MigrationError: the database, the user or the files do not allow it, or a migration failed. Nothing of the
            migration that failed is left behind; those before it stay applied.
    """
    say = progress or (lambda _line: None)
    files = verified_migrations(directory or migrations_dir())
    with _connected(dsn) as connection:
        _require_server(connection)
        if dry_run:
            already, pending = _compare(connection, files)
            for migration in pending:
                say(f"{migration.name}: would be applied ({migration.path})")
            return MigrationReport((), _names(pending), _names(already))
        with _exclusive(connection, wait, say):
            already, pending = _compare(connection, files)
            backend = _Backend(connection, lock_timeout)
            for migration in _yoyo_migrations(files):
                if migration.id in _names(pending):
                    say(f"{migration.id}: applying {len(migration.steps)} statements")
                    started = time.monotonic()
                    _in_one_transaction(backend, backend.apply_one, migration, wait, say)
                    say(f"{migration.id}: applied in {time.monotonic() - started:.1f} s")
                elif not backend.is_marked(migration):
                    say(f"{migration.id}: is there, but yoyo does not know it; marking it")
                    _in_one_transaction(backend, backend.mark, migration, wait, say)
            return MigrationReport(_names(pending), (), _names(already))


def status(dsn: str, *, directory: Path | None = None) -> MigrationStatus:
    """Compare a database with the migrations of this package; any login that may use openstock can ask.

    Raises MigrationError when the database cannot be reached or the user may see nothing of openstock in it.
    """
    files = verified_migrations(directory or migrations_dir())
    with _connected(dsn) as connection, _snapshot(connection):
        if not _is_installed(connection):
            return MigrationStatus("never migrated", None, (), _names(files), (), ())
        if _may_become(connection, "openstock_owner"):
            recorded: Mapping[str, str | None] = _recorded(connection)
        else:
            recorded = _recorded_by_version(connection, files)
    unknown = tuple(sorted(set(recorded) - set(_names(files))))
    altered = tuple(file.name for file in files if recorded.get(file.name) not in (None, file.checksum))
    applied = tuple(file.name for file in files if file.name in recorded) + unknown
    pending = tuple(file.name for file in files if file.name not in recorded)
    version = max(recorded, default=None)
    if altered:
        return MigrationStatus("altered", version, applied, pending, unknown, altered)
    if unknown:
        return MigrationStatus("newer", version, applied, (), unknown, altered)
    if version is None:
        return MigrationStatus("never migrated", version, applied, pending, unknown, altered)
    return MigrationStatus("pending" if pending else "current", version, applied, pending, unknown, altered)


def _names(files: Sequence[MigrationFile]) -> tuple[str, ...]:
    return tuple(file.name for file in files)


# Connecting ------------------------------------------------------------------------------------------


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
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
        raise _failure("a statement of the migration driver failed", error) from error


def _failure(message: str, error: psycopg.Error, where: str | None = None) -> MigrationError:
    primary = error.diag.message_primary or " ".join(str(error).split())
    parts = [where, f"{error.sqlstate}: {primary}" if error.sqlstate else primary, error.diag.message_detail]
    if isinstance(error, errors.LockNotAvailable):
        hint = "Another session holds a lock that is needed; run again when it is done, or with a longer lock_timeout."
    elif isinstance(error, psycopg.OperationalError) and error.sqlstate in (None, "57P01", "57P02", "57P03"):
        hint = "The connection was lost; run again: what was not committed is gone, and what was is recognised."
    else:
        hint = error.diag.message_hint or "Nothing of this migration was applied; correct the cause and run again."
    return MigrationError(message, detail="; ".join(part for part in parts if part), hint=hint)


def _one(connection: Connection, query: sql.SQL | str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row


@contextmanager
def _snapshot(connection: Connection) -> Iterator[None]:
    """One moment of the database, that nothing can be written in."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        yield


# What is there ---------------------------------------------------------------------------------------


def _require_server(connection: Connection) -> None:
    version, encoding, recovering, read_only = _one(
        connection,
        """select current_setting('server_version_num')::integer, current_setting('server_encoding'),
             pg_catalog.pg_is_in_recovery(), current_setting('transaction_read_only')::boolean""",
    )
    if version < OLDEST_SERVER * 10000:
        raise MigrationError(
            "the server is too old",
            detail=f"it is PostgreSQL {version // 10000}; openstock needs {OLDEST_SERVER} or newer",
            hint="Upgrade the server, or use a newer one.",
        )
    if encoding != "UTF8":
        raise MigrationError(
            "the database does not store UTF-8",
            detail=f"its encoding is {encoding}",
            hint="Create a database with: create database … template template0 encoding 'UTF8'",
        )
    if recovering or read_only:
        raise MigrationError(
            "the server is read-only",
            detail="it is a standby" if recovering else "transactions are read-only by default here",
            hint="Connect to the primary." if recovering else "Set default_transaction_read_only to off.",
        )


def _is_installed(connection: Connection) -> bool:
    query = """select exists (select from pg_catalog.pg_class
      where relname = 'migration' and relnamespace = pg_catalog.to_regnamespace('openstock_core'))"""
    return bool(_one(connection, query)[0])


def _may_become(connection: Connection, role: str) -> bool:
    """Whether SET ROLE to an existing role works. Before 16 every member could."""
    return _has_role(connection, role, "SET" if connection.info.server_version >= 160000 else "MEMBER")


def _has_role(connection: Connection, role: str, privilege: str) -> bool:
    return bool(_one(connection, "select pg_catalog.pg_has_role(current_user, %s, %s)", [role, privilege])[0])


def _recorded(connection: Connection) -> dict[str, str]:
    with connection.transaction():
        connection.execute("set local role openstock_owner")
        rows = connection.execute("select name, checksum from openstock_core.migration order by name").fetchall()
        connection.execute("reset role")
    return dict(rows)


def _recorded_by_version(connection: Connection, files: Sequence[MigrationFile]) -> dict[str, None]:
    try:
        version = _one(connection, "select openstock.schema_version()")[0]
    except (errors.InsufficientPrivilege, errors.UndefinedFunction, errors.InvalidSchemaName) as error:
        raise MigrationError(
            "this user may not see which openstock the database holds",
            detail=error.diag.message_primary,
            hint="Ask as a member of openstock_app, openstock_operator or openstock_owner.",
        ) from error
    if version is None:
        return {}
    return dict.fromkeys([*(file.name for file in files if file.name < version), version])


def _compare(connection: Connection, files: Sequence[MigrationFile]) -> tuple[list[MigrationFile], list[MigrationFile]]:
    """What is applied and what is pending, or MigrationError if the database and the files contradict each other.

    Also raises it when there is something to write that the user has not the privileges for.
    """
    with _snapshot(connection):
        installed = _is_installed(connection)
        _require(connection, _lacking_to_act(connection, installed))
        recorded = _recorded(connection) if installed else {}
        marked = _marked(connection)
        _require_agreement(connection, files, recorded, marked)
        already = [file for file in files if file.name in recorded]
        pending = [file for file in files if file.name not in recorded]
        if pending or marked != set(recorded):
            _require(connection, _lacking_to_write(connection))
    return already, pending


def _marked(connection: Connection) -> set[str]:
    """The names in yoyo's own table, as far as this user can read it."""
    readable = """select pg_catalog.has_table_privilege(c.oid, 'select')
      from pg_catalog.pg_class as c
      where c.relname = %s and c.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(current_schema()))"""
    row = connection.execute(readable, [default_migration_table]).fetchone()
    if row is None or not row[0]:
        return set()
    table = sql.Identifier(default_migration_table)
    return {name for (name,) in connection.execute(sql.SQL("select migration_id from {}").format(table))}


def _require_agreement(
    connection: Connection,
    files: Sequence[MigrationFile],
    recorded: Mapping[str, str],
    marked: set[str],
) -> None:
    known = {file.name: file.checksum for file in files}
    unknown = sorted(set(recorded) - set(known))
    if unknown:
        raise MigrationError(
            "the database was migrated by a newer openstock",
            detail=f"it has {', '.join(unknown)}, and this package ends with {files[-1].name}",
            hint="Upgrade the openstock package to at least the version that migrated the database.",
        )
    altered = sorted(name for name, checksum in recorded.items() if known[name] != checksum)
    if altered:
        raise MigrationError(
            "an applied migration differs from the file of this package",
            detail=f"the checksums of {', '.join(altered)} differ",
            hint="Restore the file as it was when it was applied. A database for development, migrated before the "
            "first release, is made again instead.",
        )
    missing = [file.name for file in files if file.name not in recorded and file.name < max(recorded, default="")]
    if missing:
        raise MigrationError(
            "the database has later migrations but lacks earlier ones",
            detail=f"it lacks {', '.join(missing)}",
            hint="Rows of openstock_core.migration were removed; restore them from a backup.",
        )
    if not recorded:
        schemas = connection.execute(
            "select nspname::text from pg_catalog.pg_namespace where nspname = any (%s) order by nspname", [_SCHEMAS]
        ).fetchall()
        if schemas:
            raise MigrationError(
                "the database has schemas of openstock that no migration made",
                detail=f"present: {', '.join(name for (name,) in schemas)}",
                hint="It may come from sql/install.sql. Migrate an empty database, or drop the schemas first.",
            )
    forgotten = sorted(name for name in marked & set(known) if name not in recorded)
    if forgotten:
        raise MigrationError(
            "yoyo calls a migration applied that the database does not have",
            detail=f"marked in {default_migration_table}: {', '.join(forgotten)}",
            hint="If somebody only marked it: yoyo unmark; then run again.",
        )


# What the user may do --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Lack:
    """A privilege that is missing, and the statement with which an administrator gives it."""

    what: str
    remedy: str


def _require(connection: Connection, lacks: Sequence[_Lack]) -> None:
    if lacks:
        remedies = " ".join(f"{lack.remedy};" for lack in lacks)
        raise MigrationError(
            "the user lacks privileges that a migration needs",
            detail="; ".join(lack.what for lack in lacks),
            hint=f"An administrator runs in database {connection.info.dbname}: {remedies}",
        )


def _quoted(connection: Connection, name: str) -> str:
    return str(_one(connection, "select pg_catalog.quote_ident(%s)", [name])[0])


def _lacking_to_act(connection: Connection, installed: bool) -> list[_Lack]:
    """What keeps the user from acting as the owning roles, or from making the roles that are absent.

    The first migration makes absent roles and gives the owning ones to whoever applies it, so that before it the means
    to do so are enough.
    """
    user, is_superuser, may_create_roles, inherits = _one(
        connection,
        """select rolname::text, rolsuper, rolcreaterole, rolinherit
           from pg_catalog.pg_roles where rolname = current_user""",
    )
    if is_superuser:
        return []
    roles = connection.execute(
        "select rolname::text from pg_catalog.pg_roles where rolname = any (%s)", [_OWNING_ROLES + _GROUP_ROLES]
    )
    existing = {name for (name,) in roles}
    grantee = _quoted(connection, user)
    options = " with inherit true, set true" if connection.info.server_version >= 160000 else ""
    lacks = [] if inherits else [_Lack(f"{user} does not inherit from its roles", f"alter role {grantee} inherit")]
    for role in _OWNING_ROLES + _GROUP_ROLES:
        if role not in existing and not may_create_roles:
            lacks.append(_Lack(f"{user} may not create role {role}, which is absent", f"create role {role} nologin"))
    for role in _OWNING_ROLES:
        if role not in existing:
            enough = may_create_roles
        elif not installed and _may_grant(connection, role, may_create_roles):
            enough = True
        else:
            enough = _may_become(connection, role) and (not inherits or _has_role(connection, role, "USAGE"))
        if not enough:
            lacks.append(_Lack(f"{user} may not act as {role}", f"grant {role} to {grantee}{options}"))
    return lacks


def _may_grant(connection: Connection, role: str, may_create_roles: bool) -> bool:
    """Whether the user can give itself an existing role, as the first migration does."""
    if may_create_roles and connection.info.server_version < 160000:
        return True
    return _has_role(connection, role, "MEMBER WITH ADMIN OPTION")


def _lacking_to_write(connection: Connection) -> list[_Lack]:
    """What keeps the user from making schemas in the database and from keeping yoyo's books."""
    user, database, may_create_schemas, place = _one(
        connection,
        """select current_user::text, current_database()::text,
             pg_catalog.has_database_privilege(current_database(), 'create'), current_schema()::text""",
    )
    grantee = _quoted(connection, user)
    lacks = []
    if not may_create_schemas:
        grant = f"grant create on database {_quoted(connection, database)} to {grantee}"
        lacks.append(_Lack(f"{user} may not create schemas in database {database}", grant))
    if place is None:
        grant = f"alter role {grantee} in database {_quoted(connection, database)} set search_path = public"
        return [*lacks, _Lack(f"no schema of {user}'s search_path exists, so yoyo has no place for its tables", grant)]
    tables = [default_migration_table, _Backend.log_table, _Backend.version_table, _Backend.lock_table]
    rows = connection.execute(
        """select relname::text,
             pg_catalog.has_table_privilege(oid, 'select') and pg_catalog.has_table_privilege(oid, 'insert')
             and pg_catalog.has_table_privilege(oid, 'delete')
           from pg_catalog.pg_class
           where relname = any (%s) and relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(%s))""",
        [tables, place],
    )
    present: dict[str, bool] = dict(rows.fetchall())
    for table in tables:
        name = f"{_quoted(connection, place)}.{table}"
        if present.get(table) is False:
            lacks.append(_Lack(f"{user} may not write {name}", f"grant select, insert, delete on {name} to {grantee}"))
    if len(present) < len(tables):
        may_create = _one(connection, "select pg_catalog.has_schema_privilege(%s, 'create')", [place])[0]
        if not may_create:
            grant = f"grant create on schema {_quoted(connection, place)} to {grantee}"
            lacks.append(_Lack(f"{user} may not create yoyo's tables in schema {place}", grant))
    return lacks


# One at a time ---------------------------------------------------------------------------------------


@contextmanager
def _exclusive(connection: Connection, wait: float, say: Progress) -> Iterator[None]:
    """Hold the advisory lock of this database. The server drops it with the session, however that ends."""
    if not _one(connection, "select pg_catalog.pg_try_advisory_lock(%s)", [_LOCK_KEY])[0]:
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


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo is untyped
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


def _yoyo_migrations(files: Sequence[MigrationFile]) -> list[Any]:
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


def _in_one_transaction(
    backend: _Backend, transaction: Callable[[Any], None], migration: Any, wait: float, say: Progress
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
        except _StatementFailedError as failure:
            error = failure.error
            where = f"{migration.id}, {_source_of(failure.statement, migration.source)}"
        except psycopg.Error as caught:
            error = caught
        if not attempts_left or not _is_passing(error):
            raise _failure("a migration failed and was rolled back", error, where) from error
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

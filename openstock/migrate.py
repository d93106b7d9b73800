"""Installs and upgrades the schema: the driver behind `openstock migrate`.

The migrations are those of `yoyo apply`, run through yoyo's Python API on one connection of ours, so that

- one advisory lock keeps two runs apart and vanishes with the process that held it,
- a migration and its two marks (yoyo's, and the row in openstock_core.migration) are one transaction,
- files and database are compared before anything is applied, and
- every refusal is one `MigrationError` that says what is lacking.

Plain `yoyo apply` gives the same database, and either may follow the other. docs/migrations.md is written for DBAs.
The steps are beside this module: migration_files (what is on disk), _connection, _state (what is in the database),
_privileges, _lock, _yoyo.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openstock.migration_connection import Connection, Progress, connected, may_become, snapshot
from openstock.migration_files import MigrationError, MigrationFile, verified_migrations
from openstock.migration_lock import exclusive
from openstock.migration_privileges import lacking_to_act, lacking_to_write, require_privileges
from openstock.migration_state import (
    is_installed,
    marked_by_yoyo,
    recorded_by_version,
    recorded_checksums,
    require_agreement,
    require_server,
)
from openstock.migration_yoyo import Backend, in_one_transaction, yoyo_migrations
from openstock.shipped import migrations_dir

__all__ = ["MigrationError", "MigrationReport", "MigrationStatus", "migrate", "status"]


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
    with connected(dsn) as connection:
        require_server(connection)
        if dry_run:
            already, pending = _compare(connection, files)
            for migration in pending:
                say(f"{migration.name}: would be applied ({migration.path})")
            return MigrationReport((), _names(pending), _names(already))
        with exclusive(connection, wait, say):
            already, pending = _compare(connection, files)
            backend = Backend(connection, lock_timeout)
            for migration in yoyo_migrations(files):
                if migration.id in _names(pending):
                    say(f"{migration.id}: applying {len(migration.steps)} statements")
                    started = time.monotonic()
                    in_one_transaction(backend, backend.apply_one, migration, wait, say)
                    say(f"{migration.id}: applied in {time.monotonic() - started:.1f} s")
                elif not backend.is_marked(migration):
                    say(f"{migration.id}: is there, but yoyo does not know it; marking it")
                    in_one_transaction(backend, backend.mark, migration, wait, say)
            return MigrationReport(_names(pending), (), _names(already))


def status(dsn: str, *, directory: Path | None = None) -> MigrationStatus:
    """Compare a database with the migrations of this package; any login that may use openstock can ask.

    Raises MigrationError when the database cannot be reached or the user may see nothing of openstock in it.
    """
    files = verified_migrations(directory or migrations_dir())
    with connected(dsn) as connection, snapshot(connection):
        if not is_installed(connection):
            return MigrationStatus("never migrated", None, (), _names(files), (), ())
        if may_become(connection, "openstock_owner"):
            recorded: Mapping[str, str | None] = recorded_checksums(connection)
        else:
            recorded = recorded_by_version(connection, files)
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


def _compare(connection: Connection, files: Sequence[MigrationFile]) -> tuple[list[MigrationFile], list[MigrationFile]]:
    """What is applied and what is pending, or MigrationError if the database and the files contradict each other.

    Also raises it when there is something to write that the user has not the privileges for.
    """
    with snapshot(connection):
        installed = is_installed(connection)
        require_privileges(connection, lacking_to_act(connection, installed))
        recorded = recorded_checksums(connection) if installed else {}
        marked = marked_by_yoyo(connection)
        require_agreement(connection, files, recorded, marked)
        already = [file for file in files if file.name in recorded]
        pending = [file for file in files if file.name not in recorded]
        if pending or marked != set(recorded):
            require_privileges(connection, lacking_to_write(connection))
    return already, pending

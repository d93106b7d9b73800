"""What a database has of openstock, and whether that agrees with the migration files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import errors, sql
from yoyo import default_migration_table

from openstock.migration_connection import Connection, one
from openstock.migration_files import MigrationError, MigrationFile
from openstock.shipped import OLDEST_SERVER

__all__ = [
    "is_installed",
    "marked_by_yoyo",
    "recorded_by_version",
    "recorded_checksums",
    "require_agreement",
    "require_server",
]

_SCHEMAS = ["openstock", "openstock_admin", "openstock_core", "openstock_dw"]


def require_server(connection: Connection) -> None:
    """Raise MigrationError unless openstock can be installed on this server, in this database."""
    version, encoding, recovering, read_only = one(
        connection,
        """select current_setting('server_version_num')::integer, current_setting('server_encoding'),
             pg_catalog.pg_is_in_recovery(), current_setting('transaction_read_only')::boolean""",
    )
    if version < OLDEST_SERVER * 10000:
        raise MigrationError(
            "the server is too old",
            detail=f"it is PostgreSQL {version // 10000}; openstock needs {OLDEST_SERVER} or newer",
            hint="Upgrade the server, or use a newer one.",
            sqlstate="0A000",
        )
    if encoding != "UTF8":
        raise MigrationError(
            "the database does not store UTF-8",
            detail=f"its encoding is {encoding}",
            hint="Create a database with: create database … template template0 encoding 'UTF8'",
            sqlstate="0A000",
        )
    if recovering or read_only:
        raise MigrationError(
            "the server is read-only",
            detail="it is a standby" if recovering else "transactions are read-only by default here",
            hint="Connect to the primary." if recovering else "Set default_transaction_read_only to off.",
            sqlstate="25006",
        )


def is_installed(connection: Connection) -> bool:
    """Whether the database has the table in which migrations record themselves."""
    query = """select exists (select from pg_catalog.pg_class
      where relname = 'migration' and relnamespace = pg_catalog.to_regnamespace('openstock_core'))"""
    return bool(one(connection, query)[0])


def recorded_checksums(connection: Connection) -> dict[str, str]:
    """The checksum of each migration that the database has; for those who may act as openstock_owner."""
    with connection.transaction():
        connection.execute("set local role openstock_owner")
        rows = connection.execute("select name, checksum from openstock_core.migration order by name").fetchall()
        connection.execute("reset role")
    return dict(rows)


def recorded_by_version(connection: Connection, files: Sequence[MigrationFile]) -> dict[str, None]:
    """The migrations that the database must have, going by the newest, which any login of an application may know."""
    try:
        version = one(connection, "select openstock.schema_version()")[0]
    except (errors.InsufficientPrivilege, errors.UndefinedFunction, errors.InvalidSchemaName) as error:
        raise MigrationError(
            "this user may not see which openstock the database holds",
            detail=error.diag.message_primary,
            hint="Ask as a member of openstock_app, openstock_operator or openstock_owner.",
        ) from error
    if version is None:
        return {}
    return dict.fromkeys([*(file.name for file in files if file.name < version), version])


def marked_by_yoyo(connection: Connection) -> set[str]:
    """The names in yoyo's own table, as far as this user can read it."""
    readable = """select pg_catalog.has_table_privilege(c.oid, 'select')
      from pg_catalog.pg_class as c
      where c.relname = %s and c.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(current_schema()))"""
    row = connection.execute(readable, [default_migration_table]).fetchone()
    if row is None or not row[0]:
        return set()
    table = sql.Identifier(default_migration_table)
    return {name for (name,) in connection.execute(sql.SQL("select migration_id from {}").format(table))}


def require_agreement(
    connection: Connection,
    files: Sequence[MigrationFile],
    recorded: Mapping[str, str],
    marked: set[str],
) -> None:
    """Raise MigrationError when the files, what the database recorded and what yoyo marked contradict each other."""
    known = {file.name: file.checksum for file in files}
    unknown = sorted(set(recorded) - set(known))
    if unknown:
        raise MigrationError(
            "the database was migrated by a newer openstock",
            detail=f"it has {', '.join(unknown)}, and this package ends with {files[-1].name}",
            hint="Upgrade the openstock package to at least the version that migrated the database.",
            sqlstate="0A000",
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

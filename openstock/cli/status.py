"""`status`: server, versions, tenants, partitions and sizes on one screen."""

from __future__ import annotations

import argparse
from typing import Any

import psycopg

from openstock import migrate
from openstock.cli.database import database, embedded, named_database
from openstock.cli.terminal import size, table

__all__ = ["COUNTED", "entries_text", "status"]

_SERVER = """
    select current_setting('server_version'), current_database(), session_user::text,
           pg_database_size(current_database()), pg_is_in_recovery(), host(inet_server_addr())"""
_LEDGER = """
    select count(*), sum(pg_total_relation_size(c.oid))::bigint, max(c.relname::text),
           count(*) filter (where c.relname::text > 'ledger_' || to_char(now() at time zone 'UTC', 'YYYY_MM'))
    from pg_inherits i
    join pg_class l
      on l.oid = i.inhparent and l.relname = 'ledger' and l.relnamespace = to_regnamespace('openstock_core')
    join pg_class c on c.oid = i.inhrelid"""
# As the planner does it: rows per page when the partition was last analysed, times its pages now. Null: never analysed,
# or when it was empty.
_ENTRIES = """
    select c.relname::text, (c.reltuples / nullif(c.relpages, 0) * p.pages)::bigint,
           has_schema_privilege(c.relnamespace, 'usage') and has_table_privilege(c.oid, 'select')
           and not row_security_active(c.oid)
    from pg_inherits i
    join pg_class l
      on l.oid = i.inhparent and l.relname = 'ledger' and l.relnamespace = to_regnamespace('openstock_core')
    join pg_class c on c.oid = i.inhrelid
    cross join lateral (select pg_relation_size(c.oid) / current_setting('block_size')::bigint as pages) p
    where p.pages > 0"""
COUNTED = 100_000  # entries that are counted one by one; some ten milliseconds


def status(arguments: argparse.Namespace) -> int:
    named, dsn = named_database(arguments), database(arguments)
    with psycopg.connect(dsn, autocommit=True) as connection:
        version, name, user, octets, standby, address = _one(connection, _SERVER)
        at = address or f"socket in {connection.info.host}"
        where = f"at {at}" if named else f"embedded in {embedded().data_dir}, process {embedded().status().pid}"
        rows: list[tuple[str, str]] = [
            ("server", f"PostgreSQL {version}{' (standby)' if standby else ''}, {where}"),
            ("database", f"{name}, {size(octets)}, as {user}"),
        ]
        schema = migrate.status(dsn)
        rows.append(("schema", _schema_text(schema)))
        if schema.state != "never migrated":
            partitions, octets, last, ahead = _one(connection, _LEDGER)
            months = f"{partitions} partitions to {last[-7:].replace('_', '-')}, {ahead} months ahead"
            rows.append(("ledger", f"{months}, {size(octets)}, {entries_text(connection)}"))
            rows += _tenant_rows(connection)
    print(table(rows))
    return 0


def _one(connection: Any, query: str) -> Any:
    return connection.execute(query).fetchone()


def entries_text(connection: Any) -> str:
    """How many entries the ledger has: estimated where PostgreSQL knows enough, otherwise counted, up to a limit."""
    estimated = counted = 0
    about = False
    for partition, estimate, countable in connection.execute(_ENTRIES).fetchall():
        if estimate is not None:
            estimated += estimate
            about = True
        elif countable:
            rows = f"select from openstock_core.{partition} limit {COUNTED - counted + 1}"
            counted += _one(connection, f"select count(*) from ({rows}) as entry")[0]
            if counted > COUNTED:
                return f"more than {estimated + COUNTED:,} entries"
        else:
            return "entries not counted before the first ANALYZE"
    return f"{'about ' if about else ''}{estimated + counted:,} entries"


def _schema_text(schema: migrate.MigrationStatus) -> str:
    if schema.state == "never migrated":
        return "openstock was never installed here; run: openstock migrate"
    said = {"current": "current", "pending": "older than this openstock; run: openstock migrate"}
    newer = {"newer": "newer than this openstock; upgrade it", "altered": "a migration differs from this openstock's"}
    return f"{schema.version}, {(said | newer)[schema.state]}"


def _tenant_rows(connection: Any) -> list[tuple[str, str]]:
    try:
        tenants = connection.execute(
            "select tenant_id, name, active, logins from openstock_admin.tenants order by created_at desc limit 6"
        ).fetchall()
        [count] = _one(connection, "select count(*) from openstock_admin.tenants")
    except psycopg.errors.InsufficientPrivilege:
        return [("tenants", "not shown to this login; ask as a member of openstock_operator")]
    rows = [("tenants", f"{count:,}")]
    for tenant, name, active, logins in tenants[:5]:
        about = ", ".join(([] if active else ["inactive"]) + [f"login {login}" for login in logins[:3]])
        rows.append(("", f"{tenant}  {name}{f' ({about})' if about else ''}"))
    return [*rows, ("", "…")] if len(tenants) > 5 else rows

"""The bare function: it writes the same rows as a one-line reserve, and does nothing else.

It has tables of its own, with the columns and indexes of openstock's and without constraints, domains, foreign keys,
triggers and row-level security. It is not written by hand but built from what a real call wrote, so that it writes what
reserve writes, whatever that is: the rows of one transaction are found by its number, and repeated with new keys.
What it is given is what reserve has to find out: the product's id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

Connection = psycopg.Connection[tuple[Any, ...]]

LEVEL = "stock_level"
STAMPS = ("recorded_at", "created_at", "last_recorded_at", "updated_at")
ARGUMENTS = {"tenant_id": "tenant", "op_id": "op_id", "order_ref": "order_ref", "product_id": "product"}
SEQUENCE = "bare.number"

TABLES = """
  select c.relname, c.relkind = 'p'
  from pg_class c
  where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  order by c.oid
"""
COLUMNS = """
  select a.attname, format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), null), a.attidentity <> ''
  from pg_attribute a join pg_type t on t.oid = a.atttypid
  where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
  order by a.attnum
"""
INDEXES = "select pg_get_indexdef(indexrelid) from pg_index where indrelid = %s::regclass order by indexrelid"
PARTITIONS = """
  select c.relname, pg_get_expr(c.relpartbound, c.oid)
  from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = %s::regclass
"""


def install(admin: Connection, reserve: Callable[[], None], tenant: UUID) -> None:
    """Make schema `bare` with function bare.reserve(tenant, op_id, order_ref, product), for one tenant.

    reserve: makes one reservation of one line in this database, in a transaction of its own; it stays there.
    """
    floor = _xid(admin)
    reserve()
    written = {table: rows for table in _tables(admin) if (rows := _rows_since(admin, table, floor))}
    if written.get(LEVEL) is None or written.get("ledger") is None:
        raise RuntimeError(f"a reserve wrote {sorted(written)}, neither level nor ledger among them")
    admin.execute("create schema bare")
    admin.execute(f"create sequence {SEQUENCE} start 1000000000")
    for table in written:
        _copy_table(admin, table)
        # As full as the others, and their indexes as deep.
        admin.execute(f"insert into bare.{table} select * from openstock_core.{table} where tenant_id = %s", [tenant])
    admin.execute(_function(admin, written))
    admin.execute("grant usage on schema bare to public")
    admin.execute("grant select, insert, update on all tables in schema bare to public")
    admin.execute("grant usage on all sequences in schema bare to public")


def _xid(admin: Connection) -> int:
    [(number,)] = admin.execute("select pg_current_xact_id()::text::bigint").fetchall()
    return int(number)


def _tables(admin: Connection) -> list[str]:
    return [name for name, _ in admin.execute(TABLES).fetchall()]


def _rows_since(admin: Connection, table: str, floor: int) -> list[dict[str, Any]]:
    query = sql.SQL("select to_jsonb(t) from openstock_core.{} as t where t.xmin::text::bigint > %s").format(
        sql.Identifier(table)
    )
    return [row for (row,) in admin.execute(query, [floor % 2**32]).fetchall()]


def _copy_table(admin: Connection, table: str) -> None:
    """A table of the same columns, indexes, partitions and room for updates."""
    source = f"openstock_core.{table}"
    columns = ", ".join(f"{name} {kind}" for name, kind, _ in admin.execute(COLUMNS, [source]).fetchall())
    partitions = admin.execute(PARTITIONS, [source]).fetchall()
    [(options, key)] = admin.execute(
        "select c.reloptions, pg_get_partkeydef(c.oid) from pg_class c where c.oid = %s::regclass", [source]
    ).fetchall()
    made = f"create table bare.{table} ({columns})"
    made += f" partition by {key}" if key else ""
    made += f" with ({', '.join(options)})" if options else ""
    admin.execute(made)
    for partition, bound in partitions:
        admin.execute(f"create table bare.{partition} partition of bare.{table} {bound}")
    for (definition,) in admin.execute(INDEXES, [source]).fetchall():
        admin.execute(definition.replace(" ON ONLY ", " ON ").replace("openstock_core.", "bare."))


def _function(admin: Connection, written: dict[str, list[dict[str, Any]]]) -> sql.Composed:
    """Levels first, as reserve has them locked before it writes; then the inserts, each handing its new id on."""
    ids = {
        name: f"new_{name}"
        for table in written
        for name, _, identity in admin.execute(COLUMNS, [f"openstock_core.{table}"]).fetchall()
        if identity
    }
    statements: list[sql.Composable] = []
    [level] = written[LEVEL]
    changes = ["reserved = reserved + 1, version = version + 1, last_recorded_at = stamp"]
    changes += ["available = available - 1"] if "available" in level else []
    statements.append(
        sql.SQL(f"update bare.{LEVEL} set {', '.join(changes)} where tenant_id = tenant and product_id = product"
                " and warehouse_id = {} returning on_hand, blocked, reserved into level;").format(
            sql.Literal(level["warehouse_id"]))
    )  # fmt: skip
    for table, rows in written.items():
        if table != LEVEL:
            statements += [_insert(admin, table, row, ids) for row in rows]
    declared = sql.SQL("").join(
        sql.SQL(f"  {variable} bigint := nextval('{SEQUENCE}');\n") for variable in ids.values()
    )
    return sql.SQL(
        "create function bare.reserve(tenant uuid, op_id text, order_ref text, product bigint) returns void\n"
        "language plpgsql set plan_cache_mode = force_generic_plan as $body$\n"
        "#variable_conflict use_column\n"
        "declare\n  stamp constant timestamptz := clock_timestamp();\n  level record;\n{}begin\n{}\nend\n$body$"
    ).format(declared, sql.SQL("\n").join(statements))


def _insert(admin: Connection, table: str, row: dict[str, Any], ids: dict[str, str]) -> sql.Composable:
    columns = admin.execute(COLUMNS, [f"openstock_core.{table}"]).fetchall()
    values = [_value(name, kind, row[name], ids) for name, kind, _ in columns if row[name] is not None]
    names = [sql.Identifier(name) for name, *_ in columns if row[name] is not None]
    return sql.SQL("insert into bare.{} ({}) values ({});").format(
        sql.Identifier(table), sql.SQL(", ").join(names), sql.SQL(", ").join(values)
    )


def _value(name: str, kind: str, value: Any, ids: dict[str, str]) -> sql.Composable:
    if name in ARGUMENTS:
        return sql.SQL(ARGUMENTS[name])
    if name in ids:
        return sql.SQL(ids[name])
    if name in STAMPS:
        return sql.SQL("stamp")
    if name == "entry_id":
        return sql.SQL(f"nextval('{SEQUENCE}')")
    if name.endswith("_after"):
        return sql.SQL(f"level.{name.removesuffix('_after')}")
    if kind == "jsonb":
        return sql.SQL("{}::jsonb").format(sql.Literal(Jsonb(value)))
    return sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(kind))

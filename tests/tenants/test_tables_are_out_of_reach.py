"""Private tables: nobody who logs in is granted anything in openstock_core, and nobody can take on who is."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from tests.support import LOGINS, OTHER_TENANT, TENANT, Connect, Shop, denied, fails, unchanged

TABLES = """
    select c.relname from pg_class c
    where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'p', 'm') order by 1
"""

WRITERS = [
    "receive",
    "adjust",
    "move",
    "reserve",
    "extend",
    "confirm",
    "release",
    "cancel",
    "expire_reservations",
    "allocate",
    "ship",
    "put_products",
    "put_kits",
    "put_warehouses",
    "put_locations",
    "put_channels",
    "put_lots",
    "put_quotas",
]


def refuses(connection: psycopg.Connection, statement: sql.SQL | sql.Composed) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize("login", LOGINS)
def test_no_login_reads_or_writes_a_table(shop: Shop, db: psycopg.Connection, connect: Connect, login: str) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    connection = connect(login)
    connection.execute("select set_config('app.tenant_id', %s, false)", [str(TENANT)])
    tables = [name for (name,) in db.execute(TABLES)]
    assert {"ledger", "stock_level", "operation", "tenant_login", "current_stock", "migration"} <= set(tables)
    with unchanged(db):
        for table in tables:
            for statement in ("select * from {}", "insert into {} default values", "delete from {}", "truncate {}"):
                refuses(connection, sql.SQL(statement).format(sql.Identifier("openstock_core", table)))


@pytest.mark.parametrize("login", LOGINS)
def test_no_login_calls_a_helper_or_draws_a_number(db: psycopg.Connection, connect: Connect, login: str) -> None:
    connection = connect(login)
    with unchanged(db):
        refuses(connection, sql.SQL("select openstock_core.enter('{}')").format(sql.SQL(str(TENANT))))
        refuses(connection, sql.SQL("select openstock_core.differences('{}')").format(sql.SQL(str(TENANT))))
        refuses(connection, sql.SQL("select nextval('openstock_core.ledger_entry_id')"))


@pytest.mark.parametrize("login", LOGINS)
def test_no_login_takes_on_an_owning_role(connect: Connect, login: str) -> None:
    connection = connect(login)
    for role in ("openstock_owner", "openstock_api", "openstock_maint"):
        refuses(connection, sql.SQL("set role {}").format(sql.Identifier(role)))


@pytest.mark.parametrize("login", LOGINS)
def test_no_login_makes_anything_in_the_schemas(connect: Connect, login: str) -> None:
    connection = connect(login)
    for schema in ("openstock", "openstock_core", "openstock_dw", "openstock_admin"):
        refuses(connection, sql.SQL("create table {}.t (n integer)").format(sql.Identifier(schema)))


@pytest.mark.parametrize("login", ["analyst", "operator", "stranger"])
@pytest.mark.usefixtures("shop")
def test_only_applications_call_what_writes(db: psycopg.Connection, connect: Connect, login: str) -> None:
    connection = connect(login)
    with unchanged(db):
        for function in WRITERS:
            [arguments] = db.execute(
                "select pronargs from pg_proc where oid = %s::regproc", [f"openstock.{function}"]
            ).fetchone() or (0,)
            nulls = sql.SQL(", ").join([sql.SQL("null")] * arguments)
            refuses(connection, sql.SQL("select openstock.{}({})").format(sql.Identifier(function), nulls))


@pytest.mark.parametrize("login", ["app", "bound", "analyst", "stranger"])
def test_only_operators_call_what_maintains(db: psycopg.Connection, connect: Connect, login: str) -> None:
    connection = connect(login)
    with unchanged(db):
        for statement in (
            "select openstock_admin.create_tenant('Mine')",
            f"select openstock_admin.grant_tenant('test_bound', '{OTHER_TENANT}')",
            "select openstock_admin.grant_tenant('test_bound', any_tenant => true)",
            f"select openstock_admin.revoke_tenant('test_analyst', '{TENANT}')",
            f"select openstock_admin.set_tenant_active('{TENANT}', false)",
            "select openstock_admin.ensure_partitions()",
            "select openstock_admin.refresh_current_stock()",
            "select openstock_admin.verify()",
            f"select openstock_admin.rebuild('{TENANT}', true)",
            f"select openstock_admin.block_expired_lots('{TENANT}')",
            "call openstock_admin.run_maintenance()",
            "select openstock_admin.doctor()",
            "select * from openstock_admin.tenants",
        ):
            refuses(connection, sql.SQL(statement))


@pytest.mark.parametrize("login", ["app", "bound", "stranger"])
def test_the_warehouse_of_the_analysts_is_theirs(connect: Connect, login: str) -> None:
    refuses(connect(login), sql.SQL("select * from openstock_dw.current_stock"))


@pytest.mark.usefixtures("shop")
def test_row_level_security_binds_the_functions_owner(db: psycopg.Connection) -> None:
    with db.transaction():
        db.execute("set local role openstock_api")
        assert db.execute("select count(*) from openstock_core.product").fetchone() == (0,)
        db.execute("select set_config('app.tenant_id', %s, true)", [str(OTHER_TENANT)])
        assert db.execute("select count(*) from openstock_core.product").fetchone() == (0,)
        db.execute("select set_config('app.tenant_id', %s, true)", [str(TENANT)])
        assert db.execute("select count(*) from openstock_core.product").fetchone() == (4,)


@pytest.mark.usefixtures("shop")
def test_row_level_security_binds_the_tables_owner_too(db: psycopg.Connection) -> None:
    with db.transaction():
        db.execute("set local role openstock_owner")
        db.execute("select set_config('app.tenant_id', %s, true)", [str(TENANT)])
        assert db.execute("select count(*) from openstock_core.product").fetchone() == (0,)


@pytest.mark.usefixtures("shop")
def test_the_functions_owner_cannot_write_for_another_tenant(db: psycopg.Connection) -> None:
    with denied(db), db.transaction():
        db.execute("set local role openstock_api")
        db.execute("select set_config('app.tenant_id', %s, true)", [str(TENANT)])
        db.execute("insert into openstock_core.product (tenant_id, sku, name) values (%s, 'X', 'X')", [OTHER_TENANT])


def test_a_table_of_the_callers_is_not_mistaken_for_one_of_openstock(shop: Shop) -> None:
    """Functions pin their search_path: a temporary table of the same name is never looked at."""
    shop.connection.execute("create temporary table tenant_login (tenant_id uuid, login name)")
    shop.connection.execute("create temporary table product (like openstock.products)")
    shop.connection.execute("set search_path = pg_temp, openstock_core, public")
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    with fails("OS101", sku="PEAR"):
        shop.receive("LON", [{"sku": "PEAR", "qty": 1}])
    assert shop.differences() == []

"""analyze_tables: what holds rows and was never analysed; with all_tables everything."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Clock, Connect, Shop, call, denied

FILLED = {f"openstock_core.{name}" for name in ("migration", "tenant", "tenant_login", "trusted_login")}
SHOP = {f"openstock_core.{name}" for name in ("event", "location", "operation", "product", "warehouse")}
STOCK = {f"openstock_core.{name}" for name in ("ledger", "stock_bin", "stock_level")}


@pytest.fixture
def operator(connect: Connect, db: psycopg.Connection) -> psycopg.Connection:
    """An operator, in a database that autovacuum has not looked at, nor ever will."""
    tables = db.execute(
        "select oid::regclass::text from pg_class where relnamespace = 'openstock_core'::regnamespace and relkind = 'r'"
    ).fetchall()
    for (table,) in tables:
        db.execute(f"alter table {table} set (autovacuum_enabled = off)")
    return connect("operator")


def analyzed(operator: psycopg.Connection, **arguments: bool) -> set[str]:
    operator.execute("select pg_stat_force_next_flush()")
    return {row["analyze_tables"] for row in call(operator, "openstock_admin.analyze_tables", **arguments)}


def estimate(db: psycopg.Connection, query: str) -> int:
    """How many rows PostgreSQL expects."""
    [[plan]] = (db.execute(f"explain (format json) {query}").fetchone() or ([],))[0:1]
    rows = plan["Plan"]["Plan Rows"]
    assert isinstance(rows, int)
    return rows


def test_tables_with_rows_are_analysed_once(operator: psycopg.Connection, shop: Shop) -> None:
    assert analyzed(operator) <= FILLED | SHOP
    assert analyzed(operator) == set()
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert analyzed(operator) == STOCK
    assert analyzed(operator) == set()


def test_empty_tables_wait_for_their_first_rows(operator: psycopg.Connection, shop: Shop) -> None:
    """Analysed while they are empty, they would stay without statistics and count as known."""
    analyzed(operator, all_tables=True)
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    shop.connection.execute("select pg_stat_force_next_flush()")
    assert analyzed(operator) >= STOCK


def test_the_planner_knows_what_a_tenant_has(operator: psycopg.Connection, shop: Shop, db: psycopg.Connection) -> None:
    products = [{"sku": f"P-{n}", "name": "Product"} for n in range(2000)]
    shop.put_products(lines=products)
    shop.receive("LON", [{"sku": product["sku"], "qty": 1} for product in products])
    queries = [
        f"select * from openstock_core.{table} where tenant_id = '{shop.tenant}'"
        for table in ("product", "stock_level", "ledger")
    ]
    assert all(estimate(db, query) < 200 for query in queries)
    analyzed(operator)
    assert all(estimate(db, query) >= 2000 for query in queries)


def test_a_new_partition_has_the_whole_ledger_analysed(
    operator: psycopg.Connection, shop: Shop, clock: Clock, db: psycopg.Connection
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    analyzed(operator)
    [month] = db.execute("select to_char(now() at time zone 'UTC' + interval '1 month', 'YYYY-MM')").fetchone() or ("",)
    clock.set(f"{month}-15 UTC")
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    shop.connection.execute("select pg_stat_force_next_flush()")
    assert "openstock_core.ledger" in analyzed(operator)


def test_all_tables_are_analysed_on_request(operator: psycopg.Connection, shop: Shop) -> None:
    everything = analyzed(operator, all_tables=True)
    assert everything >= FILLED | SHOP | STOCK
    assert {table for table in everything if table.startswith("openstock_core.ledger_2") or table.startswith("openstock_core.ledger_serial_")} == set()
    assert analyzed(operator, all_tables=True) == everything


def test_tables_are_told_in_the_order_of_their_names(operator: psycopg.Connection, shop: Shop) -> None:
    told = [row["analyze_tables"] for row in call(operator, "openstock_admin.analyze_tables", all_tables=True)]
    assert told == sorted(told)


def test_nobody_is_kept_waiting_nor_waited_for(
    operator: psycopg.Connection, shop: Shop, db: psycopg.Connection
) -> None:
    operator.execute("set lock_timeout = '50ms'")
    with db.transaction():
        db.execute("lock table openstock_core.product in share update exclusive mode")
        analyzed(operator, all_tables=True)
    with operator.transaction():
        analyzed(operator, all_tables=True)
        shop.connection.execute("set lock_timeout = '50ms'")
        shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert shop.level("APPLE") == (1, 0, 0, 1)


def test_only_operators_may_ask_for_it(db: psycopg.Connection, connect: Connect) -> None:
    for login in ("app", "analyst", "stranger"):
        with denied(db):
            call(connect(login), "openstock_admin.analyze_tables")


def test_a_partition_counts_once_with_its_size(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    [(partition,)] = db.execute("select distinct tableoid::regclass::text from openstock_core.ledger").fetchall()
    found = "select %s::regclass in (select openstock_core.unanalyzed_tables(pg_relation_size(%s) + %s))"
    assert [db.execute(found, [partition, partition, more]).fetchone() for more in (0, 1)] == [(True,), (False,)]

"""Before PostgreSQL has statistics it takes each table for one row of the tenant, and may join all with all of them.

What a call reads then may grow with the tenant's tables, or with one for each line, but not with their product.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.support import Shop

SIZE = 400
TABLES = ("product", "stock_level", "stock_bin", "reservation_line", "allocation")

CALLS: dict[str, Callable[[Shop], object]] = {
    "a loss of pinned units": lambda shop: shop.adjust(
        "LON", [{"sku": "S-1", "qty": -8, "location": "B-1"}], reason="lost"
    ),
    "safety stock": lambda shop: shop.put_products(lines=[{"sku": "S-1", "safety_stock": 2}]),
}


@pytest.fixture
def young(shop: Shop, db: psycopg.Connection) -> Shop:
    """A shop of 400 products in 400 bins, all promised to one order, whose tables were never analysed."""
    for table in TABLES:
        db.execute(f"alter table openstock_core.{table} set (autovacuum_enabled = false)")
    # As in a session that was there before the stock.
    shop.receive("LON", [{"sku": "APPLE", "qty": 9}])
    shop.reserve("SMALL", [{"sku": "APPLE", "qty": 9}])
    shop.allocate("SMALL")
    shop.adjust("LON", [{"sku": "APPLE", "qty": -2}], reason="lost")
    skus = [f"S-{n}" for n in range(SIZE)]
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in skus])
    shop.put_locations("LON", [{"code": f"B-{n}"} for n in range(SIZE)])
    shop.receive("LON", [{"sku": sku, "qty": 10, "location": f"B-{n}"} for n, sku in enumerate(skus)])
    shop.reserve("BIG", [{"sku": sku, "qty": 5} for sku in skus])
    return shop


def rows_read(shop: Shop) -> int:
    """How many rows of the tables the transaction has read so far."""
    query = """select sum(seq_tup_read + idx_tup_fetch)::bigint from pg_stat_xact_all_tables
      where schemaname = 'openstock_core' and relname = any (%s)"""
    [rows] = shop.connection.execute(query, [list(TABLES)]).fetchone() or (0,)
    return int(rows)


@pytest.mark.parametrize("what", CALLS)
def test_a_call_reads_no_more_than_the_tables_a_few_times(young: Shop, what: str) -> None:
    young.allocate("BIG")
    with young.connection.transaction(force_rollback=True):
        before = rows_read(young)
        CALLS[what](young)
        assert rows_read(young) - before < 30 * SIZE


def test_an_order_is_allocated_by_reading_a_few_tables_for_each_line(young: Shop) -> None:
    with young.connection.transaction():
        before = rows_read(young)
        young.allocate("BIG")
        assert rows_read(young) - before < 10 * SIZE**2

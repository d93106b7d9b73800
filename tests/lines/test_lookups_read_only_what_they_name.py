"""A call's cost depends on its lines and not on the tenant's catalogue: names are looked up through indexes.

Under row-level security an index serves a join only when nothing that could leak stands in the joined expression, which
is easily lost: a cast or a function is enough.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from ..support import Shop
from ..waiting import backorder, let_wait

PRODUCTS = 3000
LARGE = ("product", "stock_level", "stock_bin", "location")


@pytest.fixture
def large_shop(shop: Shop, db: psycopg.Connection) -> Shop:
    skus = [f"S-{n}" for n in range(PRODUCTS)]
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in skus])
    shop.put_locations(warehouse="LON", lines=[{"code": f"B-{n}"} for n in range(PRODUCTS)])
    shop.receive("LON", [{"sku": sku, "qty": 10, "location": f"B-{n}"} for n, sku in enumerate(skus)])
    let_wait(shop, "S-1")
    shop.put_products(lines=[{"sku": "KIT", "name": "Kit"}, {"sku": "BOX", "name": "Box"}])
    shop.put_kits(lines=[{"sku": "KIT", "components": [{"sku": "S-1", "qty": 2}, {"sku": "S-2", "qty": 1}]}])
    db.execute("analyze")
    return shop


def pinned(shop: Shop) -> None:
    shop.reserve("O1", [{"sku": "S-1", "qty": 1}])
    shop.allocate("O1")


CALLS: dict[str, Callable[[Shop], object]] = {
    "receive": lambda shop: shop.receive("LON", [{"sku": "S-1", "qty": 1, "location": "B-1"}]),
    "adjust": lambda shop: shop.adjust(
        "LON", [{"sku": "S-1", "set_to": 9, "expected": 10, "location": "B-1"}], reason="count"
    ),
    "move": lambda shop: shop.move("LON", [{"sku": "S-1", "qty": 1, "from": "B-1", "to": "B-2"}]),
    "reserve": lambda shop: shop.reserve("O1", [{"sku": "S-1", "qty": 1}]),
    "put_kits": lambda shop: shop.put_kits(lines=[{"sku": "BOX", "components": [{"sku": "S-1", "qty": 2}]}]),
    "reserve a kit": lambda shop: shop.reserve("O1", [{"sku": "KIT", "qty": 1}]),
    "reserve too many kits": lambda shop: shop.reserve("O1", [{"sku": "KIT", "qty": 7}], on_shortage="partial"),
    "amend kits": lambda shop: (shop.reserve("O1", [{"sku": "KIT", "qty": 1}]), shop.amend("O1", [{"line": 1, "qty": 2}])),
    "release kits": lambda shop: (shop.reserve("O1", [{"sku": "KIT", "qty": 2}]), shop.release("O1", [{"sku": "KIT", "qty": 1}])),
    "quote": lambda shop: shop.quote([{"sku": "S-1", "qty": 1}]),
    "quote certain units": lambda shop: shop.quote([{"sku": "S-1", "qty": 1, "location": "B-1"}], warehouse="LON"),
    "availability": lambda shop: shop.availability("S-1"),
    "availability of a kit": lambda shop: shop.availability("KIT"),
    "allocate": lambda shop: (shop.reserve("O1", [{"sku": "S-1", "qty": 1}]), shop.allocate("O1")),
    "allocate_next": lambda shop: (shop.reserve("O1", [{"sku": "S-1", "qty": 1}]), shop.allocate_next("LON")),
    "deallocate": lambda shop: (pinned(shop), shop.deallocate("O1")),
    "short_pick": lambda shop: (pinned(shop), shop.short_pick("O1", [{"sku": "S-1", "location": "B-1", "qty": 1}])),
    "a backorder": lambda shop: backorder(shop, "O1", 11, "S-1"),
    "fill_backorders": lambda shop: (
        backorder(shop, "O1", 11, "S-1"),
        shop.receive("LON", [{"sku": "S-1", "qty": 1, "location": "B-1"}], fill_backorders=False),
        shop.fill_backorders(),
    ),
    "a receipt that is waited for": lambda shop: (
        backorder(shop, "O1", 11, "S-1"),
        shop.receive("LON", [{"sku": "S-1", "qty": 1, "location": "B-1"}]),
    ),
    "ship": lambda shop: (shop.reserve("O1", [{"sku": "S-1", "qty": 1}]), shop.ship("O1")),
    "release": lambda shop: (shop.reserve("O1", [{"sku": "S-1", "qty": 1}]), shop.release("O1")),
}


def test_a_call_of_one_line_reads_no_large_table_as_a_whole(large_shop: Shop) -> None:
    read = {function: _read_whole(large_shop, call) for function, call in CALLS.items()}
    assert read == {function: [] for function in CALLS}


def _read_whole(shop: Shop, call: Callable[[Shop], object]) -> list[str]:
    """The large tables that a call read as a whole; it is rolled back."""
    with shop.connection.transaction(force_rollback=True):
        before = _rows_read(shop)
        call(shop)
        return [table for table, rows in _rows_read(shop).items() if rows - before[table] >= PRODUCTS]


def _rows_read(shop: Shop) -> dict[str, int]:
    # The counters include what this session has not reported yet.
    query = """select relname::text, seq_tup_read + idx_tup_fetch from pg_stat_xact_all_tables
      where schemaname = 'openstock_core' and relname = any (%s) order by relname"""
    return dict(shop.connection.execute(query, [list(LARGE)]).fetchall())

"""Products, warehouses, locations and lots are locked by age, by whoever changes them or rests on them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ..support import Shop
from .sessions import NEVER, OpenSession, unlocked

# Which rows, who locks them, one line of the call (with the name of a row), and the rest of it.
CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("product", "put_products", {"sku": "{}", "name": "new"}, {}),
    ("warehouse", "put_warehouses", {"code": "{}", "name": "new"}, {}),
    ("channel", "put_channels", {"code": "{}", "name": "new"}, {}),
    ("location", "put_locations", {"code": "{}", "pick_order": 1}, {"warehouse": "LON"}),
    ("product", "receive", {"sku": "{}", "qty": 1}, {"warehouse": "LON"}),
    ("location", "receive", {"sku": "APPLE", "qty": 1, "location": "{}"}, {"warehouse": "LON"}),
    ("lot", "receive", {"sku": "MILK", "qty": 1, "lot": "{}"}, {"warehouse": "LON"}),
]
NAMES = [f"X-{n}" for n in range(9)]


@pytest.fixture
def named(shop: Shop) -> Shop:
    """Nine products, warehouses, locations and lots, all with the same names."""
    shop.put_products(lines=[{"sku": name, "name": name} for name in NAMES])
    shop.put_warehouses(lines=[{"code": name} for name in NAMES])
    shop.put_locations("LON", [{"code": name} for name in NAMES])
    shop.put_channels(lines=[{"code": name} for name in NAMES])
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": name} for name in NAMES])
    return shop


@pytest.mark.parametrize(("table", "function", "line", "rest"), CASES, ids=[f"{table} by {function}" for table, function, _, _ in CASES])
def test_rows_are_locked_by_age_in_whatever_order_they_are_named(
    named: Shop,
    db: psycopg.Connection,
    dsn: str,
    session: OpenSession,
    table: str,
    function: str,
    line: dict[str, Any],
    rest: dict[str, Any],
) -> None:
    name = "sku" if table == "product" else "code"
    query = f"select {table}_id from openstock_core.{table} where {name} like 'X-_' order by {name}"
    ids = [row[0] for row in db.execute(query).fetchall()]
    lines = [{key: each if value == "{}" else value for key, value in line.items()} for each in reversed(NAMES)]
    for held in (0, 5):
        one = session()
        with psycopg.connect(dsn) as holder:  # the row itself: nobody changes a lot that is there
            holder.execute(f"select from openstock_core.{table} where {table}_id = %s for no key update", [ids[held]])
            waiting = one.blocked(function, lines=lines, **rest)
            assert unlocked(db, table) & set(ids) == set(ids[held + 1 :])
        waiting.result(NEVER)
        one.rollback()

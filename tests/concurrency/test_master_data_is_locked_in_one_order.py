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
    ("product", "put_kits", {"sku": "{}", "components": []}, {}),
    ("product", "put_quotas", {"sku": "{}", "channel": "X-0", "qty": 1}, {"warehouse": "LON"}),
    ("warehouse", "put_warehouses", {"code": "{}", "name": "new"}, {}),
    ("channel", "put_channels", {"code": "{}", "name": "new"}, {}),
    ("location", "put_locations", {"code": "{}", "pick_order": 1}, {"warehouse": "LON"}),
    ("lot", "put_lots", {"sku": "MILK", "lot": "{}", "quality": "hold"}, {}),
    ("product", "receive", {"sku": "{}", "qty": 1}, {"warehouse": "LON"}),
    ("location", "receive", {"sku": "APPLE", "qty": 1, "location": "{}"}, {"warehouse": "LON"}),
    ("lot", "receive", {"sku": "MILK", "qty": 1, "lot": "{}"}, {"warehouse": "LON"}),
]
NAMES = [f"X-{n}" for n in range(9)]


@pytest.fixture
def named(shop: Shop) -> Shop:
    """Nine products, warehouses, locations, channels and lots, all with the same names. Those that one call makes are as old as their names say."""
    shop.put_products(lines=[{"sku": name, "name": name} for name in reversed(NAMES)])
    shop.put_warehouses(lines=[{"code": name} for name in reversed(NAMES)])
    shop.put_locations("LON", [{"code": name} for name in reversed(NAMES)])
    shop.put_channels(lines=[{"code": name} for name in reversed(NAMES)])
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": name} for name in reversed(NAMES)])
    return shop


@pytest.mark.parametrize("table", ["product", "warehouse", "location", "channel", "lot"])
def test_rows_that_one_call_makes_are_as_old_as_their_names_say(named: Shop, db: psycopg.Connection, table: str) -> None:
    name = "sku" if table == "product" else "code"
    assert [found for (found,) in db.execute(f"select {name} from openstock_core.{table} where {name} like 'X-_' order by {table}_id")] == NAMES


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


@pytest.mark.parametrize(
    ("table", "function", "line", "rest"), [case for case in CASES if case[0] != "lot"], ids=[f"{case[0]} by {case[1]}" for case in CASES if case[0] != "lot"]
)
def test_only_the_rows_that_are_named_are_locked(
    named: Shop, db: psycopg.Connection, session: OpenSession, table: str, function: str, line: dict[str, Any], rest: dict[str, Any]
) -> None:
    """Not those of another warehouse that have the same code either."""
    named.put_locations("BER", [{"code": name} for name in NAMES])
    before = unlocked(db, table)
    one = session()
    one.later(function, lines=[{key: "X-3" if value == "{}" else value for key, value in line.items()}], **rest).result(NEVER)
    query = f"select {table}_id from openstock_core.{table} where {'sku' if table == 'product' else 'code'} = 'X-3' order by {table}_id"
    first = db.execute(query).fetchall()[0][0]
    # What rests on a place shares its lock: nobody else may change it meanwhile.
    assert before - unlocked(db, table) == {first}


def test_quotas_lock_the_older_product_first_whatever_it_is_called(shop: Shop, db: psycopg.Connection, dsn: str, session: OpenSession) -> None:
    shop.put_channels(lines=[{"code": "WEB"}])
    for name in ("OLDER", "NEWER"):
        shop.put_products(lines=[{"sku": name, "name": name}])
    [(older,), (newer,)] = db.execute("select product_id from openstock_core.product where sku in ('OLDER', 'NEWER') order by 1").fetchall()
    one = session()
    with psycopg.connect(dsn) as holder:
        holder.execute("select from openstock_core.product where product_id = %s for no key update", [newer])
        waiting = one.blocked("put_quotas", "LON", [{"channel": "WEB", "sku": name, "qty": 1} for name in ("NEWER", "OLDER")])
        assert older not in unlocked(db, "product")
    waiting.result(NEVER)


def test_kits_and_their_components_are_locked_and_no_other_products(named: Shop, db: psycopg.Connection, session: OpenSession) -> None:
    named.put_kits(lines=[{"sku": "X-0", "components": [{"sku": "X-5", "qty": 1}]}, {"sku": "X-8", "components": [{"sku": "X-7", "qty": 1}]}])
    before = unlocked(db, "product")
    one = session()
    one.put_kits(lines=[{"sku": "X-8", "components": [{"sku": "X-2", "qty": 1}, {"sku": "X-1", "qty": 1}]}])
    query = "select product_id from openstock_core.product where sku in ('X-8', 'X-2', 'X-1')"
    assert before - unlocked(db, "product") == {row[0] for row in db.execute(query)}


def test_who_receives_what_has_a_level_does_not_lock_the_product(named: Shop, db: psycopg.Connection, session: OpenSession) -> None:
    named.receive("LON", [{"sku": "X-3", "qty": 1}])
    before = unlocked(db, "product")
    one = session()
    one.receive("LON", [{"sku": "X-3", "qty": 1}])
    assert unlocked(db, "product") == before

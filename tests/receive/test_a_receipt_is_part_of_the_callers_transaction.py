"""Functions compose: what the caller rolls back never was."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.support import Connect, Shop, unchanged


def test_a_rolled_back_receipt_leaves_nothing(shop: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), shop.connection.transaction(force_rollback=True):
        shop.receive("LON", [{"sku": "MILK", "qty": 10, "lot": "L1"}])
        assert shop.level("MILK") == (10, 0, 0, 10)


def test_goods_in_and_put_away_in_one_transaction(shop: Shop) -> None:
    with shop.connection.transaction():
        shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
        shop.move("LON", [{"sku": "APPLE", "qty": 10, "to": "A-1"}])
    assert shop.entries("event_type", "location", "qty_delta") == [
        ("RECEIPT", "DEFAULT", 10),
        ("MOVE", "DEFAULT", -10),
        ("MOVE", "A-1", 10),
    ]
    assert shop.differences() == []


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_it_works_at_stricter_isolation_levels(shop: Shop, connect: Connect, level: IsolationLevel) -> None:
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    strict = Shop(connection, shop.db)
    strict.receive("LON", [{"sku": "APPLE", "qty": 10}])
    strict.receive("LON", [{"sku": "APPLE", "qty": 5}])
    connection.commit()
    assert shop.level("APPLE") == (15, 0, 0, 15)
    assert shop.differences() == []

"""Functions compose: what the caller rolls back never was."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.support import Connect, Shop, unchanged


def test_a_rolled_back_adjustment_leaves_nothing(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    with unchanged(db), shop.connection.transaction(force_rollback=True):
        shop.adjust("LON", [{"sku": "APPLE", "qty": -3}], reason="lost")
        assert shop.level("APPLE") == (7, 0, 0, 7)


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_it_works_at_stricter_isolation_levels(shop: Shop, connect: Connect, level: IsolationLevel) -> None:
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    strict = Shop(connection, shop.db)
    strict.adjust("LON", [{"sku": "APPLE", "qty": 10}], reason="found")
    strict.adjust("LON", [{"sku": "APPLE", "set_to": 4, "expected": 10}], reason="counted")
    connection.commit()
    assert shop.level("APPLE") == (4, 0, 0, 4)
    assert shop.differences() == []

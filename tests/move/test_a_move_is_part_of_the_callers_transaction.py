"""Functions compose: what the caller rolls back never was."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.support import Connect, Shop, columns, unchanged


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in A-1, of which 6 are pinned to O1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}])
    shop.allocate("O1")
    return shop


def test_a_rolled_back_move_leaves_nothing(stocked: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), stocked.connection.transaction(force_rollback=True):
        stocked.move("LON", [{"sku": "APPLE", "qty": 8, "from": "A-1", "to": "Q-1"}])
        assert stocked.level("APPLE") == (10, 8, 6, -4)


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_it_works_at_stricter_isolation_levels(stocked: Shop, connect: Connect, level: IsolationLevel) -> None:
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    strict = Shop(connection, stocked.db)
    strict.move("LON", [{"sku": "APPLE", "qty": 8, "from": "A-1", "to": "A-2"}])
    strict.move("LON", [{"sku": "APPLE", "qty": 8, "from": "A-2", "to": "A-1"}])
    connection.commit()
    assert columns(stocked.view("bins"), "location", "on_hand", "allocated") == [("A-1", 10, 6)]
    assert stocked.differences() == []

"""Functions compose: what the caller rolls back never was."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.support import Connect, Shop, columns, unchanged


@pytest.fixture
def pinned(shop: Shop) -> Shop:
    """10 APPLE, of which 6 are pinned to O1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}])
    shop.allocate("O1")
    return shop


def test_a_rolled_back_release_leaves_nothing(pinned: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), pinned.connection.transaction(force_rollback=True):
        pinned.release("O1")
        assert pinned.level("APPLE") == (10, 0, 0, 10)


def test_units_pass_from_one_order_to_another_in_one_transaction(pinned: Shop) -> None:
    with pinned.connection.transaction():
        pinned.release("O1", [{"line": 1, "qty": 3}])
        [row] = pinned.reserve("O2", [{"sku": "APPLE", "qty": 7}], on_shortage="error")
    assert row["available"] == 0
    assert columns(pinned.view("reservations"), "order_ref", "reserved", "allocated") == [("O1", 3, 3), ("O2", 7, 0)]
    assert pinned.differences() == []


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_it_works_at_stricter_isolation_levels(pinned: Shop, connect: Connect, level: IsolationLevel) -> None:
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    strict = Shop(connection, pinned.db)
    strict.release("O1", [{"line": 1, "qty": 2}])
    strict.release("O1")
    connection.commit()
    assert pinned.level("APPLE") == (10, 0, 0, 10)
    assert pinned.differences() == []

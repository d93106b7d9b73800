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


def test_a_rolled_back_shipment_leaves_nothing(pinned: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), pinned.connection.transaction(force_rollback=True):
        pinned.ship("O1")
        assert pinned.level("APPLE") == (4, 0, 0, 4)


def test_a_part_ships_and_the_rest_is_given_back_in_one_transaction(pinned: Shop) -> None:
    with pinned.connection.transaction():
        pinned.ship("O1", [{"line": 1, "qty": 2}])
        pinned.release("O1")
    assert columns(pinned.view("reservations"), "reserved", "shipped", "released") == [(0, 2, 4)]
    assert pinned.differences() == []


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_it_works_at_stricter_isolation_levels(pinned: Shop, connect: Connect, level: IsolationLevel) -> None:
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    strict = Shop(connection, pinned.db)
    strict.ship("O1", [{"line": 1, "qty": 2}])
    strict.ship("O1")
    connection.commit()
    assert pinned.level("APPLE") == (4, 0, 0, 4)
    assert pinned.differences() == []

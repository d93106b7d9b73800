"""REPEATABLE READ and SERIALIZABLE, as one connection sees them."""

from __future__ import annotations

import pytest
from psycopg import IsolationLevel

from tests.support import Connect, Shop, columns


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_allocations_see_what_the_transaction_did_before(shop: Shop, connect: Connect, level: IsolationLevel) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    strict = Shop(connection, shop.db)
    strict.reserve("O1", [{"sku": "APPLE", "qty": 6}])
    strict.reserve("O2", [{"sku": "APPLE", "qty": 4}])
    assert columns(strict.allocate("O1"), "outcome", "qty") == [("allocated", 6)]
    assert columns(strict.allocate("O2"), "outcome", "qty") == [("allocated", 4)]
    assert strict.allocate("O2") == []
    connection.commit()
    assert columns(shop.view("bins"), "on_hand", "allocated") == [(10, 10)]
    assert shop.differences() == []

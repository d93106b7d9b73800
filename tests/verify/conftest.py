"""Two tenants with a long history."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import OTHER_TENANT, Clock, Connect, Shop

from .histories import live_through


@pytest.fixture
def both(shop: Shop, connect: Connect, db: psycopg.Connection, clock: Clock) -> list[Shop]:
    """Two tenants with the same history, which they lived through in turns."""
    shops = [shop, Shop(connect("app"), db, OTHER_TENANT)]
    live_through(shops, clock)
    for one in shops:
        assert one.differences() == []
    return shops


@pytest.fixture
def old(both: list[Shop]) -> Shop:
    """One of the two."""
    return both[0]

"""From repeatable read on, a transaction that cannot see what another did to its order ends in 40001."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import TENANT, Connect, Shop, call

LEVELS = [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE]


@pytest.fixture(params=LEVELS, ids=lambda level: level.name.lower())
def stale(request: pytest.FixtureRequest, shop: Shop, connect: Connect) -> psycopg.Connection:
    """A transaction whose snapshot is taken before what the test does next; O1 has reserved 10 of 20."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": bin} for bin in ("A-1", "A-2")])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 10}])
    connection = connect("app", autocommit=False)
    connection.isolation_level = request.param
    connection.execute("select 1")
    return connection


def test_two_cannot_pin_the_same_promise(shop: Shop, stale: psycopg.Connection) -> None:
    shop.allocate("O1", removal="fifo")
    with pytest.raises(psycopg.errors.SerializationFailure):
        call(stale, "allocate", op_id="stale", order_ref="O1", removal="lifo", tenant=TENANT)
    assert sum(row["allocated"] for row in shop.view("bins", sku="APPLE")) == 10


def test_what_is_pinned_meanwhile_is_not_left_behind_by_a_release(shop: Shop, stale: psycopg.Connection) -> None:
    shop.allocate("O1")
    with pytest.raises(psycopg.errors.SerializationFailure):
        call(stale, "release", op_id="stale", order_ref="O1", tenant=TENANT)
    assert shop.differences() == []


def test_lines_added_meanwhile_keep_their_numbers(shop: Shop, stale: psycopg.Connection) -> None:
    shop.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    with pytest.raises(psycopg.errors.SerializationFailure):
        call(stale, "reserve", op_id="stale", order_ref="O1", lines=[{"sku": "APPLE", "qty": 2}], tenant=TENANT)
    assert [row["line"] for row in shop.view("reservations", order_ref="O1")] == [1, 2]

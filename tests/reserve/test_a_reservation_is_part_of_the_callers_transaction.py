"""Functions compose: an order and its promise commit together or not at all."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.support import Connect, Shop, columns, refused, unchanged


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in A-1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    return shop


def test_a_rolled_back_reservation_leaves_nothing(stocked: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), stocked.connection.transaction(force_rollback=True):
        stocked.reserve("O1", [{"sku": "APPLE", "qty": 4}])
        assert stocked.level("APPLE") == (10, 0, 4, 6)


def test_an_order_of_the_shop_and_its_promise_are_one(stocked: Shop, db: psycopg.Connection) -> None:
    db.execute("create table public.my_orders (ref text)")
    db.execute("grant insert on public.my_orders to test_app")
    with refused(db, "OS201"), stocked.connection.transaction():
        stocked.connection.execute("insert into public.my_orders values ('O1')")
        stocked.reserve("O1", [{"sku": "APPLE", "qty": 11}], on_shortage="error")
    with stocked.connection.transaction():
        stocked.connection.execute("insert into public.my_orders values ('O2')")
        stocked.reserve("O2", [{"sku": "APPLE", "qty": 9}], on_shortage="error")
    assert db.execute("select ref from public.my_orders").fetchall() == [("O2",)]
    assert columns(stocked.view("reservations"), "order_ref") == [("O2",)]


def test_promise_pin_and_shipment_in_one_transaction(stocked: Shop) -> None:
    with stocked.connection.transaction():
        stocked.reserve("O1", [{"sku": "APPLE", "qty": 4}])
        stocked.allocate("O1")
        stocked.ship("O1")
    assert stocked.entries("event_type", "reserved_delta", "allocated_delta", order_ref="O1") == [
        ("RESERVE", 4, 0),
        ("ALLOCATE", 0, 4),
        ("SHIP", -4, -4),
    ]
    assert stocked.level("APPLE") == (6, 0, 0, 6)
    assert stocked.differences() == []


def test_a_savepoint_undoes_one_of_two_orders(stocked: Shop) -> None:
    with stocked.connection.transaction():
        stocked.reserve("O1", [{"sku": "APPLE", "qty": 4}])
        with stocked.connection.transaction(force_rollback=True):
            stocked.reserve("O2", [{"sku": "APPLE", "qty": 6}])
        stocked.reserve("O3", [{"sku": "APPLE", "qty": 6}])
    assert columns(stocked.view("reservations"), "order_ref", "reserved") == [("O1", 4), ("O3", 6)]
    assert stocked.differences() == []


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_it_works_at_stricter_isolation_levels(stocked: Shop, connect: Connect, level: IsolationLevel) -> None:
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    strict = Shop(connection, stocked.db)
    assert columns(strict.reserve("O1", [{"sku": "APPLE", "qty": 6}]), "outcome") == [("reserved",)]
    assert columns(strict.reserve("O2", [{"sku": "APPLE", "qty": 6}]), "outcome", "available") == [("rejected", 4)]
    assert columns(strict.reserve("O1", [{"sku": "APPLE", "qty": 4}]), "line", "outcome") == [(2, "reserved")]
    connection.commit()
    assert stocked.level("APPLE") == (10, 0, 10, 0)
    assert stocked.differences() == []

"""A product's safety stock is kept out of promises at every warehouse, as soon as it is put."""

from __future__ import annotations

import psycopg
import pytest

from tests.concurrency.sessions import READ_COMMITTED, Session
from tests.support import Connect, Shop, columns, refused


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in London and 4 in Berlin."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    return shop


def test_levels_that_exist_change(stocked: Shop) -> None:
    stocked.put_products(lines=[{"sku": "APPLE", "safety_stock": 3}])
    assert stocked.level("APPLE", "LON") == (10, 0, 0, 7)
    assert stocked.level("APPLE", "BER") == (4, 0, 0, 1)
    stocked.put_products(lines=[{"sku": "APPLE", "safety_stock": 0}])
    assert stocked.level("APPLE", "BER") == (4, 0, 0, 4)
    assert stocked.differences() == []


def test_each_product_has_its_own(stocked: Shop) -> None:
    stocked.receive("LON", [{"sku": "RICE", "qty": 5}])
    stocked.put_products(lines=[{"sku": "APPLE", "safety_stock": 3}, {"sku": "RICE", "safety_stock": 1}])
    assert columns(stocked.view("stock"), "sku", "warehouse", "available") == [("APPLE", "BER", 1), ("APPLE", "LON", 7), ("RICE", "LON", 4)]
    assert stocked.differences() == []


def test_where_it_stays_the_same_nobody_who_sells_is_waited_for(stocked: Shop, connect: Connect, db: psycopg.Connection) -> None:
    with Session(connect(autocommit=False), db, READ_COMMITTED) as seller, Session(connect(autocommit=False), db, READ_COMMITTED) as clerk:
        seller.reserve("O1", [{"sku": "APPLE", "qty": 3}])
        clerk.unhindered("put_products", lines=[{"sku": "APPLE", "name": "Apples"}])
        clerk.commit()
        seller.commit()
    assert stocked.level("APPLE") == (10, 0, 3, 7)


def test_levels_that_come_later_begin_with_it(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "APPLE", "safety_stock": 3}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    assert shop.level("APPLE") == (10, 0, 0, 7)


def test_promises_made_before_stay(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 9}], warehouse="LON")
    stocked.put_products(lines=[{"sku": "APPLE", "safety_stock": 3}])
    assert stocked.level("APPLE", "LON") == (10, 0, 9, -2)
    assert columns(stocked.reserve("O2", [{"sku": "APPLE", "qty": 1}], warehouse="LON"), "outcome") == [("rejected",)]


def test_it_is_as_fine_as_the_product(shop: Shop, db: psycopg.Connection) -> None:
    shop.put_products(lines=[{"sku": "RICE", "safety_stock": 0.125}])
    with refused(db, "22023", line=1, key="safety_stock"):
        shop.put_products(lines=[{"sku": "RICE", "decimals": 2}])
    shop.put_products(lines=[{"sku": "RICE", "decimals": 2, "safety_stock": 0.12}])


def test_it_is_no_movement(stocked: Shop) -> None:
    stocked.put_products(lines=[{"sku": "APPLE", "safety_stock": 3}], op_id="put")
    assert stocked.entries("event_type", op_id="put") == []
    assert columns(stocked.view("stock"), "version") == [(1,), (1,)]


def test_each_product_gets_its_own(stocked: Shop) -> None:
    """Named in another order than they came to be, with one between them that is new."""
    stocked.receive("LON", [{"sku": "RICE", "qty": 5}])
    stocked.put_products(
        lines=[{"sku": "RICE", "safety_stock": 0.5}, {"sku": "TEA", "name": "Tea", "safety_stock": 7}, {"sku": "APPLE", "safety_stock": 3}]
    )
    assert columns(stocked.view("stock"), "sku", "warehouse", "safety_stock") == [("APPLE", "BER", 3), ("APPLE", "LON", 3), ("RICE", "LON", 0.5)]
    assert columns(stocked.view("products"), "sku", "safety_stock") == [("APPLE", 3), ("MILK", 0), ("OLD", 0), ("RICE", 0.5), ("TEA", 7)]
    assert stocked.differences() == []

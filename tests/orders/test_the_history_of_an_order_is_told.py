"""order_history: all entries about an order's units, oldest first, also from when they were a cart's."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import OTHER_TENANT, Connect, Shop, columns, fails, unchanged
from tests.waiting import backorder, let_wait


@pytest.fixture
def told(shop: Shop) -> Shop:
    """SALE: 3 of its 5 APPLE were a cart's, 2 of these waited; 1 was shipped, 1 released."""
    let_wait(shop)
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    backorder(shop, "OTHER", 1)
    backorder(shop, "CART", 3, ttl="1 hour")
    shop.cancel("OTHER")
    shop.confirm("CART", "SALE")
    backorder(shop, "SALE", 2)
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    shop.allocate("SALE")
    shop.ship("SALE", [{"line": 1, "qty": 1}])
    shop.release("SALE", [{"line": 1, "qty": 1}])
    return shop


def story(shop: Shop, order_ref: str) -> list[tuple[object, ...]]:
    names = ("event_type", "order_ref", "qty_delta", "reserved_delta", "allocated_delta", "backordered_delta")
    return columns(shop.order_history(order_ref), *names)


def test_it_begins_with_the_cart(told: Shop) -> None:
    entries = story(told, "SALE")
    assert entries[0][:2] == ("BACKORDER", "CART")
    assert {order for _, order, *_ in entries} == {"CART", "SALE"}
    assert sum(entry[5] for entry in entries) == sum(row["qty"] for row in told.view("backorders", order_ref="SALE"))
    assert sum(entry[3] for entry in entries) == sum(row["reserved"] for row in told.view("reservations", order_ref="SALE"))
    assert sum(-entry[2] for entry in entries if entry[0] == "SHIP") == 1


def test_rows_are_those_of_the_ledger(told: Shop) -> None:
    history = told.order_history("SALE")
    ids = [row["entry_id"] for row in history]
    assert ids == sorted(set(ids))
    assert history == [row for row in sorted(told.view("ledger"), key=lambda row: row["entry_id"]) if row["entry_id"] in ids]


def test_a_cart_that_became_another_order_has_nothing_left_to_tell(told: Shop) -> None:
    assert story(told, "CART") == []


def test_other_orders_tell_their_own(told: Shop) -> None:
    assert story(told, "OTHER") == [("RESERVE", "OTHER", 0, 1, 0, 0), ("RELEASE", "OTHER", 0, -1, 0, 0)]


def test_nothing_is_written(told: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), told.connection.transaction():
        told.connection.execute("set transaction read only")
        assert len(told.order_history(" SALE ")) > 5


def test_an_order_must_be_known(told: Shop, db: psycopg.Connection, connect: Connect) -> None:
    with unchanged(db):
        with fails("OS301", order_ref="NOBODY"):
            told.order_history("NOBODY")
        for order_ref in ("", None, "x" * 65):
            with fails("22023", argument="order_ref"):
                told.order_history(order_ref)
        with fails("OS301", order_ref="SALE"):
            Shop(connect("app"), db, OTHER_TENANT).order_history("SALE")

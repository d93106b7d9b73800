"""Whom nothing can be given now is left alone: no operation begins for him, nothing is booked for him, and he takes nobody's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.channels import buy, keep, open_channels
from tests.support import Clock, Shop, columns, day, unchanged
from tests.waiting import backorder, filled, let_wait, queue


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """Nothing is in stock, orders may wait for APPLE and RICE, and there are three channels; in the end all is as verify wants it."""
    for sku in ("APPLE", "RICE"):
        let_wait(shop, sku)
    yield open_channels(shop)
    assert shop.differences() == []


def receive(shop: Shop, qty: float, warehouse: str = "LON", sku: str = "APPLE") -> None:
    """Goods in that nobody is given yet."""
    shop.receive(warehouse, [{"sku": sku, "qty": qty}], fill_backorders=False)


def waited_once(shop: Shop) -> None:
    buy(shop, "WEB", 1, "WEB", on_shortage="backorder")
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])


def only_holds(shop: Shop) -> None:
    buy(shop, "WEB", 1, "WEB", on_shortage="backorder", ttl="1 day")


def waits_elsewhere(shop: Shop) -> None:
    buy(shop, "WEB", 1, "WEB", on_shortage="backorder", warehouse="BER")


def waits_for_another_product(shop: Shop) -> None:
    buy(shop, "WEB", 1, "WEB", "RICE", on_shortage="backorder")


Situation = Callable[[Shop], None]


@pytest.mark.parametrize("web", [waited_once, only_holds, waits_elsewhere, waits_for_another_product])
def test_what_is_kept_for_a_channel_begins_nothing_where_nobody_waits_through_it(shop: Shop, db: psycopg.Connection, web: Situation) -> None:
    web(shop)
    backorder(shop, "FIRST", 2)
    receive(shop, 5)
    keep(shop, "WEB", 5)
    with unchanged(db):
        assert shop.fill_backorders(op_id=None) == []


@pytest.mark.parametrize("web", [waited_once, only_holds, waits_for_another_product])
def test_ended_holds_of_a_channel_that_nobody_waits_through_are_not_booked(shop: Shop, clock: Clock, web: Situation) -> None:
    web(shop)
    backorder(shop, "FIRST", 2)
    receive(shop, 6)
    keep(shop, "WEB", 3)
    buy(shop, "CART", 3, "WEB", ttl="1 hour")
    clock.advance(hours=1)
    assert filled(shop.fill_backorders()) == [("FIRST", 1, "LON", "filled", 2)]
    assert shop.entries("order_ref", event_type="EXPIRE") == []


def test_stock_of_a_product_that_nobody_waits_for_begins_nothing(shop: Shop, db: psycopg.Connection) -> None:
    """Nobody waits any more for apples, and there is no rice for who waits for that."""
    backorder(shop, "FIRST", 2)
    receive(shop, 9)
    shop.fill_backorders()
    backorder(shop, "SECOND", 1, "RICE")
    shop.receive("LON", [{"sku": "RICE", "qty": 1, "status": "damaged"}])
    with unchanged(db):
        assert shop.fill_backorders(op_id=None) == []


def test_what_is_due_of_products_that_nobody_waits_for_is_not_booked(shop: Shop, clock: Clock) -> None:
    backorder(shop, "APPLES", 1, ttl="1 hour")
    backorder(shop, "RICE", 1, "RICE", ttl="1 hour")
    backorder(shop, "FIRST", 1)
    receive(shop, 1)
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2)}])
    clock.advance(days=4)
    shop.fill_backorders(op_id="fill")
    assert sorted(shop.entries("event_type", "order_ref", "sku", op_id="fill")) == [
        ("BACKORDER", "FIRST", "APPLE"),
        ("EXPIRE", "APPLES", "APPLE"),
        ("RESERVE", "FIRST", "APPLE"),
    ]


def test_a_hold_that_waits_takes_neither_units_nor_a_place(shop: Shop) -> None:
    backorder(shop, "CART", 1, ttl="1 hour")
    backorder(shop, "FIRST", 1)
    receive(shop, 1)
    assert filled(shop.fill_backorders(max_rows=1)) == [("FIRST", 1, "LON", "filled", 1)]


def test_who_was_filled_takes_no_place(shop: Shop) -> None:
    for number in range(3):
        backorder(shop, f"O{number}", 1)
        receive(shop, 1)
        assert filled(shop.fill_backorders(max_rows=1)) == [(f"O{number}", 1, "LON", "filled", 1)]


def test_who_waits_for_a_warehouse_that_has_nothing_takes_no_place(shop: Shop) -> None:
    receive(shop, 1, "BER")
    shop.adjust("BER", [{"sku": "APPLE", "qty": -1}], reason="lost")
    backorder(shop, "BERLIN", 1, warehouse="BER")
    backorder(shop, "FIRST", 1)
    receive(shop, 9)
    assert filled(shop.fill_backorders(max_rows=1)) == [("FIRST", 1, "LON", "filled", 1)]


def test_who_may_not_have_what_is_kept_takes_no_place_whatever_there_is_of_other_products(shop: Shop) -> None:
    backorder(shop, "FIRST", 1)
    buy(shop, "WEB", 1, "WEB", on_shortage="backorder")
    backorder(shop, "GRAINS", 1, "RICE")
    receive(shop, 3)
    keep(shop, "WEB", 3)
    receive(shop, 3, sku="RICE")
    assert columns(shop.fill_backorders(max_rows=2), "order_ref") == [("WEB",), ("GRAINS",)]


def test_lines_of_one_order_count_each_for_itself(shop: Shop) -> None:
    backorder(shop, "FIRST", 2)
    backorder(shop, "FIRST", 3)
    receive(shop, 9)
    assert filled(shop.fill_backorders(max_rows=1)) == [("FIRST", 1, "LON", "filled", 2)]
    assert queue(shop) == [("FIRST", None, 3)]


def test_each_product_fills_those_who_wait_for_it(shop: Shop) -> None:
    """Whatever there is of the other."""
    backorder(shop, "APPLES", 5)
    backorder(shop, "GRAINS", 5, "RICE")
    receive(shop, 2)
    receive(shop, 3, sku="RICE")
    shop.fill_backorders()
    assert (queue(shop), queue(shop, "RICE")) == ([("APPLES", None, 3)], [("GRAINS", None, 2)])

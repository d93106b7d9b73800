"""DETAIL's line is the place of an entry in the call, order_line the number of the order's line that it names, sku what it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused

FINE = {"line": 3, "qty": 1}

CALLS: dict[str, tuple[Callable[[Shop, list[dict[str, Any]]], object], dict[str, Any]]] = {
    "release": (lambda shop, lines: shop.release("O1", lines), {"asked": 9, "reserved": 4}),
    "ship": (lambda shop, lines: shop.ship("O1", lines), {"asked": 9, "reserved": 4}),
    "deallocate": (lambda shop, lines: shop.deallocate("O1", lines), {"asked": 9, "allocated": 4}),
    "short_pick": (
        lambda shop, lines: shop.short_pick("O1", [line | {"location": "A-1"} for line in lines]),
        {"asked": 9, "allocated": 4, "location": "A-1"},
    ),
}


@pytest.fixture
def order(shop: Shop) -> Shop:
    """Order O1, all of it pinned to bin A-1: line 7 is 4 APPLE, line 3 is 2 RICE."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "RICE", "qty": 10, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4, "line": 7}, {"sku": "RICE", "qty": 2, "line": 3}])
    shop.allocate("O1")
    return shop


@pytest.mark.parametrize("function", CALLS)
def test_a_line_that_has_less_is_told_by_place_and_number(order: Shop, db: psycopg.Connection, function: str) -> None:
    call, detail = CALLS[function]
    with refused(db, "OS303") as refusal:
        call(order, [FINE, {"line": 7, "qty": 9}])
    assert refusal.detail == {"order_ref": "O1", "line": 2, "order_line": 7, **detail}


@pytest.mark.parametrize("function", CALLS)
def test_who_names_a_product_is_told_the_product(order: Shop, db: psycopg.Connection, function: str) -> None:
    call, detail = CALLS[function]
    with refused(db, "OS303") as refusal:
        call(order, [FINE, {"sku": " APPLE ", "qty": 9}])
    assert refusal.detail == {"order_ref": "O1", "line": 2, "sku": "APPLE", **detail}


@pytest.mark.parametrize("function", CALLS)
def test_other_errors_of_an_entry_tell_both_too(order: Shop, db: psycopg.Connection, function: str) -> None:
    call, _ = CALLS[function]
    with refused(db, "OS110") as refusal:
        call(order, [FINE, {"line": 7, "sku": "APPLE", "qty": 0.5}])
    assert refusal.detail == {"line": 2, "order_line": 7, "sku": "APPLE", "problem": "must have at most 0 decimals"}


def test_less_than_was_shipped_is_told_by_place_and_number(order: Shop, db: psycopg.Connection) -> None:
    order.ship("O1", [{"line": 7, "qty": 3}])
    with refused(db, "OS303") as refusal:
        order.amend("O1", [FINE, {"line": 7, "qty": 2}])
    assert refusal.detail == {"order_ref": "O1", "line": 2, "order_line": 7, "asked": 2, "shipped": 3}


def test_pieces_that_a_line_has_no_room_for_are_told_by_place_and_number(order: Shop, db: psycopg.Connection) -> None:
    order.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    order.receive("LON", [{"sku": "PHONE", "serials": ["P1", "P2"]}])
    order.reserve("O1", [{"sku": "PHONE", "qty": 1, "line": 9}])
    with refused(db, "OS303") as refusal:
        order.ship("O1", [FINE, {"line": 9, "serials": ["P1", "P2"]}])
    assert refusal.detail.items() >= {"line": 2, "order_line": 9, "asked": 2, "reserved": 1}.items()


def test_a_line_of_kits_is_told_by_place_and_number(order: Shop, db: psycopg.Connection) -> None:
    order.put_products(lines=[{"sku": "HAMPER", "name": "Hamper"}])
    order.put_kits(lines=[{"sku": "HAMPER", "components": [{"sku": "APPLE", "qty": 2}, {"sku": "RICE", "qty": 1}]}])
    order.reserve("O1", [{"sku": "HAMPER", "qty": 2, "line": 8}])
    with refused(db, "OS303") as refusal:
        order.release("O1", [{"line": 8, "qty": 3}])
    assert refusal.detail == {"order_ref": "O1", "line": 1, "order_line": 8, "asked": 3, "reserved": 2}
    with refused(db, "OS110") as refusal:
        order.release("O1", [FINE, {"line": 8, "qty": 0.5}])
    assert refusal.detail.items() >= {"line": 2, "order_line": 8, "sku": "HAMPER"}.items()


@pytest.mark.parametrize("function", ["reserve", "amend"])
def test_a_new_line_is_told_by_place_and_the_number_it_asks_for(order: Shop, db: psycopg.Connection, function: str) -> None:
    with refused(db, "OS101") as refusal:
        getattr(order, function)("O1", [{"sku": "APPLE", "qty": 4}, {"line": 12, "sku": "PEAR", "qty": 1}])
    assert refusal.detail == {"line": 2, "order_line": 12, "sku": "PEAR"}


def test_a_number_that_is_taken_is_the_orders_line(order: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS304") as refusal:
        order.reserve("O1", [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 1, "line": 7}])
    assert refusal.detail == {"order_ref": "O1", "order_line": 7}


def test_a_line_that_stays_pinned_is_the_orders_line(order: Shop, db: psycopg.Connection) -> None:
    order.reserve("O1", [{"sku": "APPLE", "qty": 1, "location": "A-1", "line": 5}], warehouse="LON")
    with refused(db, "22023") as refusal:
        order.deallocate("O1", [FINE, {"line": 5}])
    assert "line" not in refusal.detail
    assert refusal.detail["order_line"] == 5

"""A cart that became an order is over: every function says which order it became."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.holds import parts
from tests.support import Clock, Shop, columns, refused


@pytest.fixture
def sold(shop: Shop) -> Shop:
    """10 APPLE in London: CART held 3 of them, and became SALE."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.confirm("CART", "SALE")
    return shop


CALLS: dict[str, dict[str, Any]] = {
    "reserve": {"lines": [{"sku": "APPLE", "qty": 1}]},
    "extend": {"ttl": "1 hour"},
    "confirm": {},
    "cancel": {},
    "release": {},
    "allocate": {},
    "deallocate": {},
    "short_pick": {"lines": [{"sku": "APPLE", "location": "DEFAULT", "qty": 1}]},
    "ship": {},
}


@pytest.mark.parametrize("function", CALLS)
def test_every_function_says_what_became_of_it(sold: Shop, db: psycopg.Connection, function: str) -> None:
    with refused(db, "OS302", order_ref="CART", became="SALE"):
        getattr(sold, function)("CART", **CALLS[function])


@pytest.mark.parametrize("function", [name for name in CALLS if name != "reserve"])
def test_also_after_the_order_is_done(sold: Shop, db: psycopg.Connection, function: str) -> None:
    sold.ship("SALE")
    with refused(db, "OS302", order_ref="CART", became="SALE"):
        getattr(sold, function)("CART", **CALLS[function])


@pytest.mark.parametrize(
    "again", [{}, {"new_order_ref": "SALE"}, {"new_order_ref": "OTHER"}, {"on_expired": "skip"}], ids=str
)
def test_it_cannot_be_confirmed_again(sold: Shop, db: psycopg.Connection, again: dict[str, str]) -> None:
    with refused(db, "OS302", order_ref="CART", became="SALE"):
        sold.confirm("CART", **again)


def test_a_long_order_is_refused_before_stock_is_looked_for(sold: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS302", order_ref="CART", became="SALE"):
        sold.reserve("CART", [{"sku": "APPLE", "qty": 1000}], ttl="1 hour")


@pytest.mark.parametrize("booked", [False, True])
def test_what_of_it_had_ended_stays_with_it(shop: Shop, db: psycopg.Connection, clock: Clock, booked: bool) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2}], ttl="3 hours")
    clock.advance(hours=2)
    if booked:
        shop.expire_reservations()
    assert columns(shop.confirm("CART", "SALE", on_expired="skip"), "order_ref", "line", "qty_reserved") == [
        ("SALE", 1, 2)
    ]
    assert parts(shop, "CART") == [(1, "LON", 0, 0, 0, 0, 1)]
    for function, arguments in CALLS.items():
        with refused(db, "OS302", order_ref="CART", became="SALE"):
            getattr(shop, function)("CART", **arguments)
    shop.expire_reservations()
    assert parts(shop, "CART") == [(1, "LON", 0, 0, 0, 0, 1)]
    assert shop.differences() == []


def test_a_cart_with_promises_without_end_stays_open_for_them(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 1}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2}], ttl="1 hour")
    assert columns(shop.confirm("CART", "SALE"), "order_ref", "line", "qty_reserved") == [("SALE", 1, 2)]
    assert parts(shop, "CART") == [(1, "LON", 1, 0, 0, 0, 0)]
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    assert columns(shop.confirm("CART", "SALE"), "order_ref", "line", "qty_reserved") == [("SALE", 2, 3)]
    shop.ship("CART")
    shop.ship("SALE")
    assert shop.level("APPLE") == (4, 0, 0, 4)
    assert shop.differences() == []


def test_what_was_shipped_of_the_cart_goes_along_with_its_line(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 5}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 4}, {"sku": "RICE", "qty": 1}], ttl="1 hour")
    shop.ship("CART", [{"sku": "APPLE", "qty": 1}])
    shop.ship("CART", [{"sku": "RICE"}])
    answer = shop.confirm("CART", "SALE")
    assert columns(answer, "line", "sku", "qty_ordered", "qty_reserved") == [(1, "APPLE", 4, 3)]
    assert parts(shop, "SALE") == [(1, "LON", 3, 0, 1, 0, 0)]
    assert parts(shop, "CART") == [(2, "LON", 0, 0, 1, 0, 0)]
    shop.ship("SALE")
    assert shop.differences() == []


def test_an_order_that_is_done_did_not_become_what_another_became(sold: Shop, db: psycopg.Connection) -> None:
    sold.reserve("PHONED", [{"sku": "APPLE", "qty": 1}])
    sold.ship("PHONED")
    with refused(db, "OS302", order_ref="PHONED") as refusal:
        sold.ship("PHONED")
    assert "became" not in refusal.detail

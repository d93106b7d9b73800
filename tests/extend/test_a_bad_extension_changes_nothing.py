"""Only holds that have not ended can be extended."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Clock, Shop, refused


@pytest.fixture
def cart(shop: Shop) -> Shop:
    """10 APPLE in London: CART holds 3 for an hour."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    return shop


@pytest.mark.parametrize("ttl", ["0", "-1 hour", "3653 days 1 microsecond", "1 mon", "1 year", None])
def test_a_bad_ttl_is_named(cart: Shop, db: psycopg.Connection, ttl: str | None) -> None:
    with refused(db, "22023", argument="ttl"):
        cart.extend("CART", ttl)


@pytest.mark.parametrize("order_ref", [None, "", "O" * 65, "a\nb"])
def test_a_bad_order_is_named(cart: Shop, db: psycopg.Connection, order_ref: str | None) -> None:
    with refused(db, "22023", argument="order_ref"):
        cart.extend(order_ref, "1 hour")


def test_an_unknown_order_is_refused(cart: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS301", order_ref="OTHER"):
        cart.extend("OTHER", "1 hour")


def test_promises_without_end_are_no_holds(cart: Shop, db: psycopg.Connection) -> None:
    cart.reserve("ORDER", [{"sku": "APPLE", "qty": 1}])
    with refused(db, "OS306", order_ref="ORDER", expired=[]):
        cart.extend("ORDER", "1 hour")


def test_nor_are_they_where_holds_have_ended(cart: Shop, db: psycopg.Connection, clock: Clock) -> None:
    cart.reserve("CART", [{"sku": "APPLE", "qty": 1}])
    clock.advance(hours=2)
    with refused(db, "OS306", order_ref="CART") as refusal:
        cart.extend("CART", "1 hour")
    assert [(row["line"], row["qty_released"]) for row in refusal.detail["expired"]] == [(1, 3)]


@pytest.mark.parametrize("finish", ["ship", "release", "cancel"])
def test_nothing_is_held_when_all_is_gone(cart: Shop, db: psycopg.Connection, finish: str) -> None:
    getattr(cart, finish)("CART")
    with refused(db, "OS302", order_ref="CART"):
        cart.extend("CART", "1 hour")


@pytest.mark.parametrize("booked", [False, True])
def test_a_hold_that_has_ended_is_over(cart: Shop, db: psycopg.Connection, clock: Clock, booked: bool) -> None:
    clock.advance(hours=2)
    if booked:
        cart.expire_reservations()
    with refused(db, "OS305", order_ref="CART", expired=3):
        cart.extend("CART", "1 hour")


def test_a_confirmed_order_is_not_held(cart: Shop, db: psycopg.Connection) -> None:
    cart.confirm("CART")
    with refused(db, "OS306", order_ref="CART"):
        cart.extend("CART", "1 hour")

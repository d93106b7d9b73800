"""Arguments of confirm, and orders that have no hold."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Shop, refused


@pytest.fixture
def cart(shop: Shop) -> Shop:
    """10 APPLE in London: CART holds 3 for an hour."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    return shop


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("order_ref", None),
        ("order_ref", ""),
        ("order_ref", "O" * 65),
        ("new_order_ref", ""),
        ("new_order_ref", "  "),
        ("new_order_ref", "O" * 65),
        ("new_order_ref", "a\u0007b"),
        ("on_expired", ""),
        ("on_expired", "SKIP"),
        ("on_expired", "ignore"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_bad_argument_is_named(cart: Shop, db: psycopg.Connection, argument: str, value: str | None) -> None:
    with refused(db, "22023", argument=argument):
        cart.confirm(**{"order_ref": "CART"} | {argument: value})


def test_an_unknown_order_is_refused(cart: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS301", order_ref="OTHER"):
        cart.confirm("OTHER")
    with refused(db, "OS301", order_ref="OTHER"):
        cart.confirm("OTHER", "CART")


def test_promises_without_end_are_no_holds(cart: Shop, db: psycopg.Connection) -> None:
    cart.reserve("ORDER", [{"sku": "APPLE", "qty": 1}])
    for new in (None, "SALE", "CART"):
        with refused(db, "OS306", order_ref="ORDER", expired=[]):
            cart.confirm("ORDER", new)


@pytest.mark.parametrize("finish", ["ship", "release", "cancel"])
def test_nothing_is_held_when_all_is_gone(cart: Shop, db: psycopg.Connection, finish: str) -> None:
    cart.reserve("ORDER", [{"sku": "APPLE", "qty": 1}])
    for order_ref in ("CART", "ORDER"):
        getattr(cart, finish)(order_ref)
        for new in (None, "SALE"):
            with refused(db, "OS302", order_ref=order_ref):
                cart.confirm(order_ref, new)


def test_a_confirmation_is_part_of_the_callers_transaction(cart: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS301"), cart.connection.transaction():
        cart.confirm("CART", "SALE")
        cart.ship("SALE")
        cart.ship("OTHER")
    with cart.connection.transaction():
        cart.confirm("CART", "SALE")
        cart.ship("SALE")
    assert cart.level("APPLE") == (7, 0, 0, 7)
    assert cart.differences() == []

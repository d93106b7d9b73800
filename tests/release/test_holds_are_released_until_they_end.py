"""A hold is given back like any promise until it ends; then there is nothing to give back."""

from __future__ import annotations

import psycopg
import pytest

from tests.holds import end_of, parts, stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns, refused


@pytest.fixture
def cart(shop: Shop) -> Shop:
    """10 APPLE in London: CART holds 3 (line 1, pinned) for one hour and 2 (line 2) for three."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.allocate("CART")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2}], ttl="3 hours")
    return shop


def test_a_hold_is_given_back_until_its_last_microsecond(cart: Shop, clock: Clock) -> None:
    end = end_of(cart, "CART")
    stop_before_the_end(clock, cart, "CART")
    answer = cart.release("CART", [{"line": 1, "qty": 2}])
    assert columns(answer, "outcome", "qty_reserved", "qty_released", "expires_at") == [("released", 1, 2, end)]
    assert cart.level("APPLE") == (10, 0, 3, 7)
    clock.stop(end)
    assert parts(cart, "CART") == [(1, "LON", 0, 0, 0, 2, 1), (2, "LON", 2, 0, 0, 0, 0)]
    assert cart.differences() == []


@pytest.mark.parametrize("booked", [False, True])
def test_at_its_end_there_is_nothing_to_give_back(
    cart: Shop, db: psycopg.Connection, clock: Clock, booked: bool
) -> None:
    stop_at_the_end(clock, cart, "CART")
    if booked:
        cart.expire_reservations()
    with refused(db, "OS303", line=1, order_ref="CART", reserved=0):
        cart.release("CART", [{"line": 1}])
    with refused(db, "OS303", line=1, order_ref="CART", asked=4, reserved=2):
        cart.release("CART", [{"sku": "APPLE", "qty": 4}])
    assert columns(cart.release("CART"), "line", "qty_released") == [(2, 2)]
    assert cart.level("APPLE") == (10, 0, 0, 10)
    assert parts(cart, "CART") == [(1, "LON", 0, 0, 0, 0, 3), (2, "LON", 0, 0, 0, 2, 0)]
    assert cart.differences() == []


def test_when_all_of_it_has_ended_nothing_is_given_back(cart: Shop, db: psycopg.Connection, clock: Clock) -> None:
    clock.advance(hours=4)
    with refused(db, "OS305", order_ref="CART", expired=5):
        cart.release("CART")
    with refused(db, "OS305", order_ref="CART", expired=5):
        cart.release("CART", [{"line": 2}])

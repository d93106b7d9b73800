"""confirm(order_ref): what is held stays promised until it is shipped or released."""

from __future__ import annotations

import psycopg
import pytest

from tests.holds import booked, end_of, parts, stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns, fails, refused, unchanged


@pytest.fixture
def cart(shop: Shop) -> Shop:
    """10 APPLE and 5 RICE in London, 4 APPLE in Berlin: CART holds 12 APPLE (line 1) and 2 RICE for an hour."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "RICE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 12}, {"sku": "RICE", "qty": 2}], ttl="1 hour")
    return shop


def test_every_line_and_warehouse_is_confirmed(cart: Shop) -> None:
    levels = cart.view("stock")
    answer = cart.confirm("CART", op_id="buy")
    names = ("order_ref", "line", "sku", "warehouse", "outcome", "qty_ordered", "qty_reserved", "qty_short")
    assert columns(answer, *names) == [
        ("CART", 1, "APPLE", "LON", "confirmed", 10, 10, 0),
        ("CART", 1, "APPLE", "BER", "confirmed", 2, 2, 0),
        ("CART", 2, "RICE", "LON", "confirmed", 2, 2, 0),
    ]
    names = ("qty_released", "expires_at", "on_hand", "blocked", "reserved", "available", "replayed")
    assert set(columns(answer, *names)) == {(0, None, None, None, None, None, False)}
    assert {row["expires_at"] for row in cart.view("reservations")} == {None}
    assert cart.view("stock") == levels
    names = ("line", "event_type", "order_ref", "reserved_delta", "reserved_after", "expires_at", "reference")
    assert cart.entries(*names, op_id="buy", sku="RICE") == [(2, "CONFIRM", "CART", 0, None, None, None)]
    assert cart.differences() == []


def test_it_has_no_end_any_more(cart: Shop, clock: Clock) -> None:
    cart.confirm("CART")
    clock.advance(days=1000)
    assert cart.level("RICE") == (5, 0, 2, 3)
    assert columns(cart.reserve("NEW", [{"sku": "RICE", "qty": 4}]), "outcome", "available") == [("rejected", 3)]
    assert cart.expire_reservations() == []
    assert booked(cart) == []
    assert cart.differences() == []


def test_pins_stay(cart: Shop) -> None:
    cart.allocate("CART")
    before = parts(cart, "CART")
    cart.confirm("CART", op_id="buy")
    assert parts(cart, "CART") == before
    assert cart.entries("event_type", event_type="DEALLOCATE") == []
    assert columns(cart.ship("CART", [{"sku": "RICE"}]), "qty") == [(2,)]
    assert cart.differences() == []


def test_it_may_be_confirmed_until_the_last_microsecond(cart: Shop, db: psycopg.Connection, clock: Clock) -> None:
    stop_at_the_end(clock, cart, "CART")
    with refused(db, "OS305", order_ref="CART", expired=14):
        cart.confirm("CART")
    stop_before_the_end(clock, cart, "CART")
    assert {row["outcome"] for row in cart.confirm("CART")} == {"confirmed"}


def test_an_extended_hold_is_confirmed_after_its_first_end(cart: Shop, clock: Clock) -> None:
    first = end_of(cart, "CART")
    cart.extend("CART", "2 hours")
    clock.stop(first)
    assert len(cart.confirm("CART")) == 3


def test_promises_without_end_stay_what_they_are(cart: Shop) -> None:
    cart.reserve("CART", [{"sku": "RICE", "qty": 1}])
    assert [row["line"] for row in cart.confirm("CART", op_id="buy")] == [1, 1, 2]
    assert [line for (line,) in cart.entries("line", op_id="buy", sku="RICE")] == [2]
    assert cart.differences() == []


def test_what_was_shipped_and_released_before_stays_so(cart: Shop) -> None:
    cart.ship("CART", [{"line": 1, "warehouse": "LON", "qty": 3}])
    cart.release("CART", [{"line": 1, "warehouse": "LON", "qty": 1}])
    cart.ship("CART", [{"sku": "RICE"}])
    assert columns(cart.confirm("CART"), "line", "warehouse", "qty_ordered", "qty_reserved") == [
        (1, "LON", 10, 6),
        (1, "BER", 2, 2),
    ]
    assert parts(cart, "CART") == [(1, "BER", 2, 0, 0, 0, 0), (1, "LON", 6, 0, 3, 1, 0), (2, "LON", 0, 0, 2, 0, 0)]
    assert cart.differences() == []


def test_more_can_be_reserved_afterwards(cart: Shop) -> None:
    cart.confirm("CART")
    assert columns(cart.reserve("CART", [{"sku": "RICE", "qty": 1}], ttl="1 hour"), "line") == [(3,)]
    assert columns(cart.confirm("CART"), "line", "outcome") == [(3, "confirmed")]


def test_it_is_confirmed_once(cart: Shop, db: psycopg.Connection) -> None:
    first = cart.confirm("CART", op_id="buy")
    with unchanged(db):
        assert cart.confirm("CART", op_id="buy") == [row | {"replayed": True} for row in first]
        with fails("OS306", order_ref="CART", expired=[]):
            cart.confirm("CART")


def test_into_itself_is_not_into_another(cart: Shop) -> None:
    answer = cart.confirm("CART", " CART ")
    assert {row["order_ref"] for row in answer} == {"CART"}
    assert [row["line"] for row in answer] == [1, 1, 2]
    assert {reference for (reference,) in cart.entries("reference", event_type="CONFIRM")} == {None}
    cart.ship("CART")
    assert cart.differences() == []

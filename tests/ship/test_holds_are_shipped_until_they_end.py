"""A hold may be shipped as it is, until it ends; pins of holds that have ended keep no units from others."""

from __future__ import annotations

import psycopg
import pytest

from tests.holds import booked, parts, stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns, day, refused


@pytest.fixture
def cart(shop: Shop) -> Shop:
    """10 APPLE in London: CART holds 3 (line 1) for one hour and 2 (line 2) for three."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2}], ttl="3 hours")
    return shop


@pytest.mark.parametrize("allocated", [False, True])
def test_a_hold_is_shipped_like_any_promise(cart: Shop, clock: Clock, allocated: bool) -> None:
    if allocated:
        cart.allocate("CART")
    stop_before_the_end(clock, cart, "CART")
    assert columns(cart.ship("CART"), "line", "qty") == [(1, 3), (2, 2)]
    assert cart.level("APPLE") == (5, 0, 0, 5)
    clock.advance(hours=9)
    assert parts(cart, "CART") == [(1, "LON", 0, 0, 3, 0, 0), (2, "LON", 0, 0, 2, 0, 0)]
    assert cart.differences() == []


@pytest.mark.parametrize("booked", [False, True])
def test_at_its_end_it_is_not_shipped(cart: Shop, db: psycopg.Connection, clock: Clock, booked: bool) -> None:
    cart.allocate("CART")
    stop_at_the_end(clock, cart, "CART")
    if booked:
        cart.expire_reservations()
    with refused(db, "OS303", line=1, order_ref="CART", asked=None, reserved=0):
        cart.ship("CART", [{"line": 1}])
    with refused(db, "OS303", line=1, order_ref="CART", asked=3, reserved=2):
        cart.ship("CART", [{"sku": "APPLE", "qty": 3}])
    assert columns(cart.ship("CART"), "line", "qty") == [(2, 2)]
    assert cart.level("APPLE") == (8, 0, 0, 8)
    assert cart.differences() == []


def test_when_all_of_it_has_ended_nothing_is_shipped(cart: Shop, db: psycopg.Connection, clock: Clock) -> None:
    clock.advance(hours=4)
    with refused(db, "OS305", order_ref="CART", expired=5):
        cart.ship("CART")
    with refused(db, "OS305", order_ref="CART", expired=5):
        cart.ship("CART", [{"line": 2}])


def test_what_was_shipped_in_time_is_not_expired(cart: Shop, clock: Clock) -> None:
    cart.ship("CART", [{"line": 1, "qty": 2}])
    clock.advance(hours=2)
    assert parts(cart, "CART") == [(1, "LON", 0, 0, 2, 0, 1), (2, "LON", 2, 0, 0, 0, 0)]
    assert cart.level("APPLE") == (8, 0, 2, 6)


@pytest.fixture
def crowded(shop: Shop, clock: Clock) -> Shop:
    """5 APPLE, promised to ORDER, are left after a loss; OLD and YOUNG held 5, have ended, and keep 2 and 3 pinned."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": bin} for bin in ("A-1", "A-2")])
    shop.reserve("YOUNG", [{"sku": "APPLE", "qty": 3}], ttl="2 hours")
    shop.reserve("OLD", [{"sku": "APPLE", "qty": 2}], ttl="1 hour")
    shop.allocate("OLD")
    shop.allocate("YOUNG")
    shop.reserve("ORDER", [{"sku": "APPLE", "qty": 5}])
    shop.adjust("LON", [{"sku": "APPLE", "qty": -5, "location": "A-2"}], reason="lost")
    clock.advance(hours=3)
    return shop


def test_units_that_ended_holds_keep_pinned_are_shipped(crowded: Shop) -> None:
    assert columns(crowded.view("bins"), "location", "on_hand", "allocated") == [("A-1", 5, 0)]
    assert columns(crowded.ship("ORDER", op_id="ship"), "location", "qty") == [("A-1", 5)]
    assert sorted(booked(crowded, op_id="ship")) == [
        (0, "DEALLOCATE", "OLD", "APPLE", "LON", 0, -2, "expired"),
        (0, "DEALLOCATE", "YOUNG", "APPLE", "LON", 0, -3, "expired"),
        (0, "EXPIRE", "OLD", "APPLE", "LON", -2, 0, "expired"),
        (0, "EXPIRE", "YOUNG", "APPLE", "LON", -3, 0, "expired"),
    ]
    assert crowded.level("APPLE") == (0, 0, 0, 0)
    assert crowded.differences() == []


def test_the_longest_ended_gives_way_first(crowded: Shop) -> None:
    crowded.ship("ORDER", [{"line": 1, "qty": 2}])
    assert [order_ref for _, event_type, order_ref, *_ in booked(crowded) if event_type == "EXPIRE"] == ["OLD"]
    assert crowded.differences() == []


def test_nothing_is_booked_where_bins_have_enough(cart: Shop, clock: Clock) -> None:
    cart.allocate("CART")
    cart.reserve("ORDER", [{"sku": "APPLE", "qty": 5}])
    clock.advance(hours=9)
    cart.ship("ORDER")
    assert booked(cart) == []
    assert cart.differences() == []


def test_who_is_short_all_the_same_changes_nothing(crowded: Shop, db: psycopg.Connection) -> None:
    crowded.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-1"}], reason="lost")
    with refused(db, "OS201", order_ref="ORDER", lines=[{"line": 1, "sku": "APPLE", "warehouse": "LON", "qty": 5, "in_bins": 4}]):
        crowded.ship("ORDER")
    crowded.ship("ORDER", [{"line": 1, "qty": 4}])
    assert crowded.differences() == []


@pytest.mark.parametrize("function", ["ship", "allocate"])
def test_pins_in_a_lot_that_expired_free_nothing(shop: Shop, clock: Clock, function: str) -> None:
    """OLD keeps 5 of a lot pinned that expires, so that only what YOUNG keeps pinned, ended too, can be shipped."""
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "SOON", "expires_on": day(2)}])
    shop.reserve("OLD", [{"sku": "MILK", "qty": 5}], ttl="1 hour")
    shop.allocate("OLD")
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "LATE", "expires_on": day(40)}])
    shop.reserve("YOUNG", [{"sku": "MILK", "qty": 5}], ttl="2 hours")
    shop.allocate("YOUNG")
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "GONE"}])
    shop.reserve("ORDER", [{"sku": "MILK", "qty": 5}])
    shop.adjust("LON", [{"sku": "MILK", "qty": -5, "lot": "GONE"}], reason="spilt")
    clock.advance(days=4)
    assert shop.level("MILK") == (10, 5, 5, 0)
    assert columns(getattr(shop, function)("ORDER"), "lot", "qty") == [("LATE", 5)]
    assert shop.differences() == []

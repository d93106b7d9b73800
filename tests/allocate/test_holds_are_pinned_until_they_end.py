"""Holds are pinned like any promise until they end; pins of holds that have ended keep no units from others."""

from __future__ import annotations

import psycopg
import pytest

from tests.holds import booked, parts, stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns, refused


@pytest.fixture
def cart(shop: Shop) -> Shop:
    """10 APPLE in London: CART holds 3 (line 1) for one hour and 2 (line 2) for three."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2}], ttl="3 hours")
    return shop


def test_a_hold_is_pinned_until_its_last_microsecond(cart: Shop, clock: Clock) -> None:
    stop_before_the_end(clock, cart, "CART")
    assert columns(cart.allocate("CART"), "line", "location", "qty") == [(1, "A-1", 3), (2, "A-1", 2)]
    assert cart.differences() == []


@pytest.mark.parametrize("booked", [False, True])
def test_at_its_end_it_is_not_pinned(cart: Shop, clock: Clock, booked: bool) -> None:
    stop_at_the_end(clock, cart, "CART")
    if booked:
        cart.expire_reservations()
    assert columns(cart.allocate("CART"), "line", "location", "qty") == [(2, "A-1", 2)]
    assert parts(cart, "CART") == [(1, "LON", 0, 0, 0, 0, 3), (2, "LON", 2, 2, 0, 0, 0)]
    assert cart.differences() == []


def test_when_all_of_it_has_ended_nothing_is_pinned(cart: Shop, db: psycopg.Connection, clock: Clock) -> None:
    cart.allocate("CART")
    clock.advance(hours=4)
    with refused(db, "OS305", order_ref="CART", expired=5):
        cart.allocate("CART")


def test_pins_of_an_ended_hold_are_not_shown(cart: Shop, clock: Clock) -> None:
    cart.allocate("CART")
    clock.advance(hours=2)
    assert columns(cart.view("bins"), "on_hand", "allocated") == [(10, 2)]
    assert parts(cart, "CART") == [(1, "LON", 0, 0, 0, 0, 3), (2, "LON", 2, 2, 0, 0, 0)]


def test_pins_of_an_ended_hold_are_taken_off_their_own_bin(cart: Shop, clock: Clock) -> None:
    cart.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-2"}])
    cart.reserve("ORDER", [{"sku": "APPLE", "qty": 4, "warehouse": "LON", "location": "A-2"}])
    for order_ref in ("CART", "ORDER"):
        cart.allocate(order_ref)
    clock.advance(hours=2)
    assert columns(cart.view("bins"), "location", "on_hand", "allocated") == [("A-1", 10, 2), ("A-2", 5, 4)]


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


@pytest.mark.parametrize("on_shortage", ["partial", "reject", "error"])
def test_units_that_ended_holds_keep_pinned_are_pinned_anew(crowded: Shop, on_shortage: str) -> None:
    answer = crowded.allocate("ORDER", on_shortage=on_shortage, op_id="pin")
    assert columns(answer, "outcome", "location", "qty") == [("allocated", "A-1", 5)]
    names = ("event_type", "order_ref", "reserved_delta", "allocated_delta")
    entries = crowded.entries(*names, op_id="pin")
    assert sorted(entries[:-1]) == [
        ("DEALLOCATE", "OLD", 0, -2),
        ("DEALLOCATE", "YOUNG", 0, -3),
        ("EXPIRE", "OLD", -2, 0),
        ("EXPIRE", "YOUNG", -3, 0),
    ]
    assert entries[-1] == ("ALLOCATE", "ORDER", 0, 5)
    assert columns(crowded.view("bins"), "allocated") == [(5,)]
    assert crowded.differences() == []


def test_nothing_is_booked_where_bins_have_enough(cart: Shop, clock: Clock) -> None:
    cart.allocate("CART")
    cart.reserve("ORDER", [{"sku": "APPLE", "qty": 5}])
    clock.advance(hours=9)
    cart.allocate("ORDER")
    assert booked(cart) == []
    assert cart.differences() == []


def test_holds_that_have_pinned_nothing_are_left_alone(crowded: Shop, clock: Clock) -> None:
    crowded.receive(
        "LON", [{"sku": "APPLE", "qty": 9, "location": "Q-1"}, {"sku": "APPLE", "qty": 1, "location": "A-1"}]
    )
    crowded.reserve("IDLE", [{"sku": "APPLE", "qty": 1}], ttl="1 minute")
    clock.advance(hours=1)
    crowded.allocate("ORDER")
    assert "IDLE" not in [order_ref for _, _, order_ref, *_ in booked(crowded)]
    assert crowded.differences() == []


def test_live_holds_keep_their_pins(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": bin} for bin in ("A-1", "A-2")])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 5}], ttl="1 hour")
    shop.allocate("CART")
    shop.reserve("ORDER", [{"sku": "APPLE", "qty": 5}])
    shop.adjust("LON", [{"sku": "APPLE", "qty": -5, "location": "A-2"}], reason="lost")
    assert columns(shop.allocate("ORDER"), "outcome", "qty") == [("short", 5)]
    assert parts(shop, "CART") == [(1, "LON", 5, 5, 0, 0, 0)]


def test_what_is_short_all_the_same_is_told(crowded: Shop) -> None:
    crowded.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-1"}], reason="lost")
    assert columns(crowded.allocate("ORDER"), "outcome", "qty") == [("allocated", 4), ("short", 1)]
    assert crowded.differences() == []

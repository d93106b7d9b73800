"""extend(ttl): an order's holds end so long from now, and none sooner than it would have."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from tests.holds import TICK, end_of, parts, shown, stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns, fails, refused, unchanged
from tests.waiting import backorder, let_wait


@pytest.fixture
def cart(shop: Shop) -> Shop:
    """10 APPLE and 5 RICE in London, 4 APPLE in Berlin: CART holds 12 APPLE (line 1) and 2 RICE for an hour."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 12}, {"sku": "RICE", "qty": 2}], ttl="1 hour")
    return shop


def test_every_line_and_warehouse_is_extended(cart: Shop, clock: Clock) -> None:
    now = end_of(cart, "CART") - timedelta(minutes=20)
    clock.stop(now)
    before = shown(cart)
    answer = cart.extend("CART", "90 minutes", op_id="longer")
    names = ("line", "sku", "warehouse", "outcome", "qty_ordered", "qty_reserved", "qty_short", "qty_released")
    assert columns(answer, "order_ref", *names) == [
        ("CART", 1, "APPLE", "LON", "extended", 10, 10, 0, 0),
        ("CART", 1, "APPLE", "BER", "extended", 2, 2, 0, 0),
        ("CART", 2, "RICE", "LON", "extended", 2, 2, 0, 0),
    ]
    end = now + timedelta(minutes=90)
    assert {row["expires_at"] for row in answer} == {end}
    assert {row["expires_at"] for row in cart.view("reservations")} == {end}
    assert shown(cart)[:2] == before[:2]
    assert cart.differences() == []


def test_only_what_the_order_holds_and_waits_for_still_is_extended(cart: Shop, clock: Clock) -> None:
    """Not what has ended, not what another cart holds or waits for, and not what is promised for good."""
    let_wait(cart, "RICE")
    now = end_of(cart, "CART") - timedelta(hours=1)
    for order_ref, ttl in (("CART", "3 hours"), ("OTHER", "3 hours"), ("CART", "1 hour"), ("OTHER", "1 hour"), ("CART", None)):
        cart.reserve(order_ref, [{"sku": "RICE", "qty": 1}], ttl=ttl)
        backorder(cart, order_ref, 4, "RICE", ttl=ttl)
    clock.stop(now + timedelta(hours=2))
    names = ("order_ref", "line", "reserved", "backordered", "expires_at")
    before = set(columns(cart.view("reservations"), *names))
    answer = cart.extend("CART", "5 hours")
    end = now + timedelta(hours=7)
    assert sorted(set(columns(cart.view("reservations"), *names)) - before) == [("CART", 3, 1, 0, end), ("CART", 4, 0, 2, end), ("CART", 4, 2, 0, end)]
    assert columns([row for row in answer if row["outcome"] == "extended"], "line", "expires_at") == [(3, end), (4, end), (4, end)]
    assert cart.differences() == []


def test_the_level_is_not_touched(cart: Shop) -> None:
    levels = cart.view("stock")
    answer = cart.extend("CART", "2 hours", op_id="longer")
    assert {(row["on_hand"], row["blocked"], row["reserved"], row["available"]) for row in answer} == {(None,) * 4}
    assert cart.view("stock") == levels
    names = ("line", "event_type", "order_ref", "qty_delta", "reserved_delta", "on_hand_after", "reserved_after")
    assert cart.entries(*names, op_id="longer", sku="RICE") == [(2, "EXTEND", "CART", 0, 0, None, None)]
    assert cart.entries("expires_at", op_id="longer", sku="RICE") == [(end_of(cart, "CART"),)]


def test_it_never_shortens(cart: Shop) -> None:
    end = end_of(cart, "CART")
    answer = cart.extend("CART", "10 minutes")
    assert {(row["outcome"], row["expires_at"]) for row in answer} == {("extended", end)}
    assert end_of(cart, "CART") == end
    assert cart.differences() == []


def test_of_several_holds_each_gets_the_later_end(cart: Shop, clock: Clock) -> None:
    cart.reserve("CART", [{"sku": "RICE", "qty": 1}], ttl="5 hours")
    late = max(row["expires_at"] for row in cart.view("reservations"))
    answer = cart.extend("CART", "3 hours")
    ends = {row["line"]: row["expires_at"] for row in answer}
    assert ends[3] == late
    assert ends[1] == ends[2] < late
    clock.stop(ends[1])
    assert [row["reserved"] for row in cart.view("reservations", line=3)] == [1]
    assert [row["reserved"] for row in cart.view("reservations", line=2)] == [0]


def test_an_extended_hold_holds_until_its_new_end(cart: Shop, clock: Clock) -> None:
    first = end_of(cart, "CART")
    cart.extend("CART", "2 hours")
    clock.stop(first)
    assert columns(cart.reserve("NEW", [{"sku": "RICE", "qty": 4}]), "outcome", "available") == [("rejected", 3)]
    assert cart.level("RICE") == (5, 0, 2, 3)
    stop_before_the_end(clock, cart, "CART")
    assert columns(cart.reserve("NEW", [{"sku": "RICE", "qty": 4}]), "outcome", "available") == [("rejected", 3)]
    stop_at_the_end(clock, cart, "CART")
    assert cart.level("RICE") == (5, 0, 0, 5)
    assert columns(cart.reserve("NEW", [{"sku": "RICE", "qty": 4}]), "outcome", "available") == [("reserved", 1)]
    assert cart.differences() == []


def test_it_may_be_extended_until_the_last_microsecond(cart: Shop, db: psycopg.Connection, clock: Clock) -> None:
    stop_before_the_end(clock, cart, "CART")
    end = end_of(cart, "CART")
    assert {row["expires_at"] for row in cart.extend("CART", "1 microsecond")} == {end}
    assert {row["expires_at"] for row in cart.extend("CART", "2 microseconds")} == {end + TICK}
    clock.stop(end)
    assert {row["outcome"] for row in cart.extend("CART", "1 hour")} == {"extended"}
    stop_at_the_end(clock, cart, "CART")
    with refused(db, "OS305", order_ref="CART", expired=14):
        cart.extend("CART", "1 hour")


def test_again_and_again(cart: Shop, clock: Clock) -> None:
    for _ in range(5):
        clock.advance(minutes=50)
        cart.extend("CART", "1 hour")
    assert parts(cart, "CART")[0] == (1, "BER", 2, 0, 0, 0, 0)
    assert len(cart.entries("event_type", event_type="EXTEND", sku="RICE")) == 5
    clock.advance(minutes=61)
    assert parts(cart, "CART")[0] == (1, "BER", 0, 0, 0, 0, 2)
    assert cart.differences() == []


def test_pins_stay(cart: Shop, clock: Clock) -> None:
    cart.allocate("CART")
    cart.extend("CART", "2 hours")
    clock.advance(minutes=90)
    assert parts(cart, "CART")[-1] == (2, "LON", 2, 2, 0, 0, 0)
    assert columns(cart.view("bins", sku="RICE"), "allocated") == [(2,)]


@pytest.mark.parametrize("booked", [False, True])
def test_what_has_ended_is_told_and_not_revived(cart: Shop, clock: Clock, booked: bool) -> None:
    cart.reserve("CART", [{"sku": "RICE", "qty": 1}], ttl="5 hours")
    ended = end_of(cart, "CART")
    clock.advance(hours=2)
    if booked:
        cart.expire_reservations()
    answer = cart.extend("CART", "6 hours")
    names = ("line", "sku", "warehouse", "outcome", "qty_ordered", "qty_reserved", "qty_released")
    assert columns(answer, *names) == [
        (3, "RICE", "LON", "extended", 1, 1, 0),
        (1, "APPLE", "LON", "expired", 10, 0, 10),
        (1, "APPLE", "BER", "expired", 2, 0, 2),
        (2, "RICE", "LON", "expired", 2, 0, 2),
    ]
    assert [row["expires_at"] for row in answer][1:] == [ended] * 3
    assert cart.level("RICE") == (5, 0, 1, 4)
    assert cart.differences() == []


def test_promises_without_end_give_no_row(cart: Shop) -> None:
    cart.reserve("CART", [{"sku": "RICE", "qty": 1}])
    answer = cart.extend("CART", "2 hours")
    assert [row["line"] for row in answer] == [1, 1, 2]
    assert [row["expires_at"] for row in cart.view("reservations", line=3)] == [None]


def test_lines_that_are_shipped_or_released_give_no_row(cart: Shop) -> None:
    cart.ship("CART", [{"sku": "RICE"}])
    cart.release("CART", [{"line": 1, "warehouse": "BER"}])
    cart.ship("CART", [{"line": 1, "qty": 4}])
    answer = cart.extend("CART", "2 hours")
    assert columns(answer, "line", "warehouse", "qty_ordered", "qty_reserved") == [(1, "LON", 10, 6)]
    assert cart.differences() == []


def test_one_length_is_one_request_however_it_is_written(cart: Shop, db: psycopg.Connection, clock: Clock) -> None:
    first = cart.extend("CART", "90 minutes", op_id="once")
    cart.connection.execute("set intervalstyle = iso_8601")
    clock.advance(minutes=30)
    with unchanged(db):
        for again in ("90 minutes", "01:30:00", "PT5400S"):
            assert cart.extend("CART", again, op_id="once") == [row | {"replayed": True} for row in first]
        with fails("OS010", op_id="once"):
            cart.extend("CART", "91 minutes", op_id="once")


def test_a_replay_after_the_end_gives_the_answer_of_then(cart: Shop, db: psycopg.Connection, clock: Clock) -> None:
    first = cart.extend("CART", "2 hours", op_id="once")
    clock.advance(hours=3)
    with unchanged(db):
        assert cart.extend("CART", "2 hours", op_id="once") == [row | {"replayed": True} for row in first]

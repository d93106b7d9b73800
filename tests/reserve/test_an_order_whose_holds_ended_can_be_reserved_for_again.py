"""A shopper may come back: an order whose holds ended is not over, whether or not that was booked."""

from __future__ import annotations

import psycopg
import pytest

from tests.holds import booked, parts
from tests.support import Clock, Shop, columns, refused


@pytest.fixture(params=[False, True], ids=["unbooked", "booked"])
def ended(request: pytest.FixtureRequest, shop: Shop, clock: Clock) -> Shop:
    """10 APPLE in London: CART held 6, which has ended."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 6}], ttl="1 hour")
    clock.advance(hours=2)
    if request.param:
        shop.expire_reservations()
    return shop


def test_line_numbers_go_on(ended: Shop) -> None:
    answer = ended.reserve("CART", [{"sku": "APPLE", "qty": 8}], ttl="1 hour")
    assert columns(answer, "line", "outcome", "qty_reserved") == [(2, "reserved", 8)]
    assert parts(ended, "CART") == [(1, "LON", 0, 0, 0, 0, 6), (2, "LON", 8, 0, 0, 0, 0)]
    assert len(booked(ended)) == 1
    assert ended.differences() == []


def test_a_line_that_ended_keeps_its_number(ended: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS304", order_ref="CART", order_line=1):
        ended.reserve("CART", [{"sku": "APPLE", "qty": 1, "line": 1}])


def test_nothing_else_can_be_done_with_it(ended: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS305", order_ref="CART", expired=6):
        ended.ship("CART")
    with refused(db, "OS305", order_ref="CART", expired=6):
        ended.release("CART")
    with refused(db, "OS305", order_ref="CART", expired=6):
        ended.cancel("CART")
    with refused(db, "OS305", order_ref="CART", expired=6):
        ended.allocate("CART")
    with refused(db, "OS305", order_ref="CART", expired=6):
        ended.extend("CART", "1 hour")
    with refused(db, "OS305", order_ref="CART", expired=6):
        ended.confirm("CART")
    with refused(db, "OS305", order_ref="CART", expired=6):
        ended.confirm("CART", "SALE", on_expired="skip")


def test_without_stock_the_order_stays_what_it_is(ended: Shop) -> None:
    assert columns(ended.reserve("CART", [{"sku": "APPLE", "qty": 11}], ttl="1 hour"), "outcome") == [("rejected",)]
    assert parts(ended, "CART") == [(1, "LON", 0, 0, 0, 0, 6)]
    assert columns(ended.reserve("CART", [{"sku": "APPLE", "qty": 10}]), "line", "outcome") == [(2, "reserved")]


def test_what_is_promised_anew_can_be_shipped(ended: Shop) -> None:
    ended.reserve("CART", [{"sku": "APPLE", "qty": 10}])
    ended.ship("CART")
    assert parts(ended, "CART") == [(1, "LON", 0, 0, 0, 0, 6), (2, "LON", 0, 0, 10, 0, 0)]
    assert ended.level("APPLE") == (0, 0, 0, 0)
    assert ended.differences() == []


@pytest.mark.parametrize("finish", ["ship", "release", "cancel"])
def test_an_order_without_ended_holds_is_over_when_nothing_is_open(
    shop: Shop, db: psycopg.Connection, finish: str
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 6}], ttl="1 hour")
    getattr(shop, finish)("CART")
    with refused(db, "OS302", order_ref="CART"):
        shop.reserve("CART", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")

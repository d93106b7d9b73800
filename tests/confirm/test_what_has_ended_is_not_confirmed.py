"""Where a hold of the order has ended, confirm is an error, so that nobody pays for what is gone, or skips it."""

from __future__ import annotations

import psycopg
import pytest

from tests.holds import parts
from tests.support import Clock, Shop, columns, refused


@pytest.fixture(params=[False, True], ids=["unbooked", "booked"])
def late(request: pytest.FixtureRequest, shop: Shop, clock: Clock) -> Shop:
    """10 APPLE in London: of CART, the hold of 3 (line 1) has ended, that of 2 (line 2) has not."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2}], ttl="3 hours")
    clock.advance(hours=2)
    if request.param:
        shop.expire_reservations()
    return shop


@pytest.mark.parametrize(
    "arguments", [{}, {"on_expired": "error"}, {"on_expired": None}, {"new_order_ref": "SALE"}], ids=str
)
def test_it_is_an_error_that_names_the_lines_and_units(
    late: Shop, db: psycopg.Connection, arguments: dict[str, str | None]
) -> None:
    with refused(db, "OS305", order_ref="CART") as refusal:
        late.confirm("CART", **arguments)
    names = ("line", "sku", "warehouse", "outcome", "qty_ordered", "qty_reserved", "qty_released")
    assert columns(refusal.detail["lines"], *names) == [(1, "APPLE", "LON", "expired", 3, 0, 3)]


def test_on_request_the_others_are_confirmed(late: Shop, clock: Clock) -> None:
    answer = late.confirm("CART", on_expired="skip")
    assert columns(answer, "order_ref", "line", "outcome", "qty_reserved") == [("CART", 2, "confirmed", 2)]
    clock.advance(hours=5)
    assert parts(late, "CART") == [(1, "LON", 0, 0, 0, 0, 3), (2, "LON", 2, 0, 0, 0, 0)]
    assert late.level("APPLE") == (10, 0, 2, 8)
    assert late.differences() == []


def test_on_request_the_others_become_lines_of_another_order(late: Shop) -> None:
    answer = late.confirm("CART", "SALE", on_expired="skip")
    assert columns(answer, "order_ref", "line", "qty_reserved") == [("SALE", 1, 2)]
    assert parts(late, "CART") == [(1, "LON", 0, 0, 0, 0, 3)]
    assert late.differences() == []


def test_what_was_added_again_is_confirmed_by_skipping_what_ended(late: Shop, db: psycopg.Connection) -> None:
    late.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    with refused(db, "OS305", order_ref="CART"):
        late.confirm("CART")
    assert [row["line"] for row in late.confirm("CART", on_expired="skip")] == [2, 3]
    late.ship("CART")
    assert late.level("APPLE") == (5, 0, 0, 5)
    assert late.differences() == []


def test_all_of_it_has_ended(late: Shop, db: psycopg.Connection, clock: Clock) -> None:
    clock.advance(hours=2)
    for arguments in ({}, {"on_expired": "skip"}, {"new_order_ref": "SALE", "on_expired": "skip"}):
        with refused(db, "OS305", order_ref="CART", expired=5):
            late.confirm("CART", **arguments)


def test_what_ended_and_promises_without_end_are_not_held(late: Shop, db: psycopg.Connection, clock: Clock) -> None:
    late.reserve("CART", [{"sku": "APPLE", "qty": 1}])
    clock.advance(hours=2)
    for on_expired in ("error", "skip"):
        with refused(db, "OS306", order_ref="CART") as refusal:
            late.confirm("CART", on_expired=on_expired)
        assert columns(refusal.detail["expired"], "line", "qty_released") == [(1, 3), (2, 2)]


def test_a_part_that_was_shipped_in_time_is_not_among_what_ended(
    shop: Shop, db: psycopg.Connection, clock: Clock
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 4}], ttl="1 hour")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 1}], ttl="3 hours")
    shop.ship("CART", [{"line": 1}, {"line": 2, "qty": 3}])
    clock.advance(hours=2)
    with refused(db, "OS305", order_ref="CART") as refusal:
        shop.confirm("CART")
    assert columns(refusal.detail["lines"], "line", "qty_ordered", "qty_released") == [(2, 4, 1)]

"""Holds through the client: a time as a timedelta, answers as rows, upkeep that may be repeated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

import openstock

from ..support import TENANT, Clock, unchanged
from .faces import OpenClient
from .proxy import Proxy
from .test_a_session_returns_typed_rows import assert_typed

HOUR = timedelta(hours=1)


@pytest.fixture
def stocked(client: Any) -> Any:
    """A client of a shop with ten apples."""
    client.receive("LON", [{"sku": "APPLE", "qty": 10}])
    return client


def test_a_cart_becomes_an_order(stocked: Any) -> None:
    [held] = stocked.reserve("CART-1", [{"sku": "APPLE", "qty": 4}], ttl=timedelta(minutes=15))
    assert held.expires_at is not None
    assert timedelta(minutes=14) < held.expires_at - stocked.server_time() <= timedelta(minutes=15)
    extended = stocked.extend("CART-1", HOUR)
    assert_typed(extended, openstock.ReservationChange)
    [row] = extended
    assert (row.outcome, row.qty_reserved, row.on_hand, row.available) == ("extended", 4, None, None)
    assert row.expires_at > held.expires_at
    confirmed = stocked.confirm("CART-1", "ORDER-1")
    assert_typed(confirmed, openstock.ReservationChange)
    assert [(r.order_ref, r.line, r.outcome, r.expires_at) for r in confirmed] == [("ORDER-1", 1, "confirmed", None)]
    assert [(r.order_ref, r.reserved, r.expired, r.expires_at) for r in stocked.reservations()] == [("ORDER-1", 4, 0, None)]
    assert [(e.event_type, e.expires_at) for e in stocked.ledger("APPLE", max_rows=3)] == [
        ("CONFIRM", None),
        ("EXTEND", row.expires_at),
        ("RESERVE", held.expires_at),
    ]
    with pytest.raises(openstock.OrderClosed) as raised:
        stocked.extend("CART-1", HOUR)
    assert raised.value.detail == {"order_ref": "CART-1", "became": "ORDER-1"}


def test_an_order_is_cancelled(stocked: Any) -> None:
    stocked.reserve("ORDER-1", [{"sku": "APPLE", "qty": 4}])
    cancelled = stocked.cancel("ORDER-1", reason="changed their mind")
    assert_typed(cancelled, openstock.ReservationChange)
    assert [(r.outcome, r.qty_reserved, r.qty_released, r.available) for r in cancelled] == [("cancelled", 0, 4, 10)]
    assert [e.reason for e in stocked.ledger("APPLE", event_type="RELEASE")] == ["changed their mind"]


def test_what_ended_is_skipped_where_that_is_asked_for(stocked: Any, clock: Clock) -> None:
    stocked.reserve("CART-1", [{"sku": "APPLE", "qty": 1}], ttl=HOUR)
    stocked.reserve("CART-1", [{"sku": "APPLE", "qty": 2}], ttl=3 * HOUR)
    clock.advance(hours=2)
    with pytest.raises(openstock.HoldExpired) as raised:
        stocked.confirm("CART-1")
    assert [line["line"] for line in raised.value.detail["lines"]] == [1]
    assert [(r.line, r.outcome) for r in stocked.confirm("CART-1", on_expired="skip")] == [(2, "confirmed")]


def test_holds_that_ended_are_booked_and_a_call_that_finds_none_leaves_no_trace(
    stocked: Any, db: psycopg.Connection, clock: Clock
) -> None:
    stocked.reserve("CART-1", [{"sku": "APPLE", "qty": 4}], ttl=HOUR)
    with unchanged(db):
        assert stocked.expire_reservations() == []
    clock.advance(hours=2)
    assert [(r.reserved, r.expired) for r in stocked.reservations()] == [(0, 4)]
    expired = stocked.expire_reservations(max_lines=10)
    assert_typed(expired, openstock.ReservationChange)
    assert [(r.order_ref, r.outcome, r.qty_released, r.available) for r in expired] == [("CART-1", "expired", 4, 10)]
    with unchanged(db):
        assert stocked.expire_reservations() == []


def test_who_gives_an_op_id_gets_the_same_answer_again(stocked: Any, clock: Clock) -> None:
    stocked.reserve("CART-1", [{"sku": "APPLE", "qty": 4}], ttl=HOUR)
    clock.advance(hours=2)
    [first] = stocked.expire_reservations(op_id="sweep-1")
    [again] = stocked.expire_reservations(op_id="sweep-1")
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.order_ref, first.qty_released) == (again.order_ref, again.qty_released)


def test_an_operator_books_them_for_a_tenant(stocked: Any, open_client: OpenClient, clock: Clock) -> None:
    operator = open_client("operator", tenant=None)
    stocked.reserve("CART-1", [{"sku": "APPLE", "qty": 4}], ttl=HOUR)
    assert operator.admin.expire_reservations(TENANT) == 0
    clock.advance(hours=2)
    assert operator.admin.expire_reservations(str(TENANT), max_lines=1) == 1
    with pytest.raises(openstock.InvalidArgument):
        operator.admin.expire_reservations(TENANT, max_lines=0)


def test_a_time_is_a_timedelta(stocked: Any, db: psycopg.Connection) -> None:
    for ttl in ("15 minutes", 900, datetime.now()):
        with unchanged(db), pytest.raises(openstock.InvalidArgument) as raised:
            stocked.reserve("CART-1", [{"sku": "APPLE", "qty": 4}], ttl=ttl)
        assert raised.value.detail == {"argument": "ttl", "problem": "must be a timedelta"}
    for ttl in (timedelta(0), timedelta(seconds=-1), timedelta(days=4000), timedelta.max):
        with unchanged(db), pytest.raises(openstock.InvalidArgument) as raised:
            stocked.extend("CART-1", ttl)
        assert raised.value.detail["argument"] == "ttl"


def test_a_time_is_sent_exactly_whatever_the_session_writes_intervals_like(stocked: Any) -> None:
    for number, style in enumerate(["postgres", "iso_8601", "sql_standard", "postgres_verbose"]):
        stocked.sql(f"set intervalstyle = '{style}'")
        ttl = timedelta(days=1, hours=2, seconds=3, microseconds=number)
        [held] = stocked.reserve(f"CART-{number}", [{"sku": "APPLE", "qty": 1}], ttl=ttl, op_id=f"hold-{number}")
        [entry] = stocked.ledger("APPLE", order_ref=f"CART-{number}")
        assert held.expires_at == entry.expires_at
        [row] = stocked.reservations(f"CART-{number}")
        assert row.expires_at - row.created_at == ttl
        stocked.sql("set intervalstyle = 'postgres'")
        [again] = stocked.reserve(f"CART-{number}", [{"sku": "APPLE", "qty": 1}], ttl=ttl, op_id=f"hold-{number}")
        assert (again.expires_at, again.replayed) == (held.expires_at, True)


def test_booking_what_ended_is_repeated_after_a_lost_connection(
    stocked: Any, open_client: OpenClient, dsn: str, proxy: Proxy, clock: Clock
) -> None:
    remote = open_client(address=proxy.address(dsn))
    stocked.reserve("CART-1", [{"sku": "APPLE", "qty": 4}], ttl=HOUR)
    clock.advance(hours=2)
    proxy.lose_the_answer_to("expire_reservations")
    assert remote.expire_reservations() == []
    assert remote.retries == 1
    assert [e.reserved_delta for e in stocked.ledger("APPLE", event_type="EXPIRE")] == [-4]

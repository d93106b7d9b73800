"""`reserve(..., now=True)`: the same rows, from a transaction of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

import openstock

from ..support import unchanged
from .faces import OpenClient
from .proxy import Proxy
from .test_a_session_returns_typed_rows import assert_typed

APPLES = [{"sku": "APPLE", "qty": 4}]


@pytest.fixture
def stocked(client: Any) -> Any:
    """A client of a shop with ten apples and some rice."""
    client.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": Decimal("2.125")}])
    return client


def test_the_rows_are_those_of_reserve(stocked: Any) -> None:
    cart: dict[str, Any] = {"order_ref": "CART-1", "lines": [*APPLES, {"sku": "RICE", "qty": Decimal("1.5")}], "ttl": timedelta(minutes=15)}
    held = stocked.reserve(**cart, now=True, op_id="once")
    assert_typed(held, openstock.ReservationChange)
    assert [(r.sku, r.qty_reserved, r.available) for r in held] == [("APPLE", 4, 6), ("RICE", Decimal("1.5"), Decimal("0.625"))]
    again = stocked.reserve(**cart, op_id="once")
    assert again == [replace(row, replayed=True) for row in held]
    assert stocked.reserve(**cart, now=True, op_id="once") == again


def test_a_rejection_says_what_there_is(stocked: Any) -> None:
    [row] = stocked.reserve("O1", [{"sku": "APPLE", "qty": 11}], now=True)
    assert (row.outcome, row.offers) == ("rejected", [{"warehouse": "LON", "available": 10}])


def test_errors_are_those_of_reserve(stocked: Any, db: psycopg.Connection) -> None:
    with unchanged(db), pytest.raises(openstock.UnknownProduct) as raised:
        stocked.reserve("O1", [{"sku": "NONE", "qty": 1}], now=True, op_id="once")
    assert (raised.value.detail, raised.value.op_id) == ({"line": 1, "sku": "NONE"}, "once")


def test_it_is_refused_within_a_transaction(stocked: Any, db: psycopg.Connection) -> None:
    with unchanged(db):
        with pytest.raises(openstock.InTransaction), stocked.own_transaction():
            stocked.reserve("O1", APPLES, now=True)
        with pytest.raises(openstock.InTransaction):
            stocked.transaction(lambda client: client.reserve("O1", APPLES, now=True))


def test_it_is_repeated_where_the_answer_was_lost(stocked: Any, open_client: OpenClient, dsn: str, proxy: Proxy) -> None:
    remote = open_client(address=proxy.address(dsn))
    proxy.lose_the_answer_to("reserve_now")
    [row] = remote.reserve("O1", APPLES, now=True)
    assert (row.outcome, row.replayed, row.available) == ("reserved", True, 6)
    assert remote.retries == 1
    assert [level.reserved for level in stocked.stock(sku="APPLE")] == [4]

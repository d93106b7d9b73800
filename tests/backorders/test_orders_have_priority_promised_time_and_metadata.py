"""priority, promised_at and metadata belong to the order: given replaces, null keeps, and metadata is merged key by key."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support import Shop, columns, refused, unchanged
from tests.waiting import backorder, let_wait


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    return shop


def reserve(shop: Shop, order_ref: str = "O1", **arguments: Any) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = shop.reserve(order_ref, [{"sku": "APPLE", "qty": 1}], **arguments)
    return answer


def details(shop: Shop, order_ref: str = "O1") -> tuple[Any, ...]:
    [row] = columns(shop.view("orders", order_ref=order_ref), "priority", "promised_at", "metadata")
    return row


def test_an_order_has_none_of_its_own_accord(stocked: Shop) -> None:
    reserve(stocked)
    assert details(stocked) == (0, None, {})


def test_they_are_given_with_any_reservation(stocked: Shop) -> None:
    reserve(stocked, priority=-3, promised_at="2027-05-01 12:00+02", metadata={"channel": "web", "gift": {"wrap": True}})
    assert details(stocked) == (-3, datetime(2027, 5, 1, 10, tzinfo=UTC), {"channel": "web", "gift": {"wrap": True}})
    assert stocked.differences() == []


def test_what_is_given_later_replaces_and_what_is_not_stays(stocked: Shop) -> None:
    reserve(stocked, priority=3, promised_at="2027-05-01 UTC", metadata={"a": 1, "b": {"x": 1}})
    reserve(stocked, metadata={"b": {"y": 2}, "c": None})
    assert details(stocked) == (3, datetime(2027, 5, 1, tzinfo=UTC), {"a": 1, "b": {"y": 2}, "c": None})
    reserve(stocked, priority=0)
    reserve(stocked, promised_at="2027-06-01 UTC", metadata={})
    assert details(stocked) == (0, datetime(2027, 6, 1, tzinfo=UTC), {"a": 1, "b": {"y": 2}, "c": None})


@pytest.mark.parametrize("on_shortage", ["reject", "partial", "backorder"])
def test_they_are_not_stored_where_nothing_is_promised(stocked: Shop, on_shortage: str) -> None:
    reserve(stocked, metadata={"a": 1})
    stocked.reserve("O1", [{"sku": "RICE", "qty": 1}], on_shortage=on_shortage, priority=7, metadata={"a": 2})
    assert details(stocked) == (0, None, {"a": 1})


@pytest.mark.parametrize("on_shortage", ["partial", "backorder"])
def test_they_are_stored_where_a_part_is_promised_or_waits(stocked: Shop, on_shortage: str) -> None:
    let_wait(stocked)
    let_wait(stocked, "RICE")
    lines = [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 11}]
    stocked.reserve("O1", lines, on_shortage=on_shortage, priority=7)
    assert details(stocked) == (7, None, {})
    if on_shortage == "backorder":
        backorder(stocked, "O2", 1, metadata={"only": "waits"})
        assert details(stocked, "O2") == (0, None, {"only": "waits"})


def test_they_go_with_a_cart_to_an_order_that_has_none(stocked: Shop) -> None:
    reserve(stocked, "CART", ttl="1 hour", priority=2, promised_at="2027-05-01 UTC", metadata={"a": 1, "b": 1})
    reserve(stocked, "SALE", metadata={"b": 2})
    stocked.confirm("CART", "SALE")
    assert details(stocked, "SALE") == (2, datetime(2027, 5, 1, tzinfo=UTC), {"a": 1, "b": 2})
    reserve(stocked, "CART-2", ttl="1 hour", priority=9, promised_at="2026-12-01 UTC", metadata={"a": 5})
    stocked.confirm("CART-2", "SALE")
    assert details(stocked, "SALE") == (2, datetime(2027, 5, 1, tzinfo=UTC), {"a": 1, "b": 2})


@pytest.mark.parametrize("promised_at", ["infinity", "-infinity"])
def test_a_promised_time_is_finite(stocked: Shop, db: psycopg.Connection, promised_at: str) -> None:
    with refused(db, "22023", argument="promised_at", problem="must be finite"):
        reserve(stocked, promised_at=promised_at)


@pytest.mark.parametrize("metadata", ["[]", '"text"', "5", "true", "null"])
def test_metadata_is_an_object(stocked: Shop, db: psycopg.Connection, metadata: str) -> None:
    with refused(db, "22023", argument="metadata", problem="must be a JSON object"):
        reserve(stocked, metadata=metadata)


def test_metadata_has_at_most_64_kilobytes(stocked: Shop, db: psycopg.Connection) -> None:
    """As jsonb prints it: {"a": "…"} are 9 bytes more than the text."""
    with refused(db, "22023", argument="metadata", problem="must not have more than 65536 bytes"):
        reserve(stocked, metadata={"a": "x" * (65_536 - 8)})
    reserve(stocked, metadata={"a": "x" * (65_536 - 9)})


def test_keys_in_another_order_are_the_same_request(stocked: Shop, db: psycopg.Connection) -> None:
    reserve(stocked, op_id="once", metadata={"a": 1, "b": {"c": 2, "d": 3}})
    with unchanged(db):
        backwards = json.dumps({"b": {"d": 3, "c": 2}, "a": 1}, indent=4)
        assert columns(reserve(stocked, op_id="once", metadata=backwards), "replayed") == [(True,)]


@pytest.mark.parametrize("other", [None, {}, {"a": None}, {"a": 2}, {"a": 1, "b": None}, {"A": 1}])
def test_other_metadata_is_another_request(stocked: Shop, db: psycopg.Connection, other: dict[str, Any] | None) -> None:
    """Also a null, which is stored here as any other value."""
    reserve(stocked, op_id="once", metadata={"a": 1})
    with refused(db, "OS010", op_id="once"):
        reserve(stocked, op_id="once", metadata=other)


@pytest.mark.parametrize("other", [{"priority": 1}, {"promised_at": "2027-05-02 UTC"}])
def test_another_priority_or_promised_time_is_another_request(
    stocked: Shop, db: psycopg.Connection, other: dict[str, Any]
) -> None:
    reserve(stocked, op_id="once", priority=0, promised_at="2027-05-01 UTC")
    with refused(db, "OS010", op_id="once"):
        reserve(stocked, op_id="once", **{"priority": 0, "promised_at": "2027-05-01 UTC"} | other)


def test_a_promised_time_is_the_same_in_any_time_zone(stocked: Shop, db: psycopg.Connection) -> None:
    reserve(stocked, op_id="once", promised_at="2027-05-01 12:00+00")
    stocked.connection.execute("set timezone = 'Asia/Kathmandu'")
    with unchanged(db):
        assert columns(reserve(stocked, op_id="once", promised_at="2027-05-01 13:00+01"), "replayed") == [(True,)]


@pytest.mark.parametrize("priority", [-2_147_483_648, 2_147_483_647])
def test_a_priority_is_any_whole_number(stocked: Shop, priority: int) -> None:
    reserve(stocked, priority=priority, metadata=Jsonb({"n": priority}))
    assert details(stocked) == (priority, None, {"n": priority})

"""on_shortage => partial: what there is is promised, and of the rest a row says so."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Clock, Shop, columns, unchanged
from tests.waiting import let_wait, queue


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """3 APPLE in London, 2 in Berlin."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 2}])
    return shop


def partial(shop: Shop, lines: list[dict[str, Any]], order_ref: str = "O1", **arguments: Any) -> list[tuple[Any, ...]]:
    answer = shop.reserve(order_ref, lines, on_shortage="partial", **arguments)
    return columns(answer, "line", "warehouse", "outcome", "qty_ordered", "qty_reserved", "qty_short")


def test_what_there_is_is_promised(stocked: Shop) -> None:
    assert partial(stocked, [{"sku": "APPLE", "qty": 9}]) == [
        (1, "LON", "reserved", 3, 3, 0),
        (1, "BER", "reserved", 2, 2, 0),
        (1, None, "short", 4, 0, 4),
    ]
    assert columns(stocked.view("orders"), "ordered", "reserved", "backordered") == [(5, 5, 0)]
    assert stocked.differences() == []


def test_lines_are_served_in_turn_those_that_name_a_warehouse_first(stocked: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": 2, "line": line} for line in (1, 2)] + [{"sku": "APPLE", "qty": 3, "line": 3, "warehouse": "LON"}]
    assert partial(stocked, lines) == [
        (1, "BER", "reserved", 2, 2, 0),
        (3, "LON", "reserved", 3, 3, 0),
        (2, None, "short", 2, 0, 2),
    ]


def test_lines_that_are_short_are_told_in_their_order(stocked: Shop) -> None:
    stocked.receive("LON", [{"sku": "RICE", "qty": 1}])
    lines = [{"sku": "RICE", "qty": 2, "line": 3}, {"sku": "APPLE", "qty": 6, "line": 1}, {"sku": "MILK", "qty": 1, "line": 2}]
    assert [row for row in partial(stocked, lines) if row[2] == "short"] == [
        (3, None, "short", 1, 0, 1),
        (1, None, "short", 1, 0, 1),
        (2, None, "short", 1, 0, 1),
    ]


def test_a_line_that_gets_nothing_leaves_no_trace(stocked: Shop) -> None:
    partial(stocked, [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 1}])
    assert columns(stocked.view("order_lines"), "line", "sku") == [(2, "APPLE")]
    assert partial(stocked, [{"sku": "APPLE", "qty": 1}]) == [(3, "LON", "reserved", 1, 1, 0)]


def test_where_all_is_short_there_is_no_order(stocked: Shop) -> None:
    answer = stocked.reserve("O1", [{"sku": "RICE", "qty": 1}], on_shortage="partial", metadata={"a": 1}, op_id="short")
    assert columns(answer, "outcome", "qty_short", "offers") == [("short", 1, [])]
    assert (stocked.view("orders"), stocked.entries("op_id", op_id="short")) == ([], [])


def test_nothing_waits_whatever_the_policy(stocked: Shop) -> None:
    let_wait(stocked)
    assert partial(stocked, [{"sku": "APPLE", "qty": 6}])[-1] == (1, None, "short", 1, 0, 1)
    assert queue(stocked) == []


def test_a_part_can_be_held(stocked: Shop, clock: Clock) -> None:
    partial(stocked, [{"sku": "APPLE", "qty": 6}], ttl="1 hour")
    assert columns(stocked.view("orders"), "status", "held") == [("held", 5)]
    clock.advance(hours=2)
    assert partial(stocked, [{"sku": "APPLE", "qty": 6}], "O2")[-1] == (1, None, "short", 1, 0, 1)
    assert stocked.differences() == []


def test_a_named_warehouse_gives_what_it_has(stocked: Shop) -> None:
    assert partial(stocked, [{"sku": "APPLE", "qty": 4}], warehouse="BER") == [
        (1, "BER", "reserved", 2, 2, 0),
        (1, "BER", "short", 2, 0, 2),
    ]


def test_a_replay_says_what_happened(stocked: Shop, db: psycopg.Connection) -> None:
    first = partial(stocked, [{"sku": "APPLE", "qty": 9}], op_id="once")
    stocked.receive("LON", [{"sku": "APPLE", "qty": 9}])
    with unchanged(db):
        assert partial(stocked, [{"sku": "APPLE", "qty": 9}], op_id="once") == first


def test_offers_are_what_each_warehouse_could_have_promised(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "APPLE", "safety_stock": 1}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 4}, {"sku": "APPLE", "qty": 7, "location": "Q-1"}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 1}])
    [row] = shop.reserve("O1", [{"sku": "APPLE", "qty": 9}])
    assert (row["outcome"], row["available"], row["offers"]) == ("rejected", 3, [{"warehouse": "LON", "available": 3}])
    shop.put_warehouses(lines=[{"code": "BER", "priority": 0}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 1}])
    [row] = shop.reserve("O1", [{"sku": "APPLE", "qty": 9}])
    assert [offer["warehouse"] for offer in row["offers"]] == ["BER", "LON"]
    shop.put_warehouses(lines=[{"code": "BER", "active": False}])
    [row] = shop.reserve("O1", [{"sku": "APPLE", "qty": 9}])
    assert [offer["warehouse"] for offer in row["offers"]] == ["LON"]

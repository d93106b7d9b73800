"""What was pinned to an order is free for other pickers, and stays promised to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support import Clock, Shop, columns, day, fails, refused, unchanged


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """O1: line 1 of 6 APPLE, 4 pinned in A-1 and 2 in A-2; line 2 of 1.5 RICE pinned; verify is content in the end."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "A-1"}, {"sku": "RICE", "qty": 5}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "A-2"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}, {"sku": "RICE", "qty": 1.5}])
    shop.allocate("O1")
    yield shop
    assert shop.differences() == []


def rows(answer: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return columns(answer, "order_ref", "line", "sku", "location", "outcome", "qty")


def pinned(shop: Shop) -> list[tuple[Any, ...]]:
    return [row for row in columns(shop.view("bins"), "sku", "location", "allocated") if row[2]]


def test_all_of_them(shop: Shop) -> None:
    assert rows(shop.deallocate("O1", op_id="off", reason="picker is ill")) == [
        ("O1", 1, "APPLE", "A-1", "deallocated", 4),
        ("O1", 1, "APPLE", "A-2", "deallocated", 2),
        ("O1", 2, "RICE", "DEFAULT", "deallocated", 1.5),
    ]
    assert (pinned(shop), shop.level("APPLE")) == ([], (8, 0, 6, 2))
    assert columns(shop.view("orders"), "status", "reserved", "allocated") == [("open", 7.5, 0)]
    assert set(shop.entries("event_type", "reason", op_id="off")) == {("DEALLOCATE", "picker is ill")}
    shop.reserve("O2", [{"sku": "APPLE", "qty": 2}])
    assert columns(shop.allocate("O2"), "location") == [("A-1",)]


def test_a_part_the_newest_first(shop: Shop) -> None:
    assert rows(shop.deallocate("O1", [{"line": 1, "qty": 1}]))[0][3:] == ("A-2", "deallocated", 1)
    assert sum(row["qty"] for row in shop.deallocate("O1", [{"sku": "APPLE", "qty": 2}])) == 2
    assert sorted(pinned(shop)) == [("APPLE", "A-1", 3), ("RICE", "DEFAULT", 1.5)]
    assert shop.level("APPLE") == (8, 0, 6, 2)


def test_a_line_whole(shop: Shop) -> None:
    assert columns(shop.deallocate("O1", [{"line": 2}]), "line", "qty") == [(2, 1.5)]
    assert pinned(shop) == [("APPLE", "A-1", 4), ("APPLE", "A-2", 2)]


def test_at_one_warehouse(shop: Shop) -> None:
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3, "warehouse": "BER"}])
    shop.allocate("O1")
    assert columns(shop.deallocate("O1", [{"sku": "APPLE", "warehouse": "BER"}]), "line", "warehouse", "qty") == [(3, "BER", 3)]


def test_nothing_pinned_is_no_error(shop: Shop, db: psycopg.Connection) -> None:
    shop.deallocate("O1")
    assert shop.deallocate("O1", op_id="again") == []
    with unchanged(db):
        assert shop.deallocate("O1", op_id="again") == []


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({}, "22023", {}),
        ({"qty": 1}, "22023", {}),
        ({"line": 1, "qty": 7}, "OS303", {"asked": 7, "allocated": 6}),
        ({"line": 3}, "OS303", {}),
        ({"line": 1, "sku": "RICE"}, "OS303", {}),
        ({"sku": "APPLE", "warehouse": "BER"}, "OS303", {}),
        ({"line": 1, "qty": 0}, "OS110", {}),
        ({"line": 1, "qty": 0.5}, "OS110", {}),
    ],
)
def test_the_offending_line_is_named(
    shop: Shop, db: psycopg.Connection, line: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, line=1, **detail):
        shop.deallocate("O1", [line])


def test_an_order_must_be_known_and_open(shop: Shop, db: psycopg.Connection, clock: Clock) -> None:
    with refused(db, "OS301", order_ref="O2"):
        shop.deallocate("O2")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    shop.allocate("CART")
    clock.advance(hours=2)
    with refused(db, "OS305", order_ref="CART"):
        shop.deallocate("CART")
    shop.ship("O1")
    with refused(db, "OS302", order_ref="O1"):
        shop.deallocate("O1")


def test_pins_of_an_expired_lot_have_gone_of_their_own_accord(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 2, "lot": "L1", "expires_on": day(2)}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 2}])
    shop.allocate("O1")
    clock.advance(days=4)
    with fails("OS303", line=1):
        shop.deallocate("O1", [{"sku": "MILK", "qty": 1}])
    assert columns(shop.deallocate("O1"), "sku") == [("APPLE",), ("APPLE",), ("RICE",)]

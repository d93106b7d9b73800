"""A promise adds to reserved and leaves on hand alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support import Connect, Shop, columns


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE and 4.5 MILK in London."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "MILK", "qty": 4.5, "lot": "L1"}])
    return shop


def test_a_promise_lowers_what_is_available(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    assert stocked.level("APPLE") == (10, 0, 4, 6)
    stocked.reserve("O2", [{"sku": "APPLE", "qty": 6}])
    assert stocked.level("APPLE") == (10, 0, 10, 0)
    assert stocked.differences() == []


def test_the_answer_says_what_was_promised_and_what_is_left(stocked: Shop) -> None:
    [row] = stocked.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    assert row == {
        "order_ref": "O1",
        "line": 1,
        "sku": "APPLE",
        "warehouse": "LON",
        "outcome": "reserved",
        "qty_ordered": 4,
        "qty_reserved": 4,
        "qty_backordered": 0,
        "qty_short": 0,
        "qty_released": 0,
        "expires_at": None,
        "on_hand": 10,
        "blocked": 0,
        "reserved": 4,
        "available": 6,
        "offers": None,
        "kit": None,
        "replayed": False,
    }


def test_each_line_writes_one_entry_and_one_reservation(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 4}, {"sku": "MILK", "qty": 1.5}], op_id="order-1")
    assert stocked.entries(
        "line",
        "event_type",
        "sku",
        "location",
        "qty_delta",
        "reserved_delta",
        "reserved_after",
        "order_ref",
        op_id="order-1",
    ) == [
        (1, "RESERVE", "APPLE", None, 0, 4, 4, "O1"),
        (2, "RESERVE", "MILK", None, 0, Decimal("1.5"), Decimal("1.5"), "O1"),
    ]
    names = ("line", "sku", "warehouse", "ordered", "reserved", "allocated", "backordered", "shipped", "released")
    assert columns(stocked.view("reservations", order_ref="O1"), *names) == [
        (1, "APPLE", "LON", 4, 4, 0, 0, 0, 0),
        (2, "MILK", "LON", Decimal("1.5"), Decimal("1.5"), 0, 0, 0, 0),
    ]


def test_unnumbered_lines_for_one_product_are_summed(stocked: Shop) -> None:
    answer = stocked.reserve("O1", [{"sku": "APPLE", "qty": 2}, {"sku": "MILK", "qty": 1}, {"sku": " APPLE", "qty": 3}])
    assert columns(answer, "line", "sku", "qty_reserved") == [(1, "APPLE", 5), (2, "MILK", 1)]


def test_numbered_lines_for_one_product_stay_apart(stocked: Shop) -> None:
    answer = stocked.reserve("O1", [{"line": 20, "sku": "APPLE", "qty": 2}, {"line": 10, "sku": "APPLE", "qty": 3}])
    assert sorted(columns(answer, "line", "qty_reserved", "qty_ordered")) == [(10, 3, 3), (20, 2, 2)]
    assert stocked.level("APPLE") == (10, 0, 5, 5)
    assert stocked.differences() == []


def test_an_order_is_known_by_its_composed_and_trimmed_name(stocked: Shop) -> None:
    stocked.reserve(" Cafe\u0301-1 ", [{"sku": "APPLE", "qty": 2}])
    assert columns(stocked.view("reservations"), "order_ref") == [("Caf\u00e9-1",)]


def test_a_product_is_found_by_its_decomposed_name(stocked: Shop) -> None:
    stocked.put_products(lines=[{"sku": "CAF\u00c9", "name": "Coffee"}])
    stocked.receive("LON", [{"sku": "CAF\u00c9", "qty": 2}])
    assert columns(stocked.reserve("O1", [{"sku": "CAFE\u0301", "qty": 2}]), "sku", "outcome") == [
        ("CAF\u00c9", "reserved")
    ]


def test_the_last_unit_can_be_promised(stocked: Shop) -> None:
    assert columns(stocked.reserve("O1", [{"sku": "APPLE", "qty": 10}]), "outcome", "available") == [("reserved", 0)]


def test_an_order_of_a_hundred_lines_is_one_operation(shop: Shop) -> None:
    skus = [f"SKU-{n:03}" for n in range(100)]
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in skus])
    shop.receive("LON", [{"sku": sku, "qty": 5} for sku in skus])
    answer = shop.reserve("BIG", [{"sku": sku, "qty": 1 + n % 5} for n, sku in enumerate(skus)])
    assert columns(answer, "line", "sku", "outcome") == [(n + 1, sku, "reserved") for n, sku in enumerate(skus)]
    assert [row["available"] for row in shop.view("stock")] == [4 - n % 5 for n in range(100)]
    assert shop.differences() == []


def test_a_bound_login_reserves_for_its_tenant(stocked: Shop, connect: Connect) -> None:
    Shop(connect("bound"), stocked.db).reserve("O1", [{"sku": "APPLE", "qty": 3}])
    assert stocked.level("APPLE") == (10, 0, 3, 7)

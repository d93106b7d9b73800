"""A release takes from reserved and leaves on hand alone: all of an order, or lines by number, sku or warehouse."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support import Shop, columns


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """Order O1: line 1 is 6 APPLE (4 from London, 2 from Berlin), line 2 is 2.5 RICE."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 4}, {"sku": "RICE", "qty": 10}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}, {"sku": "RICE", "qty": 2.5}])
    return shop


def open_lines(shop: Shop) -> list[tuple[object, ...]]:
    return columns(shop.view("reservations"), "line", "warehouse", "ordered", "reserved", "released")


def test_an_order_is_given_back_whole(ordered: Shop) -> None:
    answer = ordered.release("O1", op_id="cancel")
    assert sorted(
        columns(answer, "line", "sku", "warehouse", "outcome", "qty_ordered", "qty_reserved", "available")
    ) == [
        (1, "APPLE", "BER", "released", 2, 0, 10),
        (1, "APPLE", "LON", "released", 4, 0, 4),
        (2, "RICE", "LON", "released", Decimal("2.5"), 0, 10),
    ]
    assert open_lines(ordered) == [
        (1, "BER", 2, 0, 2),
        (1, "LON", 4, 0, 4),
        (2, "LON", Decimal("2.5"), 0, Decimal("2.5")),
    ]
    assert ordered.level("APPLE") == (4, 0, 0, 4)
    assert ordered.differences() == []


def test_a_release_writes_one_entry_per_line_and_warehouse(ordered: Shop) -> None:
    ordered.release("O1", op_id="cancel", reason="changed their mind")
    names = (
        "line",
        "event_type",
        "sku",
        "warehouse",
        "qty_delta",
        "reserved_delta",
        "reserved_after",
        "order_ref",
        "reason",
    )
    assert sorted(ordered.entries(*names, op_id="cancel")) == [
        (1, "RELEASE", "APPLE", "BER", 0, -2, 0, "O1", "changed their mind"),
        (1, "RELEASE", "APPLE", "LON", 0, -4, 0, "O1", "changed their mind"),
        (2, "RELEASE", "RICE", "LON", 0, Decimal("-2.5"), 0, "O1", "changed their mind"),
    ]


def test_a_line_is_given_back_by_its_number(ordered: Shop) -> None:
    ordered.release("O1", [{"line": 2}])
    assert open_lines(ordered) == [
        (1, "BER", 2, 2, 0),
        (1, "LON", 4, 4, 0),
        (2, "LON", Decimal("2.5"), 0, Decimal("2.5")),
    ]
    assert ordered.differences() == []


def test_a_part_of_a_line_is_given_back(ordered: Shop) -> None:
    [row] = ordered.release("O1", [{"line": 2, "qty": 1}])
    assert (row["qty_ordered"], row["qty_reserved"], row["reserved"], row["available"]) == (
        Decimal("2.5"),
        Decimal("1.5"),
        Decimal("1.5"),
        Decimal("8.5"),
    )


def test_parts_can_be_given_back_any_number_of_times(ordered: Shop) -> None:
    for rest in ("2", "1.5", "1", "0.5", "0"):
        ordered.release("O1", [{"line": 2, "qty": 0.5}])
        assert ordered.level("RICE") == (10, 0, Decimal(rest), 10 - Decimal(rest))
    assert ordered.differences() == []


def test_a_sku_means_the_product_at_all_warehouses(ordered: Shop) -> None:
    ordered.release("O1", [{"sku": "APPLE"}])
    assert open_lines(ordered)[:2] == [(1, "BER", 2, 0, 2), (1, "LON", 4, 0, 4)]


def test_a_warehouse_narrows_it_down(ordered: Shop) -> None:
    ordered.release("O1", [{"sku": "APPLE", "warehouse": "BER"}, {"line": 2, "warehouse": "LON", "qty": 2.5}])
    assert columns(ordered.view("reservations"), "line", "warehouse", "reserved") == [
        (1, "BER", 0),
        (1, "LON", 4),
        (2, "LON", 0),
    ]


def test_a_quantity_is_taken_from_as_many_warehouses_as_it_needs(ordered: Shop) -> None:
    answer = ordered.release("O1", [{"line": 1, "qty": 5}])
    assert sum(row["qty_reserved"] for row in answer) == 1
    assert sum(row["released"] for row in ordered.view("reservations", line=1)) == 5
    assert ordered.differences() == []


def test_parts_of_the_same_sku_are_summed(ordered: Shop) -> None:
    ordered.release("O1", [{"sku": "RICE", "qty": 0.5}, {"sku": " RICE ", "qty": 1}])
    assert columns(ordered.view("reservations", sku="RICE"), "reserved") == [(1,)]


def test_what_was_given_back_can_be_promised_again(ordered: Shop) -> None:
    ordered.release("O1", [{"sku": "APPLE", "warehouse": "LON", "qty": 3}])
    assert columns(ordered.reserve("O2", [{"sku": "APPLE", "qty": 3}], warehouse="LON"), "outcome") == [("reserved",)]
    assert ordered.differences() == []


def test_promises_of_inactive_products_and_warehouses_can_be_given_back(ordered: Shop) -> None:
    ordered.put_products(lines=[{"sku": "APPLE", "active": False}])
    ordered.put_warehouses(lines=[{"code": "LON", "active": False}])
    ordered.release("O1")
    assert ordered.level("APPLE") == (4, 0, 0, 4)

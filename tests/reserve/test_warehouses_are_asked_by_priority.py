"""Which warehouse promises: the one that is named, otherwise the active ones by priority and then by code."""

from __future__ import annotations

import pytest

from tests.support import Shop, columns


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """4 APPLE in London (priority 1), 10 in Berlin (priority 2), 10 in Aachen (priority 2)."""
    shop.put_warehouses(lines=[{"code": "AAC", "name": "Aachen", "priority": 2}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 4}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 10}])
    shop.receive("AAC", [{"sku": "APPLE", "qty": 10}])
    return shop


def test_the_lowest_priority_number_is_asked_first(stocked: Shop) -> None:
    assert columns(stocked.reserve("O1", [{"sku": "APPLE", "qty": 4}]), "warehouse", "qty_reserved") == [("LON", 4)]


def test_equal_priorities_are_asked_by_code(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    assert columns(stocked.reserve("O2", [{"sku": "APPLE", "qty": 1}]), "warehouse") == [("AAC",)]


def test_a_line_is_split_over_several_warehouses(stocked: Shop) -> None:
    answer = stocked.reserve("O1", [{"sku": "APPLE", "qty": 16}])
    assert columns(answer, "line", "warehouse", "qty_ordered", "qty_reserved", "available") == [
        (1, "LON", 4, 4, 0),
        (1, "AAC", 10, 10, 0),
        (1, "BER", 2, 2, 8),
    ]
    assert columns(stocked.view("reservations"), "line", "warehouse", "ordered") == [
        (1, "AAC", 10),
        (1, "BER", 2),
        (1, "LON", 4),
    ]
    assert stocked.differences() == []


def test_a_changed_priority_counts_at_once(stocked: Shop) -> None:
    stocked.put_warehouses(lines=[{"code": "BER", "priority": 0}])
    assert columns(stocked.reserve("O1", [{"sku": "APPLE", "qty": 1}]), "warehouse") == [("BER",)]


def test_an_inactive_warehouse_is_not_asked(stocked: Shop) -> None:
    stocked.put_warehouses(lines=[{"code": "LON", "active": False}, {"code": "AAC", "active": False}])
    assert columns(stocked.reserve("O1", [{"sku": "APPLE", "qty": 3}]), "warehouse") == [("BER",)]
    [row] = stocked.reserve("O2", [{"sku": "APPLE", "qty": 8}])
    assert (row["outcome"], row["available"], row["qty_short"]) == ("rejected", 7, 1)


def test_a_named_warehouse_is_the_only_one_asked(stocked: Shop) -> None:
    assert columns(stocked.reserve("O1", [{"sku": "APPLE", "qty": 3}], warehouse="BER"), "warehouse") == [("BER",)]
    assert columns(stocked.reserve("O2", [{"sku": "APPLE", "qty": 8}], warehouse="BER"), "outcome") == [("rejected",)]


def test_a_lines_warehouse_counts_for_that_line(stocked: Shop) -> None:
    answer = stocked.reserve(
        "O1", [{"sku": "APPLE", "qty": 1, "warehouse": "AAC"}, {"sku": "APPLE", "qty": 1}], warehouse="BER"
    )
    assert columns(answer, "line", "warehouse") == [(1, "AAC"), (2, "BER")]


def test_lines_that_name_a_warehouse_are_served_before_those_that_do_not(stocked: Shop) -> None:
    answer = stocked.reserve("O1", [{"sku": "APPLE", "qty": 5}, {"sku": "APPLE", "qty": 3, "warehouse": "LON"}])
    assert sorted(columns(answer, "line", "warehouse", "qty_reserved")) == [(1, "AAC", 4), (1, "LON", 1), (2, "LON", 3)]
    assert stocked.differences() == []


def test_several_lines_share_what_a_warehouse_has(stocked: Shop) -> None:
    answer = stocked.reserve(
        "O1",
        [
            {"line": 1, "sku": "APPLE", "qty": 3},
            {"line": 2, "sku": "APPLE", "qty": 3},
            {"line": 3, "sku": "APPLE", "qty": 9},
        ],
    )
    assert sorted(columns(answer, "line", "warehouse", "qty_reserved")) == [
        (1, "LON", 3),
        (2, "AAC", 2),
        (2, "LON", 1),
        (3, "AAC", 8),
        (3, "BER", 1),
    ]
    assert stocked.differences() == []


def test_a_warehouse_in_the_red_adds_nothing_and_takes_nothing(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    stocked.adjust("LON", [{"sku": "APPLE", "qty": -3}], reason="lost")
    assert stocked.level("APPLE") == (1, 0, 4, -3)
    answer = stocked.reserve("O2", [{"sku": "APPLE", "qty": 20}])
    assert sorted(columns(answer, "warehouse", "qty_reserved")) == [("AAC", 10), ("BER", 10)]


def test_a_shortage_says_how_much_could_have_been_promised(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    stocked.adjust("LON", [{"sku": "APPLE", "qty": -3}], reason="lost")
    [row] = stocked.reserve("O2", [{"sku": "APPLE", "qty": 21}])
    assert (row["qty_short"], row["available"]) == (1, 20)

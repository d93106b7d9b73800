"""Putaway, replenishment, and what a move leaves as it was."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support import Shop, columns


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in A-1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    return shop


def test_a_move_leaves_the_level_as_it_was(stocked: Shop) -> None:
    stocked.move("LON", [{"sku": "APPLE", "qty": 4, "from": "A-1", "to": "P-1"}])
    assert stocked.level("APPLE") == (10, 0, 0, 10)
    assert columns(stocked.view("bins"), "location", "on_hand") == [("A-1", 6), ("P-1", 4)]
    assert stocked.differences() == []


def test_a_move_writes_what_leaves_and_what_enters(stocked: Shop) -> None:
    stocked.move(
        "LON",
        [{"sku": "APPLE", "qty": 4, "from": "A-1", "to": "P-1"}],
        reason="replenish",
        reference="T-1",
        note="by hand",
        occurred_at="2020-01-01 UTC",
    )
    entries = stocked.entries("event_type", "location", "qty_delta", "on_hand_after", event_type="MOVE")
    assert entries == [("MOVE", "A-1", -4, 6), ("MOVE", "P-1", 4, 10)]
    assert stocked.entries("reason", "reference", "note", event_type="MOVE") == [("replenish", "T-1", "by hand")] * 2


def test_the_answer_has_both_entries_of_each_line(stocked: Shop) -> None:
    answer = stocked.move("LON", [{"sku": "APPLE", "qty": 4, "from": "A-1", "to": "P-1", "line": 3}])
    assert columns(answer, "line", "location", "event_type", "qty", "on_hand", "available", "replayed") == [
        (3, "A-1", "MOVE", -4, 6, 6, False),
        (3, "P-1", "MOVE", 4, 10, 10, False),
    ]


def test_from_and_to_are_the_default_bin_and_the_same_bin_where_they_are_left_out(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.move("LON", [{"sku": "APPLE", "qty": 7, "to": "A-1"}])
    shop.move("LON", [{"sku": "APPLE", "qty": 2, "from": "A-1", "to": "DEFAULT"}])
    shop.move("LON", [{"sku": "APPLE", "qty": 1, "from": "A-1", "to_status": "hold"}])
    assert columns(shop.view("bins"), "location", "status", "on_hand") == [
        ("A-1", "available", 4),
        ("A-1", "hold", 1),
        ("DEFAULT", "available", 5),
    ]


def test_all_lines_happen_at_once(stocked: Shop) -> None:
    stocked.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-2"}])
    stocked.move(
        "LON",
        [
            {"sku": "APPLE", "qty": 10, "from": "A-1", "to": "A-2"},
            {"sku": "APPLE", "qty": 3, "from": "A-2", "to": "A-1"},
        ],
    )
    assert columns(stocked.view("bins"), "location", "on_hand") == [("A-1", 3), ("A-2", 10)]
    assert stocked.differences() == []


def test_several_lines_share_one_bin(stocked: Shop) -> None:
    stocked.move(
        "LON",
        [
            {"sku": "APPLE", "qty": 6, "from": "A-1", "to": "A-2"},
            {"sku": "APPLE", "qty": 4, "from": "A-1", "to": "P-1"},
        ],
    )
    assert columns(stocked.view("bins"), "location", "on_hand") == [("A-2", 6), ("P-1", 4)]
    assert stocked.differences() == []


def test_goods_put_away_keep_their_age(shop: Shop) -> None:
    for location in ("DEFAULT", "A-1"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": location}])
    shop.move("LON", [{"sku": "APPLE", "qty": 1, "to": "A-2"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    assert columns(shop.allocate("O1"), "location") == [("A-2",)]


def test_a_bin_that_holds_units_keeps_its_age(shop: Shop) -> None:
    for location in ("DEFAULT", "A-1", "A-2"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": location}])
    shop.move("LON", [{"sku": "APPLE", "qty": 1, "to": "A-2"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    assert columns(shop.allocate("O1"), "location") == [("A-1",)]


def test_a_lot_moves_under_its_name(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1"}, {"sku": "MILK", "qty": 5, "lot": "L2"}])
    shop.move("LON", [{"sku": "MILK", "qty": 1.5, "lot": "L2", "to": "A-1"}])
    assert columns(shop.view("bins"), "location", "lot", "on_hand") == [
        ("A-1", "L2", Decimal("1.5")),
        ("DEFAULT", "L1", 5),
        ("DEFAULT", "L2", Decimal("3.5")),
    ]


def test_several_products_move_in_one_call(stocked: Shop) -> None:
    stocked.receive("LON", [{"sku": "RICE", "qty": 2.5}])
    answer = stocked.move(
        "LON", [{"sku": "RICE", "qty": 2.5, "to": "A-2"}, {"sku": "APPLE", "qty": 1, "from": "A-1", "to": "A-2"}]
    )
    assert columns(answer, "line", "sku", "qty") == [
        (1, "RICE", Decimal("-2.5")),
        (1, "RICE", Decimal("2.5")),
        (2, "APPLE", -1),
        (2, "APPLE", 1),
    ]
    assert stocked.differences() == []


def test_stock_of_inactive_products_and_warehouses_can_still_be_moved(stocked: Shop) -> None:
    stocked.put_products(lines=[{"sku": "APPLE", "active": False}])
    stocked.put_warehouses(lines=[{"code": "LON", "active": False}])
    stocked.move("LON", [{"sku": "APPLE", "qty": 10, "from": "A-1", "to": "A-2"}])
    assert columns(stocked.view("bins"), "location", "on_hand") == [("A-2", 10)]


def test_each_bin_inherits_the_age_of_what_comes_into_it(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-2"}])
    shop.move("LON", [{"sku": "APPLE", "qty": 1, "from": "A-2", "to": "DEFAULT"}, {"sku": "APPLE", "qty": 1, "from": "A-1", "to": "P-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2}])
    assert columns(shop.allocate("O1"), "location") == [("P-1",), ("DEFAULT",)]

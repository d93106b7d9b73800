"""Found, lost and counted units: signed changes, and set_to with the balance that was expected."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support import Shop, columns


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in A-1, 4 in A-2."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "APPLE", "qty": 4, "location": "A-2"}])
    return shop


def test_found_units_raise_and_lost_units_lower_the_balance(stocked: Shop) -> None:
    stocked.adjust("LON", [{"sku": "APPLE", "qty": 3, "location": "A-1"}], reason="found behind the shelf")
    stocked.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-2"}], reason="broken")
    assert stocked.level("APPLE") == (16, 0, 0, 16)
    assert columns(stocked.view("bins"), "location", "on_hand") == [("A-1", 13), ("A-2", 3)]
    assert stocked.differences() == []


def test_an_adjustment_writes_an_entry_with_its_reason(stocked: Shop) -> None:
    stocked.adjust(
        "LON",
        [{"sku": "APPLE", "qty": -2, "location": "A-1", "unit_cost": 1.5}],
        op_id="count-1",
        reason="broken",
        reference="CS-1",
        note="fell down",
        occurred_at="2020-01-01 UTC",
    )
    assert stocked.entries("event_type", "qty_delta", "blocked_delta", "on_hand_after", op_id="count-1") == [
        ("ADJUST", -2, 0, 12)
    ]
    assert stocked.entries("reason", "reference", "note", "unit_cost", op_id="count-1") == [
        ("broken", "CS-1", "fell down", Decimal("1.5"))
    ]
    assert [str(at) for (at,) in stocked.entries("occurred_at", op_id="count-1")] == ["2020-01-01 00:00:00+00:00"]


def test_the_answer_has_one_row_per_line_with_the_balances_after_it(stocked: Shop) -> None:
    answer = stocked.adjust(
        "LON",
        [
            {"sku": "APPLE", "qty": -2, "location": "A-2", "line": 7},
            {"sku": "APPLE", "qty": 1, "location": "A-1", "line": 5},
        ],
        reason="counted",
    )
    assert columns(answer, "line", "location", "event_type", "qty", "on_hand", "available", "replayed") == [
        (7, "A-2", "ADJUST", -2, 12, 12, False),
        (5, "A-1", "ADJUST", 1, 13, 13, False),
    ]


def test_set_to_books_the_difference(stocked: Shop) -> None:
    [row] = stocked.adjust("LON", [{"sku": "APPLE", "set_to": 8, "expected": 10, "location": "A-1"}], reason="counted")
    assert (row["qty"], row["on_hand"]) == (-2, 12)
    assert stocked.level("APPLE") == (12, 0, 0, 12)


def test_a_count_that_agrees_is_an_entry_of_nothing(stocked: Shop) -> None:
    [row] = stocked.adjust("LON", [{"sku": "APPLE", "set_to": 10, "expected": 10, "location": "A-1"}], reason="counted")
    assert (row["qty"], row["on_hand"]) == (0, 14)
    assert stocked.entries("event_type", "qty_delta", event_type="ADJUST") == [("ADJUST", 0)]
    assert stocked.differences() == []


def test_units_can_be_found_where_nothing_was(stocked: Shop) -> None:
    stocked.adjust("LON", [{"sku": "RICE", "qty": 0.25, "location": "P-1"}], reason="found")
    stocked.adjust("BER", [{"sku": "APPLE", "set_to": 2, "expected": 0}], reason="counted")
    assert stocked.level("RICE") == (Decimal("0.25"), 0, 0, Decimal("0.25"))
    assert stocked.level("APPLE", "BER") == (2, 0, 0, 2)


def test_a_bin_can_be_emptied_and_is_then_no_longer_listed(stocked: Shop) -> None:
    stocked.adjust("LON", [{"sku": "APPLE", "qty": -4, "location": "A-2"}], reason="lost")
    assert columns(stocked.view("bins"), "location") == [("A-1",)]
    assert stocked.level("APPLE") == (10, 0, 0, 10)


def test_blocked_units_change_blocked_too(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "status": "damaged"}, {"sku": "APPLE", "qty": 5}])
    shop.adjust("LON", [{"sku": "APPLE", "qty": -4, "status": "damaged"}], reason="thrown away")
    assert shop.level("APPLE") == (11, 6, 0, 5)
    assert shop.entries("qty_delta", "blocked_delta", event_type="ADJUST") == [(-4, -4)]
    assert shop.differences() == []


def test_units_of_one_lot_are_adjusted_by_its_name(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1"}, {"sku": "MILK", "qty": 5, "lot": "L2"}])
    shop.adjust("LON", [{"sku": "MILK", "qty": -0.5, "lot": "L2"}], reason="spilled")
    assert columns(shop.view("bins"), "lot", "on_hand") == [("L1", 5), ("L2", Decimal("4.5"))]


def test_stock_of_inactive_products_and_warehouses_can_still_be_corrected(stocked: Shop) -> None:
    stocked.put_products(lines=[{"sku": "APPLE", "active": False}])
    stocked.put_warehouses(lines=[{"code": "LON", "active": False}])
    stocked.adjust("LON", [{"sku": "APPLE", "qty": -10, "location": "A-1"}], reason="sold off")
    assert stocked.level("APPLE") == (4, 0, 0, 4)


def test_products_that_share_a_location_keep_apart(shop: Shop) -> None:
    """Named in another order than they came to be, as is what lies loose, in a pallet, and in another of the same lot."""
    lot = {"sku": "MILK", "lot": "L1", "location": "A-1"}
    shop.receive("LON", [{"sku": sku, "qty": qty, "location": "A-1"} for sku, qty in (("APPLE", 10), ("RICE", 20))])
    shop.receive("LON", [lot | {"qty": 30}, lot | {"qty": 40, "handling_unit": "P1"}, lot | {"qty": 50, "handling_unit": "P2"}])
    shop.adjust(
        "LON",
        [
            lot | {"qty": -4, "handling_unit": "P2"},
            {"sku": "RICE", "set_to": 17, "expected": 20, "location": "A-1"},
            lot | {"qty": -2},
            {"sku": "APPLE", "qty": -1, "location": "A-1"},
            lot | {"set_to": 45, "expected": 40, "handling_unit": "P1"},
        ],
        reason="counted",
    )
    assert sorted(columns(shop.view("bins"), "sku", "on_hand")) == [("APPLE", 9), ("MILK", 28), ("MILK", 45), ("MILK", 46), ("RICE", 17)]
    assert {row["handling_unit"]: row["on_hand"] for row in shop.view("bins", sku="MILK")} == {None: 28, "P1": 45, "P2": 46}
    assert shop.differences() == []

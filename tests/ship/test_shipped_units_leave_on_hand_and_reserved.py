"""A shipment takes from both: the units are gone, and the promise is kept."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support import Connect, Shop, columns


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """Order O1: line 1 is 6 of 10 APPLE in A-1, line 2 is 1.5 of 4 MILK of the lot L1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "MILK", "qty": 4, "lot": "L1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}, {"sku": "MILK", "qty": 1.5}])
    return shop


def state(shop: Shop) -> list[tuple[object, ...]]:
    return columns(shop.view("reservations"), "line", "ordered", "reserved", "allocated", "shipped", "released")


def test_a_whole_order_ships_from_its_pins(ordered: Shop) -> None:
    ordered.allocate("O1")
    ordered.ship("O1")
    assert ordered.level("APPLE") == (4, 0, 0, 4)
    assert ordered.level("MILK") == (2.5, 0, 0, 2.5)
    assert state(ordered) == [(1, 6, 0, 0, 6, 0), (2, 1.5, 0, 0, 1.5, 0)]
    assert columns(ordered.view("bins"), "sku", "on_hand", "allocated") == [("APPLE", 4, 0), ("MILK", 2.5, 0)]
    assert ordered.differences() == []


def test_an_order_that_was_never_allocated_ships_too(ordered: Shop) -> None:
    ordered.ship("O1", op_id="ship")
    names = (
        "line",
        "event_type",
        "location",
        "lot",
        "qty_delta",
        "reserved_delta",
        "allocated_delta",
        "on_hand_after",
        "order_ref",
    )
    assert ordered.entries(*names, op_id="ship") == [
        (1, "SHIP", "A-1", None, -6, -6, 0, 4, "O1"),
        (2, "SHIP", "DEFAULT", "L1", Decimal("-1.5"), Decimal("-1.5"), 0, Decimal("2.5"), "O1"),
    ]
    assert ordered.differences() == []


def test_pins_leave_with_the_units(ordered: Shop) -> None:
    ordered.allocate("O1")
    ordered.ship("O1", op_id="ship")
    assert ordered.entries("qty_delta", "reserved_delta", "allocated_delta", "reserved_after", op_id="ship") == [
        (-6, -6, -6, 0),
        (-1.5, -1.5, -1.5, 0),
    ]


def test_the_answer_says_what_left_which_bin(ordered: Shop) -> None:
    row, _ = ordered.ship("O1", op_id="ship")
    entry = ordered.view("ledger", op_id="ship")[0]
    assert row == {
        "order_ref": "O1",
        "line": 1,
        "sku": "APPLE",
        "warehouse": "LON",
        "location": "A-1",
        "lot": None,
        "handling_unit": None,
        "qty": 6,
        "serials": None,
        "on_hand": 4,
        "blocked": 0,
        "reserved": 0,
        "available": 4,
        "entry_id": entry["entry_id"],
        "recorded_at": entry["recorded_at"],
        "replayed": False,
    }


def test_parts_of_lines_ship_any_number_of_times(ordered: Shop) -> None:
    ordered.allocate("O1")
    for n in range(1, 6):
        ordered.ship("O1", [{"line": 1, "qty": 1}])
        assert state(ordered)[0] == (1, 6, 6 - n, 6 - n, n, 0)
    ordered.ship("O1", [{"line": 2, "qty": 0.7}])
    ordered.ship("O1")
    assert state(ordered) == [(1, 6, 0, 0, 6, 0), (2, 1.5, 0, 0, 1.5, 0)]
    assert ordered.differences() == []


def test_a_part_ships_and_the_rest_is_given_back(ordered: Shop) -> None:
    ordered.allocate("O1")
    ordered.ship("O1", [{"sku": "APPLE", "qty": 2}])
    ordered.release("O1")
    assert state(ordered) == [(1, 6, 0, 0, 2, 4), (2, 1.5, 0, 0, 0, 1.5)]
    assert ordered.level("APPLE") == (8, 0, 0, 8)
    assert ordered.differences() == []


def test_lines_are_named_by_number_sku_or_warehouse(ordered: Shop) -> None:
    ordered.receive("BER", [{"sku": "APPLE", "qty": 5}])
    ordered.reserve("O1", [{"sku": "APPLE", "qty": 5}], warehouse="BER")
    ordered.ship("O1", [{"sku": "APPLE", "warehouse": "LON", "qty": 4}, {"line": 3, "qty": 2}, {"sku": "MILK"}])
    assert [row[2] for row in state(ordered)] == [2, 0, 3]
    assert ordered.level("APPLE", "BER") == (3, 0, 3, 0)
    assert ordered.differences() == []


def test_the_document_the_note_and_the_business_time_are_kept(ordered: Shop) -> None:
    ordered.ship("O1", [{"line": 1}], reference="DN-1", note="express", occurred_at="2020-05-05 UTC", op_id="ship")
    [(reference, note, occurred_at)] = ordered.entries("reference", "note", "occurred_at", op_id="ship")
    assert (reference, note, occurred_at.isoformat()) == ("DN-1", "express", "2020-05-05T00:00:00+00:00")


def test_what_an_inactive_warehouse_promised_is_shipped(ordered: Shop) -> None:
    ordered.put_warehouses(lines=[{"code": "LON", "active": False}])
    ordered.put_products(lines=[{"sku": "APPLE", "active": False}])
    ordered.ship("O1")
    assert ordered.level("APPLE") == (4, 0, 0, 4)


def test_a_hundred_lines_ship_in_one_operation(shop: Shop) -> None:
    skus = [f"SKU-{n:03}" for n in range(100)]
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in skus])
    shop.receive("LON", [{"sku": sku, "qty": 5} for sku in skus])
    shop.reserve("BIG", [{"sku": sku, "qty": 5} for sku in skus])
    shop.allocate("BIG")
    assert columns(shop.ship("BIG"), "line", "sku", "on_hand") == [(n + 1, sku, 0) for n, sku in enumerate(skus)]
    assert shop.differences() == []


def test_a_bound_login_ships_for_its_tenant(ordered: Shop, connect: Connect) -> None:
    Shop(connect("bound"), ordered.db).ship("O1")
    assert ordered.level("APPLE") == (4, 0, 0, 4)

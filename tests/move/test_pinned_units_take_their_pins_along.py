"""Free units move first, then pinned ones with their allocations, the newest first, of lines that asked for certain units last; into a blocked bin no pin goes."""

from __future__ import annotations

import pytest

from tests.support import Clock, Shop, columns, day


@pytest.fixture
def pinned(shop: Shop) -> Shop:
    """10 APPLE in A-1: 4 pinned to the order OLDER, then 3 to NEWER, 3 free."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    for order_ref, qty in [("OLDER", 4), ("NEWER", 3)]:
        shop.reserve(order_ref, [{"sku": "APPLE", "qty": qty}])
        shop.allocate(order_ref)
    return shop


def bins(shop: Shop) -> list[tuple[object, ...]]:
    return columns(shop.view("bins"), "location", "on_hand", "allocated")


def test_free_units_move_first(pinned: Shop) -> None:
    pinned.move("LON", [{"sku": "APPLE", "qty": 3, "from": "A-1", "to": "A-2"}])
    assert bins(pinned) == [("A-1", 7, 7), ("A-2", 3, 0)]


def test_then_the_newest_pins_move_along(pinned: Shop) -> None:
    pinned.move("LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", "to": "A-2"}], op_id="move")
    assert bins(pinned) == [("A-1", 5, 5), ("A-2", 5, 2)]
    assert pinned.entries("event_type", "location", "order_ref", "qty_delta", "allocated_delta", op_id="move") == [
        ("MOVE", "A-1", None, -3, 0),
        ("MOVE", "A-2", None, 3, 0),
        ("MOVE", "A-1", "NEWER", -2, -2),
        ("MOVE", "A-2", "NEWER", 2, 2),
    ]
    assert columns(pinned.view("reservations"), "order_ref", "allocated") == [("NEWER", 3), ("OLDER", 4)]
    assert pinned.differences() == []


def test_pins_of_lines_that_asked_for_the_place_stay_longest(pinned: Shop) -> None:
    pinned.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-1"}])
    pinned.reserve("HERE", [{"sku": "APPLE", "qty": 2, "warehouse": "LON", "location": "A-1"}])
    pinned.move("LON", [{"sku": "APPLE", "qty": 10, "from": "A-1", "to": "A-2"}])
    pinned.move("LON", [{"sku": "APPLE", "qty": 1, "from": "A-1", "to": "A-1", "to_status": "damaged"}])
    assert columns(pinned.view("reservations"), "order_ref", "allocated") == [("HERE", 1), ("NEWER", 3), ("OLDER", 4)]
    assert columns([b for b in pinned.view("bins") if b["status"] == "available"], "location", "on_hand", "allocated") == [("A-1", 1, 1), ("A-2", 10, 7)]
    assert pinned.differences() == []


def test_a_whole_bin_moves_with_all_its_pins(pinned: Shop) -> None:
    pinned.move("LON", [{"sku": "APPLE", "qty": 10, "from": "A-1", "to": "A-2"}])
    assert bins(pinned) == [("A-2", 10, 7)]
    assert columns(pinned.ship("OLDER"), "location", "qty") == [("A-2", 4)]
    assert columns(pinned.ship("NEWER"), "location", "qty") == [("A-2", 3)]
    assert pinned.differences() == []


def test_two_lines_divide_the_pins_between_them(pinned: Shop) -> None:
    pinned.move(
        "LON",
        [
            {"sku": "APPLE", "qty": 4, "from": "A-1", "to": "A-2"},
            {"sku": "APPLE", "qty": 6, "from": "A-1", "to": "P-1"},
        ],
    )
    assert bins(pinned) == [("A-2", 4, 1), ("P-1", 6, 6)]
    assert columns(pinned.ship("NEWER"), "location", "qty") == [("A-2", 1), ("P-1", 2)]
    assert pinned.differences() == []


def test_pins_that_come_back_together_are_one(pinned: Shop) -> None:
    pinned.move("LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", "to": "A-2"}])
    pinned.move("LON", [{"sku": "APPLE", "qty": 5, "from": "A-2", "to": "A-1"}])
    assert bins(pinned) == [("A-1", 10, 7)]
    assert columns(pinned.ship("NEWER"), "location", "qty") == [("A-1", 3)]
    assert pinned.differences() == []


def test_a_split_pin_ships_from_both_bins(pinned: Shop) -> None:
    pinned.move("LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", "to": "A-2"}])
    assert columns(pinned.ship("NEWER"), "location", "qty") == [("A-1", 1), ("A-2", 2)]
    assert pinned.differences() == []


def test_no_pin_goes_into_a_blocked_bin(pinned: Shop) -> None:
    pinned.move("LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", "to_status": "damaged"}], op_id="move", reason="wet")
    assert bins(pinned) == [("A-1", 5, 5), ("A-1", 5, 0)]
    assert pinned.entries("event_type", "order_ref", "qty_delta", "blocked_delta", "allocated_delta", op_id="move") == [
        ("STATUS", None, -3, 0, 0),
        ("STATUS", None, 3, 3, 0),
        ("DEALLOCATE", "NEWER", 0, 0, -2),
        ("STATUS", "NEWER", -2, 0, 0),
        ("STATUS", "NEWER", 2, 2, 0),
    ]
    assert columns(pinned.view("reservations"), "order_ref", "reserved", "allocated") == [
        ("NEWER", 3, 1),
        ("OLDER", 4, 4),
    ]
    assert pinned.level("APPLE") == (10, 5, 7, -2)
    assert pinned.differences() == []


def test_pins_on_a_lot_that_expired_are_gone_before_it_moves(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2), "location": "A-1"}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 5}])
    shop.allocate("O1")
    clock.advance(days=4)
    shop.move("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "from": "A-1", "to": "A-2"}], op_id="move")
    assert shop.entries("event_type", "order_ref", "qty_delta", "blocked_delta", "allocated_delta", op_id="move") == [
        ("DEALLOCATE", "O1", 0, 0, -5),
        ("STATUS", None, 0, 5, 0),
        ("MOVE", None, -5, -5, 0),
        ("MOVE", None, 5, 5, 0),
    ]
    assert shop.level("MILK") == (5, 5, 5, -5)
    assert shop.differences() == []

"""A line keeps its pins as long as it has enough promised units for them; then the newest go first."""

from __future__ import annotations

import pytest

from tests.support import Clock, Shop, columns, day


@pytest.fixture
def pinned(shop: Shop) -> Shop:
    """Order O1 of 8 APPLE, of which 3 are pinned in A-1 and then 2 in A-2."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-1"}, {"sku": "APPLE", "qty": 5, "status": "hold"}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "P-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 8}], warehouse="LON")
    shop.adjust("LON", [{"sku": "APPLE", "qty": -5, "location": "P-1"}], reason="lost")
    shop.allocate("O1")
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-2"}])
    shop.allocate("O1")
    return shop


def bins(shop: Shop) -> list[tuple[object, ...]]:
    return columns(shop.view("bins", warehouse="LON", status="available"), "location", "on_hand", "allocated")


def test_units_that_are_not_pinned_go_first(pinned: Shop) -> None:
    pinned.release("O1", [{"line": 1, "qty": 3}], op_id="release")
    assert bins(pinned) == [("A-1", 3, 3), ("A-2", 2, 2)]
    assert pinned.entries("event_type", op_id="release") == [("RELEASE",)]
    assert pinned.differences() == []


def test_then_the_newest_pins_go(pinned: Shop) -> None:
    pinned.release("O1", [{"line": 1, "qty": 4}], op_id="release", reason="too many")
    assert bins(pinned) == [("A-1", 3, 3), ("A-2", 2, 1)]
    assert pinned.entries("event_type", "location", "reserved_delta", "allocated_delta", "reason", op_id="release") == [
        ("DEALLOCATE", "A-2", 0, -1, "too many"),
        ("RELEASE", None, -4, 0, "too many"),
    ]
    assert pinned.differences() == []


def test_a_whole_release_frees_all_bins(pinned: Shop) -> None:
    answer = pinned.release("O1")
    assert columns(answer, "outcome", "qty_reserved", "reserved") == [("released", 0, 0)]
    assert bins(pinned) == [("A-1", 3, 0), ("A-2", 2, 0)]
    assert pinned.differences() == []


def test_pins_on_expired_lots_go_as_the_order_is_touched(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2)}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 5}])
    shop.allocate("O1")
    clock.advance(days=4)
    shop.release("O1", [{"line": 1, "qty": 1}], op_id="release")
    assert shop.entries("event_type", "blocked_delta", "reserved_delta", "allocated_delta", op_id="release") == [
        ("DEALLOCATE", 0, 0, -5),
        ("STATUS", 5, 0, 0),
        ("RELEASE", 0, -1, 0),
    ]
    assert shop.level("MILK") == (5, 5, 4, -4)
    assert shop.differences() == []

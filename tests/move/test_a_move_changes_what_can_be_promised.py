"""Into quarantine and out of it, on hold and released: blocked and available follow."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Clock, Shop, columns, day


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in A-1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    return shop


@pytest.mark.parametrize("status", ["hold", "quarantine", "damaged"])
def test_a_status_change_blocks_and_unblocks(stocked: Shop, status: str) -> None:
    stocked.move("LON", [{"sku": "APPLE", "qty": 4, "from": "A-1", "to_status": status}])
    assert stocked.level("APPLE") == (10, 4, 0, 6)
    stocked.move("LON", [{"sku": "APPLE", "qty": 3, "from": "A-1", "status": status, "to_status": "available"}])
    assert stocked.level("APPLE") == (10, 1, 0, 9)
    assert stocked.differences() == []


def test_a_status_change_is_two_status_entries(stocked: Shop) -> None:
    stocked.move("LON", [{"sku": "APPLE", "qty": 4, "from": "A-1", "to_status": "hold"}], reason="recall")
    assert stocked.entries(
        "event_type",
        "location",
        "status",
        "qty_delta",
        "blocked_delta",
        "on_hand_after",
        "blocked_after",
        reason="recall",
    ) == [("STATUS", "A-1", "available", -4, 0, 6, 0), ("STATUS", "A-1", "hold", 4, 4, 10, 4)]


def test_a_quarantine_location_blocks_whatever_its_status(stocked: Shop) -> None:
    stocked.move("LON", [{"sku": "APPLE", "qty": 4, "from": "A-1", "to": "Q-1"}])
    assert stocked.level("APPLE") == (10, 4, 0, 6)
    assert stocked.entries("event_type", "qty_delta", "blocked_delta", location="Q-1") == [("MOVE", 4, 4)]
    stocked.move("LON", [{"sku": "APPLE", "qty": 4, "from": "Q-1", "to": "A-2"}])
    assert stocked.level("APPLE") == (10, 0, 0, 10)
    assert stocked.differences() == []


def test_from_one_blocked_bin_to_another_nothing_becomes_available(stocked: Shop) -> None:
    stocked.move("LON", [{"sku": "APPLE", "qty": 10, "from": "A-1", "to": "Q-1"}])
    stocked.move("LON", [{"sku": "APPLE", "qty": 10, "from": "Q-1", "to": "A-2", "to_status": "damaged"}])
    assert stocked.level("APPLE") == (10, 10, 0, 0)
    assert stocked.entries("event_type", "qty_delta", "blocked_delta", "blocked_after")[-2:] == [
        ("MOVE", -10, -10, 0),
        ("MOVE", 10, 10, 10),
    ]


def test_units_of_an_expired_lot_stay_blocked_wherever_they_go(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2), "location": "A-1"}])
    clock.advance(days=4)
    shop.move("LON", [{"sku": "MILK", "qty": 2, "lot": "L1", "from": "A-1", "to": "A-2"}])
    assert shop.level("MILK") == (5, 5, 0, 0)
    assert shop.entries("line", "event_type", "location", "qty_delta", "blocked_delta") == [
        (1, "RECEIPT", "A-1", 5, 0),
        (0, "STATUS", "A-1", 0, 5),
        (1, "MOVE", "A-1", -2, -2),
        (1, "MOVE", "A-2", 2, 2),
    ]
    assert shop.differences() == []


@pytest.mark.parametrize(
    "target", [{"to": "Q-1"}, {"to_status": "damaged"}, {"to": "A-2", "to_status": "hold"}], ids=str
)
def test_promises_stay_when_their_units_are_blocked(stocked: Shop, target: dict[str, Any]) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 8}])
    stocked.move("LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", **target}])
    assert stocked.level("APPLE") == (10, 5, 8, -3)
    assert columns(stocked.view("reservations"), "reserved") == [(8,)]
    assert stocked.differences() == []

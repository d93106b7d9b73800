"""Status, location and lot say whether what comes in can be promised."""

from __future__ import annotations

import pytest

from tests.support import Clock, Shop, columns, day


@pytest.mark.parametrize("status", ["hold", "quarantine", "damaged"])
def test_a_status_other_than_available_blocks(shop: Shop, status: str) -> None:
    [row] = shop.receive("LON", [{"sku": "APPLE", "qty": 10, "status": status}])
    assert (row["status"], row["blocked"], row["available"]) == (status, 10, 0)
    assert shop.level("APPLE") == (10, 10, 0, 0)
    assert shop.differences() == []


def test_a_quarantine_location_blocks(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "Q-1"}, {"sku": "APPLE", "qty": 1, "location": "P-1"}])
    assert shop.level("APPLE") == (11, 10, 0, 1)
    assert columns(shop.view("bins"), "location", "on_hand", "blocked") == [("P-1", 1, 0), ("Q-1", 10, 10)]


def test_statuses_of_one_product_at_one_location_are_kept_apart(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "APPLE", "qty": 2, "status": "hold"}])
    assert columns(shop.view("bins"), "status", "on_hand", "blocked") == [("available", 10, 0), ("hold", 2, 2)]


def test_a_lot_that_has_expired_already_comes_in_blocked(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "OLD-1", "expires_on": day(-2)}])
    assert shop.level("MILK") == (5, 5, 0, 0)
    assert shop.entries("event_type", "qty_delta", "blocked_delta") == [("RECEIPT", 5, 5)]
    assert shop.differences() == []


def test_more_of_a_lot_that_expired_meanwhile_joins_the_blocked_units(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2)}])
    clock.advance(days=4)
    shop.receive("LON", [{"sku": "MILK", "qty": 3, "lot": "L1"}])
    assert shop.level("MILK") == (8, 8, 0, 0)
    assert shop.entries("event_type", "qty_delta", "blocked_delta", "blocked_after") == [
        ("RECEIPT", 5, 0, 0),
        ("STATUS", 0, 5, 5),
        ("RECEIPT", 3, 3, 8),
    ]
    assert shop.differences() == []


def test_a_bin_that_was_emptied_takes_the_state_of_what_comes_in_next(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "Q-1"}])
    shop.adjust("LON", [{"sku": "APPLE", "qty": -5, "location": "Q-1"}], reason="thrown away")
    shop.put_locations("LON", [{"code": "Q-1", "kind": "storage"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "Q-1"}])
    assert shop.level("APPLE") == (3, 0, 0, 3)
    assert shop.differences() == []

"""Safety stock, blocked units, and lots past their date."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Clock, Shop, columns, day


@pytest.mark.parametrize("where", [{"status": "hold"}, {"status": "damaged"}, {"location": "Q-1"}], ids=str)
def test_blocked_units_are_not_promised(shop: Shop, where: dict[str, Any]) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, **where}, {"sku": "APPLE", "qty": 3, "location": "A-1"}])
    assert columns(shop.reserve("O1", [{"sku": "APPLE", "qty": 4}]), "outcome", "qty_short") == [("rejected", 1)]
    assert columns(shop.reserve("O1", [{"sku": "APPLE", "qty": 3}]), "outcome") == [("reserved",)]
    assert shop.level("APPLE") == (13, 10, 3, 0)


def test_safety_stock_is_kept_back_in_each_warehouse(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "APPLE", "safety_stock": 2}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}])
    assert columns(shop.reserve("O1", [{"sku": "APPLE", "qty": 7}]), "outcome", "available") == [("rejected", 6)]
    answer = shop.reserve("O1", [{"sku": "APPLE", "qty": 6}])
    assert sorted(columns(answer, "warehouse", "qty_reserved", "on_hand", "reserved", "available")) == [
        ("BER", 3, 5, 3, 0),
        ("LON", 3, 5, 3, 0),
    ]
    assert shop.differences() == []


def test_a_lot_is_promised_until_the_end_of_its_last_day(shop: Shop, clock: Clock) -> None:
    last_day = day(40)
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": last_day}])
    clock.set(f"{last_day} 23:59:00 UTC")
    assert columns(shop.reserve("O1", [{"sku": "MILK", "qty": 1}]), "outcome") == [("reserved",)]
    clock.set(f"{day(41)} 00:00:00 UTC")
    assert columns(shop.reserve("O2", [{"sku": "MILK", "qty": 1}]), "outcome") == [("rejected",)]


def test_expired_units_are_blocked_by_the_first_who_would_be_promised_them(shop: Shop, clock: Clock) -> None:
    shop.receive(
        "LON",
        [
            {"sku": "MILK", "qty": 5, "lot": "SOON", "expires_on": day(2)},
            {"sku": "MILK", "qty": 3, "lot": "LATER", "expires_on": day(40)},
            {"sku": "MILK", "qty": 2, "lot": "NEVER"},
        ],
    )
    clock.advance(days=4)
    assert shop.level("MILK") == (10, 5, 0, 5)
    assert columns(shop.reserve("O1", [{"sku": "MILK", "qty": 4}], op_id="order"), "blocked", "available") == [(5, 1)]
    assert shop.entries("line", "event_type", "lot", "blocked_delta", "reserved_delta", "reason", op_id="order") == [
        (0, "STATUS", "SOON", 5, 0, "expired"),
        (1, "RESERVE", None, 0, 4, None),
    ]
    clock.advance(days=40)
    assert shop.level("MILK") == (10, 8, 4, -2)
    assert columns(shop.reserve("O2", [{"sku": "MILK", "qty": 1}]), "outcome", "available") == [("rejected", 0)]
    assert shop.level("MILK") == (10, 8, 4, -2)
    assert shop.differences() == []


def test_a_rejected_order_books_what_has_expired(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2)}])
    clock.advance(days=4)
    shop.reserve("O1", [{"sku": "MILK", "qty": 1}], op_id="order")
    assert shop.entries("event_type", "blocked_delta", op_id="order") == [("STATUS", 5)]
    assert shop.differences() == []


def test_a_lot_without_an_expiry_never_expires(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1"}])
    clock.advance(days=300)
    assert columns(shop.reserve("O1", [{"sku": "MILK", "qty": 5}]), "outcome") == [("reserved",)]


def test_an_expired_promise_of_units_leaves_the_promise(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2)}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 5}])
    clock.advance(days=4)
    assert shop.level("MILK") == (5, 5, 5, -5)
    shop.receive("LON", [{"sku": "MILK", "qty": 8, "lot": "L2", "expires_on": day(40)}])
    assert shop.level("MILK") == (13, 5, 5, 3)
    assert shop.differences() == []

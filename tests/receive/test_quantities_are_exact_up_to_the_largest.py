"""Quantities are decimal numbers with a bound, not floating-point ones without."""

from __future__ import annotations

from decimal import Decimal

import psycopg

from tests.support import Shop, columns, refused

LARGEST = "999999999999.999999"


def test_tenths_add_up_exactly(shop: Shop) -> None:
    for _ in range(3):
        shop.receive("LON", [{"sku": "RICE", "qty": 0.1}])
    assert shop.level("RICE") == (Decimal("0.3"), 0, 0, Decimal("0.3"))


def test_trailing_zeros_are_no_decimals(shop: Shop) -> None:
    [row] = shop.receive("LON", '[{"sku": "APPLE", "qty": 2.000}]')
    assert str(row["qty"]) == "2"


def test_the_largest_quantity_fits(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "DUST", "name": "Dust", "decimals": 6}])
    [row] = shop.receive("LON", f'[{{"sku": "DUST", "qty": {LARGEST}}}]')
    assert row["on_hand"] == Decimal(LARGEST)
    assert shop.level("DUST") == (Decimal(LARGEST), 0, 0, Decimal(LARGEST))
    assert shop.differences() == []


def test_the_largest_quantity_can_be_promised_and_shipped(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "DUST", "name": "Dust", "decimals": 6}])
    shop.receive("LON", f'[{{"sku": "DUST", "qty": {LARGEST}}}]')
    shop.reserve("O1", f'[{{"sku": "DUST", "qty": {LARGEST}}}]')
    assert columns(shop.allocate("O1"), "outcome", "qty") == [("allocated", Decimal(LARGEST))]
    shop.ship("O1")
    assert shop.level("DUST") == (0, 0, 0, 0)
    assert shop.differences() == []


def test_a_balance_beyond_the_largest_quantity_is_refused(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 999_999_999_999}])
    with refused(db, "OS110", sku="APPLE", warehouse="LON"):
        shop.receive("LON", [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 1, "location": "A-1"}])
    with refused(db, "OS110", sku="APPLE", warehouse="LON"):
        shop.adjust("LON", [{"sku": "APPLE", "qty": 1}], reason="found")


def test_a_receipt_of_a_thousand_lines_is_one_operation(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": f"SKU-{n}", "name": f"Product {n}"} for n in range(100)])
    lines = [{"sku": f"SKU-{n % 100}", "qty": 1 + n // 100, "location": ("A-1", "A-2")[n % 2]} for n in range(1000)]
    answer = shop.receive("LON", lines)
    assert [row["line"] for row in answer] == list(range(1, 1001))
    assert {(row["on_hand"], row["available"]) for row in shop.view("stock")} == {(55, 55)}
    assert shop.differences() == []


def test_of_several_balances_beyond_it_the_older_products_is_named(shop: Shop, db: psycopg.Connection) -> None:
    most = 999_999_999_999
    shop.receive("LON", [{"sku": "RICE", "qty": most}, {"sku": "MILK", "qty": most, "lot": "L1"}, {"sku": "APPLE", "qty": 1}])
    with refused(db, "OS110", sku="MILK", warehouse="LON", on_hand=most, qty=2):
        shop.receive("LON", [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 1}, *[{"sku": "MILK", "qty": 1, "lot": "L1"}] * 2])

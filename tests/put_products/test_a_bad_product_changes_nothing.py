"""Each key has its words and bounds; one bad line refuses all."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ({"sku": "NEW"}, "name"),
        ({"sku": "NEW", "name": None}, "name"),
        ({"sku": "NEW", "name": ""}, "name"),
        ({"sku": "APPLE", "name": None}, "name"),
        ({"sku": "APPLE", "name": "n" * 501}, "name"),
        ({"sku": "APPLE", "description": "d" * 10_001}, "description"),
        ({"sku": "APPLE", "unit": "kg"}, "unit"),
        ({"sku": "APPLE", "unit": "PIECES"}, "unit"),
        ({"sku": "APPLE", "unit": None}, "unit"),
        ({"sku": "APPLE", "decimals": -1}, "decimals"),
        ({"sku": "APPLE", "decimals": 7}, "decimals"),
        ({"sku": "APPLE", "decimals": None}, "decimals"),
        ({"sku": "APPLE", "tracking": "batch"}, "tracking"),
        ({"sku": "APPLE", "tracking": None}, "tracking"),
        ({"sku": "APPLE", "removal": "random"}, "removal"),
        ({"sku": "APPLE", "removal": None}, "removal"),
        ({"sku": "APPLE", "backorder": "sometimes"}, "backorder"),
        ({"sku": "APPLE", "backorder": None}, "backorder"),
        ({"sku": "APPLE", "backorder": "limited"}, "backorder_limit"),
        ({"sku": "APPLE", "backorder": "limited", "backorder_limit": 0}, "backorder_limit"),
        ({"sku": "APPLE", "backorder_limit": 10}, "backorder_limit"),
        ({"sku": "APPLE", "safety_stock": -1}, "safety_stock"),
        ({"sku": "APPLE", "safety_stock": None}, "safety_stock"),
        ({"sku": "APPLE", "safety_stock": 0.5}, "safety_stock"),
        ({"sku": "NEW", "name": "New", "decimals": 2, "safety_stock": 0.125}, "safety_stock"),
        ({"sku": "APPLE", "reorder_point": -1}, "reorder_point"),
        ({"sku": "APPLE", "reorder_quantity": 0}, "reorder_quantity"),
        ({"sku": "APPLE", "lead_time_days": -1}, "lead_time_days"),
        ({"sku": "APPLE", "lead_time_days": 36_501}, "lead_time_days"),
        ({"sku": "APPLE", "lead_time_days": 0.5}, "lead_time_days"),
        ({"sku": "APPLE", "attributes": None}, "attributes"),
        ({"sku": "APPLE", "attributes": {"text": "t" * 70_000}}, "attributes"),
        ({"sku": "APPLE", "active": None}, "active"),
        ({"sku": "RICE", "name": "Rice again"}, "sku"),
        ({"sku": " RICE"}, "sku"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_bad_key_is_named(shop: Shop, db: psycopg.Connection, line: dict[str, Any], key: str) -> None:
    place = 1 if key == "sku" else 2
    with refused(db, "22023", argument="lines", line=place, key=key):
        shop.put_products(lines=[{"sku": "RICE", "name": "Rice, bagged"}, line])


def test_of_several_bad_lines_the_first_is_named_and_of_its_keys_the_first_in_the_alphabet(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "22023", argument="lines", line=2, key="active", problem="must not be null"):
        shop.put_products(
            lines=[{"sku": "RICE", "name": "Rice, bagged"}, {"sku": "MILK", "unit": None, "active": None}, {"sku": "APPLE", "decimals": 7}]
        )

"""Once a product has moved, its tracking is fixed and its decimals can only grow."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.channels import keep, open_channels
from tests.support import Shop, columns, refused


@pytest.fixture
def moved(shop: Shop) -> Shop:
    """APPLE, MILK (by lot, 1 decimal) and RICE (3 decimals) came in, and are gone again."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}, {"sku": "MILK", "qty": 1, "lot": "L1"}, {"sku": "RICE", "qty": 1}])
    shop.adjust(
        "LON",
        [{"sku": "APPLE", "qty": -1}, {"sku": "MILK", "qty": -1, "lot": "L1"}, {"sku": "RICE", "qty": -1}],
        reason="gone",
    )
    return shop


@pytest.mark.parametrize(
    "line",
    [
        {"sku": "APPLE", "tracking": "lot"},
        {"sku": "MILK", "tracking": "none"},
        {"sku": "RICE", "decimals": 2},
        {"sku": "MILK", "decimals": 0},
    ],
    ids=str,
)
def test_it_is_refused(moved: Shop, db: psycopg.Connection, line: dict[str, Any]) -> None:
    with refused(db, "OS120", line=2, sku=line["sku"]):
        moved.put_products(lines=[{"sku": "NEW", "name": "New"}, line])


def test_the_same_values_again_and_more_decimals_are_fine(moved: Shop) -> None:
    moved.put_products(lines=[{"sku": "APPLE", "tracking": "none", "decimals": 2}, {"sku": "MILK", "tracking": "lot"}])
    moved.receive("LON", [{"sku": "APPLE", "qty": 0.25}])
    assert moved.level("APPLE")[0] == 0.25


def test_decimals_that_a_quota_uses_stay(shop: Shop, db: psycopg.Connection) -> None:
    """What is left for others would be a fraction of the smallest quantity."""
    keep(open_channels(shop), "WEB", 0.25, "RICE")
    with refused(db, "OS120", line=1, sku="RICE"):
        shop.put_products(lines=[{"sku": "RICE", "decimals": 1}])
    shop.put_products(lines=[{"sku": "RICE", "decimals": 2}])
    keep(shop, "WEB", 3, "RICE")
    shop.put_products(lines=[{"sku": "RICE", "decimals": 0}])


def test_decimals_that_a_kit_uses_stay(shop: Shop, db: psycopg.Connection) -> None:
    shop.put_products(lines=[{"sku": "HAMPER", "name": "Hamper"}])
    shop.put_kits(lines=[{"sku": "HAMPER", "components": [{"sku": "RICE", "qty": 0.25}, {"sku": "APPLE", "qty": 1}]}])
    with refused(db, "OS120", line=1, sku="RICE"):
        shop.put_products(lines=[{"sku": "RICE", "decimals": 1}])
    shop.put_products(lines=[{"sku": "RICE", "decimals": 2}, {"sku": "APPLE", "decimals": 0}])


def test_before_it_moves_everything_can_change(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "RICE", "decimals": 0, "tracking": "lot"}])
    shop.receive("LON", [{"sku": "RICE", "qty": 2, "lot": "L1"}])
    assert shop.level("RICE") == (2, 0, 0, 2)


def test_what_holds_other_products_leaves_this_one_free(shop: Shop) -> None:
    """FLOUR moved, and half a kilogram of it is kept and part of a kit; of RICE only whole ones are."""
    shop.put_products(lines=[{"sku": "FLOUR", "name": "Flour", "decimals": 3}, {"sku": "HAMPER", "name": "Hamper"}])
    shop.put_kits(lines=[{"sku": "HAMPER", "components": [{"sku": "FLOUR", "qty": 0.5}, {"sku": "RICE", "qty": 2}]}])
    shop.receive("LON", [{"sku": "FLOUR", "qty": 1}])
    keep(open_channels(shop), "WEB", 0.5, "FLOUR")
    keep(shop, "WEB", 2, "RICE")
    shop.put_products(lines=[{"sku": "RICE", "decimals": 0, "tracking": "lot"}])
    assert columns(shop.view("products", sku="RICE"), "decimals", "tracking") == [(0, "lot")]

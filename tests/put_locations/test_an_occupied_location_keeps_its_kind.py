"""What units may be promised is settled as they enter, so a location cannot change under them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, columns, refused


@pytest.fixture
def occupied(shop: Shop) -> Shop:
    """5 APPLE in A-1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    return shop


@pytest.mark.parametrize("change", [{"kind": "quarantine"}, {"kind": "picking"}, {"active": False}], ids=str)
def test_its_kind_cannot_change_nor_can_it_be_switched_off(
    occupied: Shop, db: psycopg.Connection, change: dict[str, Any]
) -> None:
    with refused(db, "OS120", line=2, location="A-1"):
        occupied.put_locations("LON", [{"code": "A-2", "pick_order": 1}, {"code": "A-1", **change}])


def test_its_pick_order_can_change_and_the_same_kind_be_given(occupied: Shop) -> None:
    answer = occupied.put_locations("LON", [{"code": "A-1", "kind": "storage", "pick_order": 9, "active": True}])
    assert columns(answer, "outcome") == [("updated",)]


def test_once_it_is_empty_everything_can_change(occupied: Shop) -> None:
    occupied.move("LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", "to": "A-2"}])
    occupied.put_locations("LON", [{"code": "A-1", "kind": "quarantine"}])
    occupied.move("LON", [{"sku": "APPLE", "qty": 2, "from": "A-2", "to": "A-1"}])
    assert occupied.level("APPLE") == (5, 2, 0, 3)
    occupied.move("LON", [{"sku": "APPLE", "qty": 2, "from": "A-1", "to": "A-2"}])
    occupied.put_locations("LON", [{"code": "A-1", "active": False}])
    assert occupied.differences() == []


def test_the_bin_named_default_is_like_any_other(shop: Shop, db: psycopg.Connection) -> None:
    shop.put_locations("LON", [{"code": "DEFAULT", "kind": "receiving", "active": False}])
    with refused(db, "OS106", location="DEFAULT"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 1}])


def test_of_several_that_are_occupied_the_first_is_named_and_empty_ones_change(occupied: Shop, db: psycopg.Connection) -> None:
    occupied.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "P-1"}])
    with refused(db, "OS120", line=2, location="P-1"):
        occupied.put_locations("LON", [{"code": code, "kind": "packing"} for code in ("A-2", "P-1", "A-1")])
    occupied.put_locations("LON", [{"code": "A-2", "kind": "packing"}])
    assert columns(occupied.view("locations", location="A-2"), "kind") == [("packing",)]

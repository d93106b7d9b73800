"""Each unit is pinned once, whatever the lines ask for: certain units first, then line by line, each from the bin where the one before it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import Shop, columns, day


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """In the end all is as verify wants it."""
    yield shop
    assert shop.differences() == []


def milk(lot: str, qty: float, ahead: int, location: str, **more: Any) -> dict[str, Any]:
    return {"sku": "MILK", "lot": lot, "qty": qty, "expires_on": day(ahead), "location": location, **more}


def test_a_line_that_wants_a_lot_takes_it_from_between_those_that_others_get(shop: Shop) -> None:
    """Its units were lost, and have come back. What it takes wholly is no bin of the others, who are served in the order in which they were promised."""
    second = milk("L2", 3, 10, "A-2")
    shop.receive("LON", [milk("L1", 3, 5, "A-1"), second, milk("L3", 6, 15, "P-1")])
    shop.reserve("O1", [{"line": 2, "sku": "MILK", "qty": 3, "lot": "L2"}])
    shop.adjust("LON", [{"sku": "MILK", "lot": "L2", "qty": -3, "location": "A-2"}], reason="lost")
    shop.receive("LON", [second])
    shop.reserve("O1", [{"line": 3, "sku": "MILK", "qty": 4}])
    shop.reserve("O1", [{"line": 1, "sku": "MILK", "qty": 2}])
    assert sorted(columns(shop.allocate("O1"), "line", "lot", "outcome", "qty")) == [
        (1, "L3", "allocated", 2),
        (2, "L2", "allocated", 3),
        (3, "L1", "allocated", 3),
        (3, "L3", "allocated", 1),
    ]


def test_a_line_that_whole_units_serve_takes_nothing_more(shop: Shop) -> None:
    """The loose units are for the line before it, which needs some of them."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    for code, qty in (("H1", 6), ("H2", 4), ("H3", 6)):
        shop.receive("LON", [{"sku": "APPLE", "qty": qty, "location": "A-2", "handling_unit": code}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 12}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}])
    assert columns(shop.allocate("O1", whole_units=True), "line", "handling_unit", "qty") == [(1, "H1", 6), (1, "H2", 4), (1, None, 2), (2, "H3", 6)]


def test_of_a_whole_unit_only_the_lots_that_are_free_are_pinned(shop: Shop) -> None:
    shop.receive("LON", [milk("M1", 2, 5, "A-1", handling_unit="H1"), milk("M2", 3, 9, "A-1", handling_unit="H1"), milk("M3", 9, 7, "A-2")])
    shop.reserve("OTHER", [{"sku": "MILK", "qty": 2, "lot": "M1"}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 3}])
    assert columns(shop.allocate("O1", whole_units=True), "handling_unit", "lot", "qty") == [("H1", "M2", 3)]


def test_units_that_are_added_to_a_bin_make_it_no_younger(shop: Shop) -> None:
    for location in ("A-2", "A-1", "A-2"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": location}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3}])
    assert columns(shop.allocate("O1"), "location", "qty") == [("A-2", 2), ("A-1", 1)]

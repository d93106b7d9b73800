"""A location is one of its warehouse, a lot or a piece one of its product: others of the same name are somebody else's."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Shop, columns, day, refused


@pytest.fixture
def namesakes(shop: Shop) -> Shop:
    """Bins A-1 and A-2 in London and Berlin; lots L1 of MILK and of WINE; pieces S1 and S2 of LAMP and of PHONE."""
    shop.put_products(
        lines=[
            {"sku": "LAMP", "name": "Lamp", "tracking": "serial"},
            {"sku": "PHONE", "name": "Phone", "tracking": "serial"},
            {"sku": "WINE", "name": "Wine", "tracking": "lot"},
        ]
    )
    shop.put_locations("BER", [{"code": "A-1"}, {"code": "A-2"}])
    for warehouse in ("LON", "BER"):
        shop.receive(warehouse, [{"sku": "APPLE", "qty": 5, "location": bin_} for bin_ in ("A-1", "A-2")])
    for sku in ("MILK", "WINE"):
        lines = [{"sku": sku, "qty": 4, "location": "A-1", "lot": lot, "expires_on": day(9)} for lot in ("L1", "L2")]
        shop.receive("LON", lines)
    for sku in ("LAMP", "PHONE"):
        shop.receive("LON", [{"sku": sku, "serials": ["S1", "S2"], "location": "A-1"}])
    return shop


def allocated(shop: Shop) -> list[tuple[object, ...]]:
    """(sku, warehouse, location, lot, units) of what is pinned."""
    return columns([b for b in shop.view("bins") if b["allocated"]], "sku", "warehouse", "location", "lot", "allocated")


@pytest.mark.parametrize("warehouse", ["LON", "BER"])
@pytest.mark.parametrize("location", ["A-1", "A-2"])
def test_a_location_is_that_of_the_warehouse(namesakes: Shop, warehouse: str, location: str) -> None:
    namesakes.reserve("O1", [{"sku": "APPLE", "qty": 5, "warehouse": warehouse, "location": location}])
    assert allocated(namesakes) == [("APPLE", warehouse, location, None, 5)]


@pytest.mark.parametrize("sku", ["MILK", "WINE"])
@pytest.mark.parametrize("lot", ["L1", "L2"])
def test_a_lot_is_that_of_the_product(namesakes: Shop, sku: str, lot: str) -> None:
    namesakes.reserve("O1", [{"sku": sku, "qty": 4, "lot": lot}])
    assert allocated(namesakes) == [(sku, "LON", "A-1", lot, 4)]


@pytest.mark.parametrize("sku", ["LAMP", "PHONE"])
@pytest.mark.parametrize("serial", ["S1", "S2"])
def test_a_piece_is_that_of_the_product(namesakes: Shop, sku: str, serial: str) -> None:
    namesakes.reserve("O1", [{"sku": sku, "serials": [serial]}])
    assert columns([p for p in namesakes.view("serials") if p["order_ref"]], "sku", "serial") == [(sku, serial)]
    assert columns(namesakes.view("reservations"), "sku", "serials") == [(sku, [serial])]


def test_a_lot_or_a_piece_that_only_another_product_has_is_unknown(namesakes: Shop, db: psycopg.Connection) -> None:
    namesakes.receive("LON", [{"sku": "WINE", "qty": 1, "lot": "L3"}, {"sku": "LAMP", "serials": ["S3"]}])
    with refused(db, "OS107", line=2, sku="MILK", lot="L3"):
        namesakes.reserve("O1", [{"sku": "WINE", "qty": 1, "lot": "L3"}, {"sku": "MILK", "qty": 1, "lot": "L3"}])
    with refused(db, "OS111", line=2, sku="PHONE", serial="S3"):
        namesakes.reserve("O1", [{"sku": "LAMP", "serials": ["S3"]}, {"sku": "PHONE", "serials": ["S1", "S3"]}])


def test_of_several_wrong_lines_the_first_is_named(namesakes: Shop, db: psycopg.Connection) -> None:
    good = {"sku": "APPLE", "qty": 1}
    with refused(db, "OS101", line=2, sku="PEAR"):
        namesakes.reserve("O1", [good, {"sku": "PEAR", "qty": 1}, {"sku": "OLD", "qty": 1}])
    with refused(db, "22023", line=3, key="serials", serial="S1", sku="LAMP"):
        twice = [{"sku": "LAMP", "serials": ["S2", "S1"]}, good, {"sku": "LAMP", "serials": ["S1", "S2"]}]
        namesakes.reserve("O1", twice)


def test_lines_are_answered_in_the_order_in_which_they_were_asked(namesakes: Shop) -> None:
    """Those that are the same are one, where the first of them stood."""
    asked = [("WINE", 1), ("APPLE", 1), ("MILK", 1), ("WINE", 2), ("APPLE", 2)]
    answer = namesakes.reserve("O1", [{"sku": sku, "qty": qty} for sku, qty in asked])
    assert columns(answer, "line", "sku", "qty_reserved") == [(1, "WINE", 3), (2, "APPLE", 3), (3, "MILK", 1)]

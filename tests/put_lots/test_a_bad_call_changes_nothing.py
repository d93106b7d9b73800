"""put_lots refuses what it cannot mean."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.support import Shop, columns, day, refused


@pytest.fixture
def dairy(shop: Shop) -> Shop:
    shop.receive("LON", [{"sku": "MILK", "lot": "L1", "qty": 5, "expires_on": day(5)}])
    return shop


MILK = {"sku": "MILK", "lot": "L1"}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (MILK | {"quality": "good"}, "quality"),
        (MILK | {"quality": ""}, "quality"),
        (MILK | {"quality": None}, "quality"),
        (MILK | {"quality": 1}, "quality"),
        (MILK | {"expires_on": "soon"}, "expires_on"),
        (MILK | {"qty": 1}, "qty"),
        ({"sku": "MILK"}, "lot"),
        ({"sku": "MILK", "lot": ""}, "lot"),
        ({"lot": "L1"}, "sku"),
        ({"sku": " MILK", "lot": "N1 "}, "lot"),
    ],
)
def test_a_bad_line_changes_nothing(dairy: Shop, db: psycopg.Connection, line: dict[str, Any], key: str) -> None:
    first = {"sku": "MILK", "lot": "N1", "quality": "hold"}
    with refused(db, "22023", argument="lines", key=key) as refusal:
        dairy.put_lots(lines=[first, line])
    assert refusal.detail["line"] in (1, 2)


def test_products_have_to_be_there_and_tracked_by_lot(dairy: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS101", line=2, sku="NONE"):
        dairy.put_lots(lines=[MILK | {"quality": "hold"}, {"sku": "NONE", "lot": "L1"}])
    with refused(db, "OS108", line=1, sku="APPLE", lot="L1", problem="the product is not tracked by lot"):
        dairy.put_lots(lines=[{"sku": "APPLE", "lot": "L1"}])


def test_the_first_line_that_is_wrong_is_told(dairy: Shop, db: psycopg.Connection) -> None:
    lines = [MILK, {"sku": "APPLE", "lot": "L1"}, {"sku": "NONE", "lot": "L1"}]
    with refused(db, "OS108", line=2):
        dairy.put_lots(lines=lines)


def test_a_lot_keeps_its_expiry(dairy: Shop, db: psycopg.Connection) -> None:
    lines = [{"sku": "MILK", "lot": "N1"}, MILK | {"expires_on": day(6), "quality": "hold"}]
    with refused(db, "OS108", line=2, sku="MILK", lot="L1", expires_on=day(5), given=day(6)):
        dairy.put_lots(lines=lines)
    dairy.put_lots(lines=[{"sku": "MILK", "lot": "N1"}])
    with refused(db, "OS108", lot="N1", expires_on=None, given=day(6)):
        dairy.put_lots(lines=[{"sku": "MILK", "lot": "N1", "expires_on": day(6)}])


def test_a_reason_is_not_endless(dairy: Shop, db: psycopg.Connection) -> None:
    with refused(db, "22023", argument="reason"):
        dairy.put_lots(lines=[MILK | {"quality": "hold"}], reason="x" * 10_001)


def test_the_first_line_with_another_expiry_is_told(dairy: Shop, db: psycopg.Connection) -> None:
    names = [f"N{n}" for n in range(9)]
    dairy.put_lots(lines=[{"sku": "MILK", "lot": name, "expires_on": day(7)} for name in names])
    for order in (names, names[::-1]):
        with refused(db, "OS108", line=1, lot=order[0]):
            dairy.put_lots(lines=[{"sku": "MILK", "lot": name, "expires_on": day(8)} for name in order])


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE], ids=lambda level: level.name)
def test_another_quality_needs_read_committed(dairy: Shop, db: psycopg.Connection, level: IsolationLevel) -> None:
    dairy.connection.execute(f"set default_transaction_isolation = '{level.name.replace('_', ' ').lower()}'")
    with refused(db, "OS121", isolation=level.name.replace("_", " ").lower()):
        dairy.put_lots(lines=[MILK | {"quality": "hold"}])
    assert columns(dairy.put_lots(lines=[MILK, {"sku": "MILK", "lot": "N1", "quality": "hold"}]), "outcome") == [("unchanged",), ("created",)]

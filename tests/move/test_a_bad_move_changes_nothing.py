"""Moves of more than there is, to where nothing may go, or to nowhere."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused

GOOD = {"sku": "APPLE", "qty": 1, "from": "A-1", "to": "A-2"}


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in A-1, and a lot of MILK."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "MILK", "qty": 5, "lot": "L1"}])
    return shop


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({"sku": "PEAR"}, "OS101", {"sku": "PEAR"}),
        ({"from": "Z-9"}, "OS105", {"location": "Z-9"}),
        ({"to": "Z-9"}, "OS105", {"location": "Z-9"}),
        ({"to": "OFF"}, "OS106", {"location": "OFF"}),
        ({"sku": "MILK", "lot": "L9", "from": "DEFAULT"}, "OS107", {"sku": "MILK", "lot": "L9"}),
        ({"sku": "MILK", "from": "DEFAULT"}, "OS108", {"sku": "MILK"}),
        ({"lot": "L1"}, "OS108", {"sku": "APPLE", "lot": "L1"}),
        ({"qty": 0}, "OS110", {"problem": "must be positive"}),
        ({"qty": -1}, "OS110", {"problem": "must be positive"}),
        ({"qty": 0.5}, "OS110", {"problem": "must have at most 0 decimals"}),
        ({"status": "lost"}, "22023", {"key": "status"}),
        ({"to_status": "lost"}, "22023", {"key": "status"}),
        ({"to": "A-1"}, "22023", {"problem": "must go to another bin or status"}),
        ({"to": "A-1", "to_status": "available"}, "22023", {"problem": "must go to another bin or status"}),
        ({"from": "DEFAULT"}, "OS201", {"location": "DEFAULT", "qty": 1, "on_hand": 0}),
        ({"status": "hold"}, "OS201", {"location": "A-1", "qty": 1, "on_hand": 0}),
        (
            {"sku": "MILK", "lot": "L1", "from": "DEFAULT", "qty": 5.1},
            "OS201",
            {"sku": "MILK", "qty": 5.1, "on_hand": 5},
        ),
    ],
    ids=str,
)
def test_a_bad_line_is_named(
    stocked: Shop, db: psycopg.Connection, line: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, line=2, **detail):
        stocked.move("LON", [GOOD, GOOD | line])


def test_lines_that_take_more_than_the_bin_together_are_refused(stocked: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS201", sku="APPLE", location="A-1", on_hand=10):
        stocked.move("LON", [GOOD | {"qty": 6}, GOOD | {"qty": 5, "to": "P-1"}])


def test_units_that_arrive_by_the_same_call_cannot_leave_by_it(stocked: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS201", line=2, location="A-2", on_hand=0):
        stocked.move("LON", [GOOD, GOOD | {"from": "A-2", "to": "P-1"}])


def test_units_of_another_status_are_not_taken(stocked: Shop, db: psycopg.Connection) -> None:
    stocked.move("LON", [{"sku": "APPLE", "qty": 10, "from": "A-1", "to_status": "hold"}])
    with refused(db, "OS201", line=1, on_hand=0):
        stocked.move("LON", [GOOD])


@pytest.mark.parametrize(
    ("argument", "value", "code"),
    [
        ("warehouse", "NOWHERE", "OS103"),
        ("warehouse", None, "22023"),
        ("reason", "r" * 1001, "22023"),
        ("reference", "r" * 1001, "22023"),
        ("note", "r" * 1001, "22023"),
        ("occurred_at", "-infinity", "22023"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_argument_is_named(
    stocked: Shop, db: psycopg.Connection, argument: str, value: str | None, code: str
) -> None:
    detail = {"argument": argument} if code == "22023" else {argument: value}
    with refused(db, code, **detail):
        stocked.move(**{"warehouse": "LON", "lines": [GOOD]} | {argument: value})


def test_of_several_bad_lines_the_first_is_named(stocked: Shop, db: psycopg.Connection) -> None:
    nowhere = [GOOD | {"to": "A-1"}, GOOD | {"from": "P-1"}]
    for bad in (nowhere, nowhere[::-1]):
        with refused(db, "22023" if bad is nowhere else "OS201", line=2):
            stocked.move("LON", [GOOD, *bad])
    with refused(db, "OS105", line=2, location="Z-9"):
        stocked.move("LON", [GOOD, GOOD | {"to": "Z-9"}, GOOD | {"sku": "PEAR"}])


def test_a_location_of_another_warehouse_is_unknown(stocked: Shop, db: psycopg.Connection) -> None:
    stocked.put_locations("BER", [{"code": "B-9"}])
    for side in ("from", "to"):
        with refused(db, "OS105", line=1, location="B-9"):
            stocked.move("LON", [GOOD | {side: "B-9"}])

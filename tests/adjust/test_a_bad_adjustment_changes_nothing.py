"""Less than nothing, unexpected balances, unclear lines and unknown names."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused

GOOD = {"sku": "APPLE", "qty": -1, "location": "A-1"}


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in A-1, and a lot of MILK."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "MILK", "qty": 5, "lot": "L1"}])
    return shop


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({"sku": "PEAR", "qty": 1}, "OS101", {"sku": "PEAR"}),
        ({"sku": "APPLE", "qty": 1, "location": "Z-9"}, "OS105", {"location": "Z-9"}),
        ({"sku": "APPLE", "qty": 1, "location": "OFF"}, "OS106", {"location": "OFF"}),
        ({"sku": "MILK", "qty": 1, "lot": "L9"}, "OS107", {"sku": "MILK", "lot": "L9"}),
        ({"sku": "MILK", "qty": 1}, "OS108", {"sku": "MILK"}),
        ({"sku": "APPLE", "qty": 1, "lot": "L1"}, "OS108", {"sku": "APPLE", "lot": "L1"}),
        ({"sku": "APPLE", "qty": 0}, "OS110", {"problem": "must not be zero"}),
        ({"sku": "APPLE", "qty": -0.5}, "OS110", {"problem": "must have at most 0 decimals"}),
        ({"sku": "APPLE", "set_to": -1, "expected": 0}, "OS110", {"problem": "must not be negative"}),
        ({"sku": "APPLE", "set_to": 1.5, "expected": 0}, "OS110", {"problem": "must have at most 0 decimals"}),
        ({"sku": "APPLE", "set_to": 1, "expected": -1}, "OS110", {"problem": "must not be negative"}),
        ({"sku": "APPLE", "qty": 1, "unit_cost": -1}, "OS110", {"problem": "unit_cost must not be negative"}),
        ({"sku": "APPLE", "qty": 1, "status": "lost"}, "22023", {"key": "status"}),
        ({"sku": "APPLE"}, "22023", {"problem": "must have either qty or set_to"}),
        (
            {"sku": "APPLE", "qty": 1, "set_to": 2, "expected": 1},
            "22023",
            {"problem": "must have either qty or set_to"},
        ),
        ({"sku": "APPLE", "set_to": 2}, "22023", {"problem": "set_to and expected go together"}),
        ({"sku": "APPLE", "qty": 2, "expected": 1}, "22023", {"problem": "set_to and expected go together"}),
        (GOOD, "22023", {"problem": "names a bin that another line names too"}),
        ({"sku": "APPLE", "qty": -1}, "OS201", {"sku": "APPLE", "qty": -1, "on_hand": 0}),
        ({"sku": "MILK", "qty": -5.1, "lot": "L1"}, "OS201", {"sku": "MILK", "qty": -5.1, "on_hand": 5}),
        ({"sku": "MILK", "set_to": 4, "expected": 6, "lot": "L1"}, "OS202", {"expected": 6, "on_hand": 5}),
    ],
    ids=str,
)
def test_a_bad_line_is_named(
    stocked: Shop, db: psycopg.Connection, line: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    place = 1 if line is GOOD else 2
    with refused(db, code, line=place, **detail):
        stocked.adjust("LON", [GOOD, line], reason="counted")


@pytest.mark.parametrize(
    ("argument", "value", "code", "detail"),
    [
        ("warehouse", "NOWHERE", "OS103", {"warehouse": "NOWHERE"}),
        ("warehouse", None, "22023", {"argument": "warehouse", "problem": "missing"}),
        ("reason", None, "22023", {"argument": "reason", "problem": "missing"}),
        ("reason", "", "22023", {"argument": "reason"}),
        ("reason", "r" * 1001, "22023", {"argument": "reason", "problem": "must have at most 1000 characters"}),
        ("reference", "r" * 1001, "22023", {"argument": "reference"}),
        ("note", "r" * 1001, "22023", {"argument": "note"}),
        ("occurred_at", "infinity", "22023", {"argument": "occurred_at"}),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_argument_is_named(
    stocked: Shop, db: psycopg.Connection, argument: str, value: str | None, code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, **detail):
        stocked.adjust(**{"warehouse": "LON", "lines": [GOOD], "reason": "counted"} | {argument: value})


def test_a_loss_greater_than_the_bin_is_refused_even_if_other_bins_hold_it(
    stocked: Shop, db: psycopg.Connection
) -> None:
    stocked.receive("LON", [{"sku": "APPLE", "qty": 50, "location": "A-2"}])
    with refused(db, "OS201", line=1, sku="APPLE", qty=-11, on_hand=10):
        stocked.adjust("LON", [{"sku": "APPLE", "qty": -11, "location": "A-1"}], reason="lost")


def test_of_several_bad_lines_the_first_is_named(stocked: Shop, db: psycopg.Connection) -> None:
    empty, unlike = {"sku": "APPLE", "qty": -1}, {"sku": "MILK", "set_to": 4, "expected": 6, "lot": "L1"}
    with refused(db, "OS201", line=2):
        stocked.adjust("LON", [GOOD, empty, unlike], reason="counted")
    with refused(db, "OS202", line=2):
        stocked.adjust("LON", [GOOD, unlike, empty], reason="counted")

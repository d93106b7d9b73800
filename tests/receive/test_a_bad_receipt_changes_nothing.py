"""Names that do not exist or are not active, quantities that cannot be, and arguments that make no sense."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused

GOOD = {"sku": "APPLE", "qty": 1}


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({"sku": "PEAR"}, "OS101", {"sku": "PEAR"}),
        ({"sku": "apple"}, "OS101", {"sku": "apple"}),
        ({"sku": "OLD"}, "OS102", {"sku": "OLD"}),
        ({"location": "Z-9"}, "OS105", {"location": "Z-9"}),
        ({"location": "OFF"}, "OS106", {"location": "OFF"}),
        ({"qty": 0}, "OS110", {"sku": "APPLE", "problem": "must be positive"}),
        ({"qty": -1}, "OS110", {"sku": "APPLE", "problem": "must be positive"}),
        ({"qty": 2.6}, "OS110", {"sku": "APPLE", "problem": "must have at most 0 decimals"}),
        ({"sku": "RICE", "qty": 0.0001}, "OS110", {"sku": "RICE", "problem": "must have at most 3 decimals"}),
        ({"unit_cost": -0.01}, "OS110", {"sku": "APPLE", "problem": "unit_cost must not be negative"}),
        ({"status": "broken"}, "22023", {"argument": "lines", "key": "status"}),
    ],
    ids=str,
)
def test_a_bad_line_is_named(
    shop: Shop, db: psycopg.Connection, line: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, line=2, **detail):
        shop.receive("LON", [GOOD, GOOD | line])


@pytest.mark.parametrize(("warehouse", "code"), [("NOWHERE", "OS103"), ("lon", "OS103"), ("SHUT", "OS104")], ids=str)
def test_the_warehouse_must_exist_and_be_active(shop: Shop, db: psycopg.Connection, warehouse: str, code: str) -> None:
    with refused(db, code, warehouse=warehouse):
        shop.receive(warehouse, [GOOD])


def test_a_location_of_another_warehouse_is_unknown(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS105", line=1, location="A-1"):
        shop.receive("BER", [GOOD | {"location": "A-1"}])


@pytest.mark.parametrize(
    ("argument", "value", "problem"),
    [
        ("warehouse", None, "missing"),
        ("warehouse", "", "must have 1 to 64 characters"),
        ("warehouse", "   ", "must have 1 to 64 characters"),
        ("warehouse", "W" * 65, "must have 1 to 64 characters"),
        ("warehouse", "L\nON", "must not contain control characters"),
        ("reference", "r" * 1001, "must have at most 1000 characters"),
        ("note", "n" * 1001, "must have at most 1000 characters"),
        ("occurred_at", "infinity", "must be finite"),
        ("occurred_at", "-infinity", "must be finite"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_bad_argument_is_named(
    shop: Shop, db: psycopg.Connection, argument: str, value: str | None, problem: str
) -> None:
    arguments = {"warehouse": "LON", "lines": [GOOD]} | {argument: value}
    with refused(db, "22023", argument=argument, problem=problem):
        shop.receive(**arguments)


def test_a_missing_warehouse_is_refused_before_its_lines_are_looked_at(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS103", warehouse="NOWHERE"):
        shop.receive("NOWHERE", [{"sku": "PEAR", "qty": -1}])


def test_one_bad_line_among_many_refuses_all(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS101", line=200, sku="PEAR"):
        shop.receive("LON", [GOOD] * 199 + [{"sku": "PEAR", "qty": 1}])


def test_of_several_bad_lines_the_first_is_named(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS105", line=2, location="Z-9"):
        shop.receive("LON", [GOOD, GOOD | {"location": "Z-9"}, GOOD | {"sku": "PEAR"}])

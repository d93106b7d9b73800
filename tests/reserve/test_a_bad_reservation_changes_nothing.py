"""Unknown and inactive names, quantities that cannot be, and arguments that make no sense."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused

GOOD = {"sku": "APPLE", "qty": 1}


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in London."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    return shop


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({"sku": "PEAR"}, "OS101", {"sku": "PEAR"}),
        ({"sku": "OLD"}, "OS102", {"sku": "OLD"}),
        ({"warehouse": "NOWHERE"}, "OS103", {"warehouse": "NOWHERE"}),
        ({"warehouse": "SHUT"}, "OS104", {"warehouse": "SHUT"}),
        ({"qty": 0}, "OS110", {"sku": "APPLE", "problem": "must be positive"}),
        ({"qty": -1}, "OS110", {"sku": "APPLE", "problem": "must be positive"}),
        ({"qty": 0.5}, "OS110", {"sku": "APPLE", "problem": "must have at most 0 decimals"}),
        ({"sku": "RICE", "qty": 0.0005}, "OS110", {"sku": "RICE", "problem": "must have at most 3 decimals"}),
    ],
    ids=str,
)
def test_a_bad_line_is_named(
    stocked: Shop, db: psycopg.Connection, line: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, line=2, **detail):
        stocked.reserve("O1", [GOOD, GOOD | line])


@pytest.mark.parametrize(
    ("argument", "value", "code"),
    [
        ("warehouse", "NOWHERE", "OS103"),
        ("warehouse", "SHUT", "OS104"),
        ("warehouse", "", "22023"),
        ("order_ref", None, "22023"),
        ("order_ref", "", "22023"),
        ("order_ref", "  ", "22023"),
        ("order_ref", "O" * 65, "22023"),
        ("order_ref", "O\t1", "22023"),
        ("on_shortage", "wait", "22023"),
        ("metadata", [1], "22023"),
        ("metadata", {"note": "x" * 65536}, "22023"),
        ("promised_at", "infinity", "22023"),
        ("on_shortage", "", "22023"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_bad_argument_is_named(
    stocked: Shop, db: psycopg.Connection, argument: str, value: str | None, code: str
) -> None:
    detail = {"argument": argument} if code == "22023" else {argument: value}
    with refused(db, code, **detail):
        stocked.reserve(**{"order_ref": "O1", "lines": [GOOD]} | {argument: value})


def test_two_parts_of_a_quantity_are_checked_one_by_one(stocked: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS110", line=1):
        stocked.reserve("O1", [GOOD | {"qty": 0.5}, GOOD | {"qty": 0.5}])
    with refused(db, "OS110", line=2):
        stocked.reserve("O1", [GOOD | {"qty": 2}, GOOD | {"qty": -1}])

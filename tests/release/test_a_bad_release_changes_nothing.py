"""Nothing is given back that was not promised, and nothing twice."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """Order O1: line 1 is 6 APPLE (4 from London, 2 from Berlin), line 2 is 2.5 RICE, line 3 is 1 APPLE."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 4}, {"sku": "RICE", "qty": 10}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}, {"sku": "RICE", "qty": 2.5}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    return shop


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({}, "22023", {"problem": "must name a line or a sku"}),
        ({"warehouse": "LON"}, "22023", {"problem": "must name a line or a sku"}),
        ({"qty": 1}, "22023", {"problem": "must name a line or a sku"}),
        ({"line": 1, "qty": 0}, "OS110", {"problem": "must be positive"}),
        ({"line": 1, "qty": -1}, "OS110", {"problem": "must be positive"}),
        ({"line": 1, "qty": 0.5}, "OS110", {"problem": "must have at most 0 decimals"}),
        ({"line": 4}, "OS303", {"order_ref": "O1", "reserved": 0}),
        ({"sku": "PEAR"}, "OS303", {"order_ref": "O1", "reserved": 0}),
        ({"sku": "MILK"}, "OS303", {"order_ref": "O1", "reserved": 0}),
        ({"line": 1, "sku": "RICE"}, "OS303", {"reserved": 0}),
        ({"line": 3, "warehouse": "LON"}, "OS303", {"reserved": 0}),
        ({"line": 3, "warehouse": "NOWHERE"}, "OS303", {"reserved": 0}),
        ({"line": 1, "qty": 7}, "OS303", {"asked": 7, "reserved": 6}),
        ({"line": 1, "warehouse": "BER", "qty": 3}, "OS303", {"asked": 3, "reserved": 2}),
        ({"sku": "APPLE", "qty": 8}, "OS303", {"asked": 8, "reserved": 7}),
    ],
    ids=str,
)
def test_a_bad_entry_is_named(
    ordered: Shop, db: psycopg.Connection, line: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, line=1, **detail):
        ordered.release("O1", [line])


def test_an_entry_is_named_by_its_place(ordered: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS303", line=3, asked=2, reserved=1):
        ordered.release("O1", [{"line": 1, "qty": 1}, {"line": 2}, {"line": 3, "qty": 2}])


@pytest.mark.parametrize("second", [{"line": 3, "qty": 1}, {"sku": "APPLE", "warehouse": "BER"}, {"line": 1}], ids=str)
def test_what_one_entry_takes_another_cannot(ordered: Shop, db: psycopg.Connection, second: dict[str, Any]) -> None:
    with refused(db, "22023", argument="lines", line=1, problem="names what another entry names too"):
        ordered.release("O1", [{"sku": "APPLE", "qty": 1}, second])


def test_an_unknown_order_is_refused(ordered: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS301", order_ref="O2"):
        ordered.release("O2")


def test_an_order_cannot_be_released_twice(ordered: Shop, db: psycopg.Connection) -> None:
    ordered.release("O1")
    with refused(db, "OS302", order_ref="O1"):
        ordered.release("O1")
    with refused(db, "OS302", order_ref="O1"):
        ordered.release("O1", [{"line": 1, "qty": 1}])


def test_a_line_cannot_be_released_twice(ordered: Shop, db: psycopg.Connection) -> None:
    ordered.release("O1", [{"line": 2}])
    with refused(db, "OS303", order_ref="O1", line=1, reserved=0):
        ordered.release("O1", [{"line": 2}])


def test_what_was_shipped_cannot_be_released(ordered: Shop, db: psycopg.Connection) -> None:
    ordered.ship("O1", [{"line": 1, "warehouse": "LON"}])
    with refused(db, "OS303", line=1, asked=3, reserved=2):
        ordered.release("O1", [{"line": 1, "qty": 3}])


@pytest.mark.parametrize(
    ("argument", "value"),
    [("order_ref", None), ("order_ref", ""), ("order_ref", "O" * 65), ("reason", "r" * 1001)],
    ids=lambda value: str(value)[:12],
)
def test_a_bad_argument_is_named(ordered: Shop, db: psycopg.Connection, argument: str, value: str | None) -> None:
    with refused(db, "22023", argument=argument):
        ordered.release(**{"order_ref": "O1"} | {argument: value})

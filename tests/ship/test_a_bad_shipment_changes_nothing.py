"""Nothing is shipped that was not promised, and nothing twice."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """Order O1: line 1 is 6 APPLE, line 2 is 2.5 RICE; 4 apples are free."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 10}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}, {"sku": "RICE", "qty": 2.5}])
    return shop


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({}, "22023", {"problem": "must name a line or a sku"}),
        ({"warehouse": "LON"}, "22023", {"problem": "must name a line or a sku"}),
        ({"line": 1, "qty": 0}, "OS110", {"problem": "must be positive"}),
        ({"line": 1, "qty": -1}, "OS110", {"problem": "must be positive"}),
        ({"line": 1, "qty": 0.5}, "OS110", {"problem": "must have at most 0 decimals"}),
        ({"line": 3}, "OS303", {"order_ref": "O1", "reserved": 0}),
        ({"sku": "MILK"}, "OS303", {"order_ref": "O1", "reserved": 0}),
        ({"sku": "PEAR", "qty": 1}, "OS303", {"asked": 1, "reserved": 0}),
        ({"line": 1, "warehouse": "BER"}, "OS303", {"reserved": 0}),
        ({"line": 1, "qty": 7}, "OS303", {"asked": 7, "reserved": 6}),
        ({"sku": "RICE", "qty": 2.501}, "OS303", {"asked": 2.501, "reserved": 2.5}),
    ],
    ids=str,
)
def test_a_bad_entry_is_named(
    ordered: Shop, db: psycopg.Connection, line: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, line=1, **detail):
        ordered.ship("O1", [line])


def test_what_one_entry_takes_another_cannot(ordered: Shop, db: psycopg.Connection) -> None:
    with refused(db, "22023", argument="lines", problem="names what another entry names too"):
        ordered.ship("O1", [{"sku": "APPLE", "qty": 1}, {"line": 1, "qty": 1}])


def test_an_unknown_order_is_refused(ordered: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS301", order_ref="O2"):
        ordered.ship("O2")


@pytest.mark.parametrize("close", ["ship", "release"])
def test_what_is_gone_or_given_back_cannot_be_shipped(ordered: Shop, db: psycopg.Connection, close: str) -> None:
    getattr(ordered, close)("O1")
    with refused(db, "OS302", order_ref="O1"):
        ordered.ship("O1")
    with refused(db, "OS302", order_ref="O1"):
        ordered.ship("O1", [{"line": 1, "qty": 1}])


def test_a_line_cannot_be_shipped_twice(ordered: Shop, db: psycopg.Connection) -> None:
    ordered.ship("O1", [{"line": 2}])
    with refused(db, "OS303", order_ref="O1", line=1, reserved=0):
        ordered.ship("O1", [{"line": 2}])


def test_one_line_that_cannot_be_shipped_keeps_the_others_back(ordered: Shop, db: psycopg.Connection) -> None:
    ordered.adjust("LON", [{"sku": "RICE", "qty": -8}], reason="mice")
    with refused(db, "OS201", order_ref="O1"):
        ordered.ship("O1")


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("order_ref", None),
        ("order_ref", ""),
        ("order_ref", "O" * 65),
        ("reference", "r" * 1001),
        ("note", "n" * 1001),
        ("occurred_at", "infinity"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_bad_argument_is_named(ordered: Shop, db: psycopg.Connection, argument: str, value: str | None) -> None:
    with refused(db, "22023", argument=argument):
        ordered.ship(**{"order_ref": "O1"} | {argument: value})

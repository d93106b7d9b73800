"""It names pins that the order has, and no more units than are pinned there."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused


@pytest.fixture
def pinned(shop: Shop) -> Shop:
    """Order O1: line 1 of 4 APPLE pinned in A-1; line 2 of 1 APPLE is not pinned."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    shop.allocate("O1")
    shop.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    return shop


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({"location": "A-1", "qty": 1}, "22023", {"problem": "must name a line or a sku"}),
        ({"line": 1, "location": "A-1", "qty": 5}, "OS303", {"asked": 5, "allocated": 4, "location": "A-1"}),
        ({"line": 2, "location": "A-1", "qty": 1}, "OS303", {"asked": 1, "allocated": 0}),
        ({"line": 3, "location": "A-1", "qty": 1}, "OS303", {"allocated": 0}),
        ({"line": 1, "location": "A-2", "qty": 1}, "OS303", {"allocated": 0, "location": "A-2"}),
        ({"line": 1, "location": "NOWHERE", "qty": 1}, "OS303", {"allocated": 0}),
        ({"line": 1, "sku": "RICE", "location": "A-1", "qty": 1}, "OS303", {"allocated": 0}),
        ({"sku": "APPLE", "warehouse": "BER", "location": "A-1", "qty": 1}, "OS303", {"allocated": 0}),
        ({"sku": "APPLE", "lot": "L1", "location": "A-1", "qty": 1}, "OS303", {"allocated": 0}),
        ({"line": 1, "location": "A-1", "qty": 0}, "OS110", {"problem": "must be positive"}),
        ({"line": 1, "location": "A-1", "qty": -1}, "OS110", {"problem": "must be positive"}),
        ({"line": 1, "location": "A-1", "qty": 0.5}, "OS110", {}),
    ],
)
def test_the_offending_line_is_named(
    pinned: Shop, db: psycopg.Connection, line: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, line=1, **detail):
        pinned.short_pick("O1", [line])


def test_a_reason_that_is_too_long_is_named(pinned: Shop, db: psycopg.Connection) -> None:
    with refused(db, "22023", argument="reason"):
        pinned.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 1}], reason="r" * 10001)


def test_pins_are_named_once(pinned: Shop, db: psycopg.Connection) -> None:
    one, other = {"line": 1, "location": "A-1", "qty": 1}, {"sku": "APPLE", "location": "A-1", "qty": 1}
    for lines in ([one, one], [one, other]):
        with refused(db, "22023", argument="lines", line=1, problem="names what another entry names too"):
            pinned.short_pick("O1", lines)


def test_who_names_no_line_is_told_so_and_not_who_names_one(pinned: Shop, db: psycopg.Connection) -> None:
    with refused(db, "22023", line=2, problem="must name a line or a sku"):
        pinned.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 1}, {"location": "A-1", "qty": 1}])


def test_an_order_must_be_known_and_have_promised_units(pinned: Shop, db: psycopg.Connection) -> None:
    line = {"line": 1, "location": "A-1", "qty": 1}
    with refused(db, "OS301", order_ref="O2"):
        pinned.short_pick("O2", [line])
    pinned.ship("O1")
    with refused(db, "OS302", order_ref="O1"):
        pinned.short_pick("O1", [line])

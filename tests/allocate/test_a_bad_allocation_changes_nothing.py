"""Only an order with promised units can be allocated, and by known rules."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Shop, refused


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """Order O1 of 4 out of 10 APPLE."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    return shop


def test_an_unknown_order_is_refused(ordered: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS301", order_ref="O2"):
        ordered.allocate("O2")


def test_a_rejected_order_is_unknown(ordered: Shop, db: psycopg.Connection) -> None:
    ordered.reserve("O2", [{"sku": "APPLE", "qty": 100}])
    with refused(db, "OS301", order_ref="O2"):
        ordered.allocate("O2")


@pytest.mark.parametrize("close", ["ship", "release"])
def test_an_order_of_which_nothing_is_reserved_is_refused(ordered: Shop, db: psycopg.Connection, close: str) -> None:
    getattr(ordered, close)("O1")
    with refused(db, "OS302", order_ref="O1"):
        ordered.allocate("O1")


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("order_ref", None),
        ("order_ref", ""),
        ("order_ref", "O" * 65),
        ("removal", "random"),
        ("removal", ""),
        ("on_shortage", "backorder"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_bad_argument_is_named(ordered: Shop, db: psycopg.Connection, argument: str, value: str | None) -> None:
    with refused(db, "22023", argument=argument):
        ordered.allocate(**{"order_ref": "O1"} | {argument: value})

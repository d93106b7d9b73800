"""A known warehouse, known rules, and 1 to 1,000 orders."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused


@pytest.mark.parametrize(
    ("wrong", "code", "detail"),
    [
        ({"max_orders": 0}, "22023", {"argument": "max_orders"}),
        ({"max_orders": -1}, "22023", {"argument": "max_orders"}),
        ({"max_orders": 1001}, "22023", {"argument": "max_orders"}),
        ({"max_orders": None}, "22023", {"argument": "max_orders"}),
        ({"removal": "best"}, "22023", {"argument": "removal"}),
        ({"on_shortage": "backorder"}, "22023", {"argument": "on_shortage"}),
        ({"warehouse": "NOWHERE"}, "OS103", {}),
        ({"warehouse": ""}, "22023", {"argument": "warehouse"}),
        ({"warehouse": None}, "22023", {"argument": "warehouse"}),
    ],
)
def test_the_offending_argument_is_named(
    shop: Shop, db: psycopg.Connection, wrong: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    with refused(db, code, **detail):
        shop.allocate_next(**{"warehouse": "LON"} | wrong)

"""Of several lines that keep their pins the first is named, and a reason has an end."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Shop, refused


@pytest.fixture
def sure(shop: Shop) -> Shop:
    """Lines 5, 1 and 3 of O1 were promised in this order: 5 and 3 in A-1, 1 anywhere."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 9, "location": "A-1"}])
    for line, location in ((5, "A-1"), (1, None), (3, "A-1")):
        shop.reserve("O1", [{"sku": "APPLE", "qty": 2, "line": line} | ({"location": location} if location else {})], warehouse="LON")
    shop.allocate("O1")
    return shop


@pytest.mark.parametrize("lines", [[5, 3, 1], [1, 3, 5]])
def test_the_first_line_that_stays_pinned_is_named(sure: Shop, db: psycopg.Connection, lines: list[int]) -> None:
    with refused(db, "22023", argument="lines", order_line=3, order_ref="O1"):
        sure.deallocate("O1", [{"line": line} for line in lines])


def test_a_reason_is_not_endless(sure: Shop, db: psycopg.Connection) -> None:
    with refused(db, "22023", argument="reason"):
        sure.deallocate("O1", [{"line": 1}], reason="x" * 10_001)

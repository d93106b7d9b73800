"""Every call on an order of which nothing is open any more says just that; an order that waits for stock is not over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.support import Shop, refused
from tests.waiting import backorder, let_wait

LINE: list[dict[str, Any]] = [{"line": 1, "qty": 1}]

CALLS: dict[str, Callable[[Shop], object]] = {
    "reserve": lambda shop: shop.reserve("O1", [{"sku": "APPLE", "qty": 1}]),
    "release": lambda shop: shop.release("O1"),
    "release a line": lambda shop: shop.release("O1", LINE),
    "cancel": lambda shop: shop.cancel("O1"),
    "amend": lambda shop: shop.amend("O1", LINE),
    "allocate": lambda shop: shop.allocate("O1"),
    "deallocate": lambda shop: shop.deallocate("O1"),
    "deallocate a line": lambda shop: shop.deallocate("O1", LINE),
    "short_pick": lambda shop: shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 1}]),
    "ship": lambda shop: shop.ship("O1"),
    "ship a line": lambda shop: shop.ship("O1", LINE),
    "extend": lambda shop: shop.extend("O1", "1 hour"),
    "confirm": lambda shop: shop.confirm("O1"),
    "confirm into another": lambda shop: shop.confirm("O1", "O2"),
}
TAKING = [name for name in CALLS if name.split()[0] in ("allocate", "deallocate", "short_pick", "ship")]


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """10 APPLE in London, which orders may wait for."""
    let_wait(shop)
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    return shop


@pytest.mark.parametrize("finish", ["ship", "release", "cancel"])
@pytest.mark.parametrize("function", CALLS)
def test_what_is_shipped_or_given_back_is_over(shop: Shop, db: psycopg.Connection, function: str, finish: str) -> None:
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    getattr(shop, finish)("O1")
    with refused(db, "OS302", order_ref="O1") as refusal:
        CALLS[function](shop)
    assert refusal.detail == {"order_ref": "O1"}


@pytest.mark.parametrize("function", CALLS)
def test_what_waited_and_was_given_back_is_over(shop: Shop, db: psycopg.Connection, function: str) -> None:
    backorder(shop, "O1", 15)
    shop.ship("O1")
    shop.release("O1")
    with refused(db, "OS302", order_ref="O1"):
        CALLS[function](shop)


@pytest.mark.parametrize("function", TAKING)
def test_an_order_that_only_waits_has_nothing_to_take_and_is_not_over(shop: Shop, db: psycopg.Connection, function: str) -> None:
    backorder(shop, "O1", 15)
    shop.ship("O1")
    with refused(db, "OS303") as refusal:
        CALLS[function](shop)
    assert refusal.detail == {"order_ref": "O1", "reserved": 0, "backordered": 5}

"""orders and order_lines: one row per order or line, as of this very moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.holds import stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns
from tests.waiting import backorder, let_wait

PARTS = ("ordered", "reserved", "held", "allocated", "backordered", "shipped", "released", "expired")


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """10 APPLE in London, 10 in Berlin, which orders may wait for. In the end all is as verify wants it, and every row adds up."""
    let_wait(shop)
    for warehouse in ("LON", "BER"):
        shop.receive(warehouse, [{"sku": "APPLE", "qty": 10}])
    yield shop
    assert shop.differences() == []
    for row in [*shop.view("orders"), *shop.view("order_lines")]:
        assert row["ordered"] == sum(row[part] for part in ("reserved", "backordered", "shipped", "released", "expired"))


def order(shop: Shop, qty: float, **arguments: Any) -> None:
    backorder(shop, "O1", qty, **arguments)


def status(shop: Shop, order_ref: str = "O1") -> str:
    [row] = shop.view("orders", order_ref=order_ref)
    return str(row["status"])


STORIES: dict[str, tuple[str, Callable[[Shop], object]]] = {
    "what is promised": ("open", lambda shop: order(shop, 5)),
    "what waits": ("open", lambda shop: order(shop, 25)),
    "what is pinned in part": ("open", lambda shop: (order(shop, 5), shop.allocate("O1"), order(shop, 1))),
    "what is pinned and waits": ("open", lambda shop: (order(shop, 25), shop.allocate("O1"))),
    "what is pinned": ("allocated", lambda shop: (order(shop, 5), shop.allocate("O1"))),
    "pins taken off": ("open", lambda shop: (order(shop, 5), shop.allocate("O1"), shop.deallocate("O1"))),
    "a hold": ("held", lambda shop: order(shop, 5, ttl="1 hour")),
    "a hold that waits": ("held", lambda shop: order(shop, 25, ttl="1 hour")),
    "a hold that is pinned": ("held", lambda shop: (order(shop, 5, ttl="1 hour"), shop.allocate("O1"))),
    "a hold and a promise": ("open", lambda shop: (order(shop, 5, ttl="1 hour"), order(shop, 1))),
    "a hold that is confirmed": ("open", lambda shop: (order(shop, 5, ttl="1 hour"), shop.confirm("O1"))),
    "what is gone in part": ("part-shipped", lambda shop: (order(shop, 5), shop.ship("O1", [{"line": 1, "qty": 1}]))),
    "what is gone while more waits": ("part-shipped", lambda shop: (order(shop, 25), shop.ship("O1"))),
    "what is gone": ("shipped", lambda shop: (order(shop, 5), shop.ship("O1"))),
    "what is gone or given back": (
        "shipped",
        lambda shop: (order(shop, 5), shop.ship("O1", [{"line": 1, "qty": 1}]), shop.cancel("O1")),
    ),
    "what is given back": ("cancelled", lambda shop: (order(shop, 5), shop.release("O1"))),
    "what waited and is given back": ("cancelled", lambda shop: (order(shop, 25), shop.cancel("O1"))),
    "a hold that is given back": ("cancelled", lambda shop: (order(shop, 5, ttl="1 hour"), shop.cancel("O1"))),
    "a hold whose end has come": ("expired", lambda shop: order(shop, 5, ttl="1 microsecond")),
    "a waiting hold whose end has come": ("expired", lambda shop: order(shop, 25, ttl="1 microsecond")),
    "one that is booked": ("expired", lambda shop: (order(shop, 5, ttl="1 microsecond"), shop.expire_reservations())),
    "a promise beside it": ("open", lambda shop: (order(shop, 5, ttl="1 microsecond"), order(shop, 1))),
    "what is gone beside it": (
        "shipped",
        lambda shop: (order(shop, 5, ttl="1 microsecond"), order(shop, 1), shop.ship("O1")),
    ),
    "a cart": ("confirmed", lambda shop: (order(shop, 5, ttl="1 hour"), shop.confirm("O1", "SALE"))),
}


@pytest.mark.parametrize("story", STORIES)
def test_its_status(shop: Shop, story: str) -> None:
    expected, happens = STORIES[story]
    happens(shop)
    assert status(shop) == expected


def test_a_rejected_order_is_none(shop: Shop) -> None:
    shop.reserve("O1", [{"sku": "APPLE", "qty": 21}])
    assert shop.view("orders") == []


def test_its_quantities(shop: Shop) -> None:
    order(shop, 25)
    shop.allocate("O1")
    shop.ship("O1", [{"line": 1, "warehouse": "LON", "qty": 4}])
    shop.release("O1", [{"line": 1, "qty": 2}])
    [row] = shop.view("orders")
    assert tuple(row[part] for part in PARTS) == (25, 16, 0, 16, 3, 4, 2, 0)
    assert (row["has_backorder"], row["expires_at"], row["became"]) == (True, None, None)


def test_what_another_order_waits_for_is_none_of_its_own(shop: Shop) -> None:
    order(shop, 5)
    backorder(shop, "O2", 25)
    assert columns(shop.view("orders"), "order_ref", "ordered", "reserved", "backordered") == [("O1", 5, 5, 0), ("O2", 25, 15, 10)]


def test_at_the_end_of_a_hold_to_the_microsecond(shop: Shop, clock: Clock) -> None:
    order(shop, 25, ttl="1 hour")
    shop.allocate("O1")
    stop_before_the_end(clock, shop, "O1")
    [row] = shop.view("orders")
    assert (row["status"], *(row[part] for part in PARTS)) == ("held", 25, 20, 25, 20, 5, 0, 0, 0)
    assert row["expires_at"] is not None
    stop_at_the_end(clock, shop, "O1")
    for _ in range(2):
        [row] = shop.view("orders")
        assert (row["status"], *(row[part] for part in PARTS)) == ("expired", 25, 0, 0, 0, 0, 0, 0, 25)
        assert (row["has_backorder"], row["expires_at"]) == (False, None)
        [line] = shop.view("order_lines")
        assert tuple(line[part] for part in PARTS if part != "held") == (25, 0, 0, 0, 0, 0, 25)
        assert (line["warehouses"], line["expires_at"]) == ([], None)
        shop.expire_reservations()


def test_the_first_of_its_holds_that_live_says_when_it_ends(shop: Shop, clock: Clock) -> None:
    for ttl in ("1 hour", "3 hours", "2 hours"):
        order(shop, 1, ttl=ttl)
    ends = sorted(row["expires_at"] for row in shop.view("reservations"))
    assert columns(shop.view("orders"), "expires_at") == [(ends[0],)]
    clock.stop(ends[0])
    assert columns(shop.view("orders"), "expires_at", "held", "expired") == [(ends[1], 2, 1)]


def test_a_line_is_one_row_whoever_serves_it(shop: Shop) -> None:
    shop.reserve("O1", [{"sku": "APPLE", "qty": 25, "line": 3}, {"sku": "APPLE", "qty": 1, "line": 5}], on_shortage="backorder")
    shop.allocate("O1")
    shop.ship("O1", [{"line": 3, "warehouse": "LON"}])
    names = ("line", "sku", "ordered", "reserved", "allocated", "backordered", "shipped", "warehouses")
    assert columns(shop.view("order_lines"), *names) == [
        (
            3,
            "APPLE",
            25,
            10,
            10,
            5,
            10,
            [
                {"warehouse": "BER", "reserved": 10, "allocated": 10, "shipped": 0},
                {"warehouse": "LON", "reserved": 0, "allocated": 0, "shipped": 10},
            ],
        ),
        (5, "APPLE", 1, 0, 0, 1, 0, []),
    ]


def test_what_is_filled_moves_and_adds_up(shop: Shop) -> None:
    order(shop, 25)
    for received, waits in ((1, 4), (9, 0)):
        shop.receive("BER", [{"sku": "APPLE", "qty": received}])
        [line] = columns(shop.view("order_lines"), "ordered", "reserved", "backordered")
        assert line == (25, 25 - waits, waits)

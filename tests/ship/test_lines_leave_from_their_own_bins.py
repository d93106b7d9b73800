"""Of a line's pins the oldest leave first, and only as many as leave; what is not pinned is found for the older line first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import Clock, Shop, columns, fails


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """In the end all is as verify wants it."""
    yield shop
    assert shop.differences() == []


@pytest.fixture
def pinned(shop: Shop, clock: Clock) -> Shop:
    """O1 has 2 APPLE pinned in A-2 and, an hour younger, 2 in A-1, which was there before."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-2"}])
    shop.reserve("RIVAL", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2}], ttl="30 minutes")
    shop.allocate("RIVAL")
    shop.allocate("CART")
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2}])
    shop.allocate("O1")
    clock.advance(hours=1)
    shop.amend("O1", [{"line": 1, "qty": 4}])
    shop.allocate("O1")
    return shop


@pytest.mark.parametrize(
    ("qty", "left"),
    [
        (1, [("A-2", 1)]),
        (2, [("A-2", 2)]),
        (3, [("A-1", 1), ("A-2", 2)]),
    ],
)
def test_the_oldest_pins_of_a_line_leave_first(pinned: Shop, qty: int, left: list[tuple[str, int]]) -> None:
    assert columns(pinned.ship("O1", [{"line": 1, "qty": qty}]), "location", "qty") == left


def test_free_units_are_found_for_the_older_line_first(shop: Shop) -> None:
    """Whatever the numbers of the lines, and in whatever order they are named."""
    for location in ("A-2", "A-1"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": location}])
    for line in (9, 4):
        shop.reserve("O1", [{"sku": "APPLE", "qty": 3, "line": line}])
    assert columns(shop.ship("O1", [{"line": 4, "qty": 3}, {"line": 9, "qty": 2}]), "line", "location", "qty") == [
        (4, "A-2", 1),
        (4, "A-1", 2),
        (9, "A-2", 2),
    ]


@pytest.fixture
def phones(shop: Shop) -> Shop:
    """PHONE: P1 to P3 in A-1, P4 to P6 in A-2, P7 to P9 in P-1. O1's line 1 has P1 to P3 pinned and its line 2 P6; OTHER has P4 and P5."""
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    for first, location in ((1, "A-1"), (4, "A-2"), (7, "P-1")):
        shop.receive("LON", [{"sku": "PHONE", "serials": [f"P{n}" for n in range(first, first + 3)], "location": location}])
    for order_ref, qty in (("O1", 3), ("OTHER", 2), ("O1", 1)):
        shop.reserve(order_ref, [{"sku": "PHONE", "qty": qty}])
        shop.allocate(order_ref)
    return shop


def test_of_named_pieces_that_others_have_the_first_is_told(phones: Shop) -> None:
    with fails("OS113", serial="P4", warehouse="LON", location="A-2", order_ref="OTHER"):
        phones.ship("O1", [{"line": 1, "serials": ["P5", "P4", "P1"]}])


def test_named_pieces_leave_line_by_line_and_the_newest_pins_give_way(phones: Shop) -> None:
    """Line 1 keeps one of three, and gives up P3 for P9; line 2 keeps none, and gives up P6 for P8."""
    phones.ship("O1", [{"line": 2, "serials": ["P8"]}, {"line": 1, "serials": ["P9", "P1"]}], op_id="van")
    assert phones.entries("line", "event_type", "location", "qty_delta", "allocated_delta", op_id="van") == [
        (1, "DEALLOCATE", "A-1", 0, -1),
        (1, "SHIP", "A-1", -1, -1),
        (1, "SHIP", "P-1", -1, 0),
        (2, "DEALLOCATE", "A-2", 0, -1),
        (2, "SHIP", "P-1", -1, 0),
    ]
    states = {row["serial"]: (row["state"], row["order_ref"]) for row in phones.view("serials", sku="PHONE")}
    gone, free = ("gone", None), ("in_stock", None)
    assert states == {
        "P1": gone,
        "P2": ("allocated", "O1"),
        "P3": free,
        "P4": ("allocated", "OTHER"),
        "P5": ("allocated", "OTHER"),
        "P6": free,
        "P7": free,
        "P8": gone,
        "P9": gone,
    }

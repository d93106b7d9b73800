"""Lines that ask for certain units leave each other what they can: who asks most narrowly chooses first, from what fewest others could use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serials.pieces import phones
from tests.support import Clock, Shop, columns, day


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """In the end all is as verify wants it."""
    yield shop
    assert shop.differences() == []


def pins(shop: Shop, order_ref: str) -> list[tuple[Any, ...]]:
    """(line, warehouse, location, lot, units) that an order has pinned."""
    rows = shop.view("ledger", order_ref=order_ref, event_type="ALLOCATE")
    return sorted(columns(rows, "line", "warehouse", "location", "lot", "allocated_delta"), key=str)


def milk(lot: str, qty: float, ahead: int = 30, **more: Any) -> dict[str, Any]:
    return {"sku": "MILK", "lot": lot, "qty": qty, "expires_on": day(ahead), **more}


def wishes(*lines: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"sku": "MILK", "line": number, **line} for number, line in enumerate(lines, start=1)]


def test_a_line_takes_what_no_other_could_first_then_by_warehouse_and_removal_rule(shop: Shop) -> None:
    """What is promised to ANY counts at each warehouse: of Berlin's four two are left, of London's nine seven."""
    for location, qty in (("A-1", 5), ("A-2", 3), ("P-1", 1)):
        shop.receive("LON", [milk("M", qty, location=location)])
    shop.receive("BER", [milk("M", 4)])
    shop.reserve("ANY", [{"sku": "MILK", "qty": 2, "warehouse": warehouse} for warehouse in ("LON", "BER")])
    answer = shop.reserve("O1", wishes({"lot": "M", "qty": 7}, {"lot": "M", "location": "A-1", "warehouse": "LON", "qty": 2}))
    assert columns(answer, "line", "warehouse", "qty_reserved") == [(1, "BER", 2), (1, "LON", 5), (2, "LON", 2)]
    assert pins(shop, "O1") == [
        (1, "BER", "DEFAULT", "M", 2),
        (1, "LON", "A-1", "M", 1),
        (1, "LON", "A-2", "M", 3),
        (1, "LON", "P-1", "M", 1),
        (2, "LON", "A-1", "M", 2),
    ]
    assert [shop.level("MILK", warehouse)[3] for warehouse in ("LON", "BER")] == [0, 0]


def test_who_asks_most_narrowly_is_served_first_where_there_is_too_little(shop: Shop) -> None:
    """A location and a lot before a lot, a lot before days left, more days before fewer, and else in the order of the lines."""
    shop.receive("LON", [milk("SOON", 2, 5, location="A-1"), milk("LATE", 6, 30, location="A-1")])
    lines = wishes(
        {"min_days_left": 1, "qty": 3},
        {"min_days_left": 20, "qty": 2},
        {"min_days_left": 20, "qty": 2},
        {"lot": "LATE", "qty": 2},
        {"lot": "LATE", "location": "A-1", "warehouse": "LON", "qty": 1},
    )
    answer = shop.reserve("O1", lines, on_shortage="partial")
    assert columns([row for row in answer if row["outcome"] == "short"], "line", "qty_short") == [(1, 1), (3, 1)]
    assert [(line, lot, units) for line, _, _, lot, units in pins(shop, "O1")] == [
        (1, "SOON", 2),
        (2, "LATE", 2),
        (3, "LATE", 1),
        (4, "LATE", 2),
        (5, "LATE", 1),
    ]


def test_neither_blocked_units_nor_those_of_a_closed_warehouse_will_do(shop: Shop) -> None:
    shop.receive("LON", [milk("M1", 3, status="hold"), milk("M2", 3)])
    shop.receive("BER", [milk("M3", 3)])
    shop.put_warehouses(lines=[{"code": "BER", "active": False}])
    for lot in ("M1", "M3"):
        assert columns(shop.reserve(lot, wishes({"lot": lot, "qty": 1})), "outcome", "qty_short") == [("rejected", 1)]
    assert columns(shop.reserve("M2", wishes({"lot": "M2", "qty": 3})), "outcome") == [("reserved",)]


@pytest.fixture
def pieces(shop: Shop) -> Shop:
    """P1 to P3 in A-1 and P4, P5 in A-2 of LON, P6 in Berlin; P2 is the order's OTHER."""
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    shop.receive("LON", [phones("P1", "P2", "P3", location="A-1"), phones("P4", "P5", location="A-2")])
    shop.receive("BER", [phones("P6")])
    shop.reserve("OTHER", [phones("P2")])
    return shop


def pieces_of(shop: Shop, order_ref: str) -> list[tuple[Any, ...]]:
    return sorted(columns(shop.view("serials", order_ref=order_ref), "serial", "warehouse", "location"))


def test_of_pieces_that_are_named_those_that_are_free_are_promised(pieces: Shop) -> None:
    answer = pieces.reserve("O1", [phones("P6", "P5", "P3", "P2", "P1")], on_shortage="partial")
    assert sorted(columns(answer, "outcome", "warehouse", "qty_reserved", "qty_short"), key=lambda row: (row[0], row[1] or "")) == [
        ("reserved", "BER", 1, 0),
        ("reserved", "LON", 3, 0),
        ("short", None, 0, 1),
    ]
    assert pieces_of(pieces, "O1") == [("P1", "LON", "A-1"), ("P3", "LON", "A-1"), ("P5", "LON", "A-2"), ("P6", "BER", "DEFAULT")]


def test_where_less_may_be_promised_than_was_named_the_first_pieces_go(pieces: Shop) -> None:
    """Four are left unpinned in London, and three of them are promised to who takes any."""
    pieces.reserve("ANY", [{"sku": "PHONE", "qty": 3}], warehouse="LON")
    answer = pieces.reserve("O1", [phones("P3", "P1")], on_shortage="partial")
    assert columns(answer, "outcome", "qty_reserved") == [("reserved", 1), ("short", 0)]
    assert pieces_of(pieces, "O1") == [("P1", "LON", "A-1")]


def test_holds_that_ended_are_booked_in_the_bins_that_will_do_and_in_no_others(pieces: Shop, clock: Clock) -> None:
    """Neither in another bin of the same warehouse, nor at another warehouse than the one that is named."""
    pieces.reserve("CART-P", [phones("P4")], ttl="1 hour")
    for warehouse in ("LON", "BER"):
        pieces.receive(warehouse, [milk("M", 3)])
    pieces.reserve("CART-M", wishes({"lot": "M", "warehouse": "BER", "qty": 2}), ttl="1 hour")
    clock.advance(hours=2)
    pieces.reserve("O1", [phones("P1")])
    pieces.reserve("O2", wishes({"lot": "M", "qty": 3}), warehouse="LON")
    assert pieces.entries("order_ref", event_type="EXPIRE") == []
    pieces.reserve("O3", [phones("P4")])
    pieces.reserve("O4", wishes({"lot": "M", "qty": 3}), warehouse="BER")
    assert pieces.entries("order_ref", event_type="EXPIRE") == [("CART-P",), ("CART-M",)]

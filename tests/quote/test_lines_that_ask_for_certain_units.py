"""Where a line asks for certain units, quote counts these alone, as the offers of reserve do, and says where there are none of them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Clock, Connect, Shop, call, columns, day


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """MILK: London has 5 of SOON (2 days) and 6 of LATE (20 days) in A-1, 2 of LATE in A-2; Berlin 3 of LATE; Rome 9 of SOON; the closed warehouse 4 of LATE.

    APPLE: 5 in A-1 and 3 in quarantine. PHONE: pieces P1 and P2 in London, P3 in Berlin.
    """
    shop.put_warehouses(lines=[{"code": "ROM", "priority": 3}, {"code": "SHUT", "active": True}])
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    soon, late = {"sku": "MILK", "lot": "SOON", "expires_on": day(2)}, {"sku": "MILK", "lot": "LATE", "expires_on": day(20)}
    shop.receive("LON", [soon | {"qty": 5, "location": "A-1"}, late | {"qty": 6, "location": "A-1"}, late | {"qty": 2, "location": "A-2"}])
    shop.receive("BER", [late | {"qty": 3}, {"sku": "PHONE", "serials": ["P3"]}])
    shop.receive("ROM", [soon | {"qty": 9}])
    shop.receive("SHUT", [late | {"qty": 4}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}, {"sku": "APPLE", "qty": 3, "location": "Q-1"}])
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P1", "P2"], "location": "A-1"}])
    shop.put_warehouses(lines=[{"code": "SHUT", "active": False}])
    return shop


def told(shop: Shop, lines: list[dict[str, Any]], **arguments: Any) -> list[tuple[Any, ...]]:
    """(warehouse, reason, units, available) of a quote; chosen warehouses have no reason."""
    return columns(shop.quote(lines, **arguments), "warehouse", "reason", "qty", "available")


def test_days_left(stocked: Shop) -> None:
    assert told(stocked, [{"sku": "MILK", "qty": 9, "min_days_left": 10}]) == [
        ("LON", None, 8, 8),
        ("BER", None, 1, 3),
        ("ROM", "no_such_units", 0, 0),
        ("SHUT", "inactive", 0, 0),
    ]


def test_what_is_short_was_not_taken_by_other_lines_where_there_are_none(stocked: Shop) -> None:
    rows = stocked.quote([{"sku": "MILK", "qty": 99, "min_days_left": 10}])
    assert columns(rows, "warehouse", "reason", "qty_short") == [("LON", None, 88), ("BER", None, 88), ("ROM", "no_such_units", 88), ("SHUT", "inactive", 88)]


def test_a_lot(stocked: Shop) -> None:
    """Berlin never had it; Rome has it, and is not needed."""
    assert told(stocked, [{"sku": "MILK", "qty": 4, "lot": "SOON"}]) == [
        ("LON", None, 4, 5),
        ("BER", "no_such_units", 0, 0),
        ("ROM", "not_needed", 0, 9),
        ("SHUT", "inactive", 0, 0),
    ]


@pytest.mark.parametrize(
    ("location", "reason", "qty", "available"),
    [("A-1", None, 2, 5), ("A-2", "no_such_units", 0, 0), ("Q-1", "no_such_units", 0, 0)],
    ids=["storage", "empty", "quarantine"],
)
def test_a_location(stocked: Shop, location: str, reason: str | None, qty: int, available: int) -> None:
    assert told(stocked, [{"sku": "APPLE", "qty": 2, "location": location}], warehouse="LON") == [("LON", reason, qty, available)]


def test_pieces(stocked: Shop) -> None:
    pieces = [{"sku": "PHONE", "serials": ["P1"]}]
    assert told(stocked, pieces)[:2] == [("LON", None, 1, 1), ("BER", "no_such_units", 0, 0)]
    stocked.reserve("O1", pieces)
    assert told(stocked, pieces)[:2] == [("LON", "no_such_units", 0, 0), ("BER", "no_such_units", 0, 0)]
    pieces = [{"sku": "PHONE", "serials": ["P1", "P2", "P3"]}]
    assert told(stocked, pieces)[:2] == [("LON", None, 1, 1), ("BER", None, 1, 1)]
    assert stocked.reserve("O2", pieces)[0]["offers"] == [{"warehouse": "LON", "available": 1}, {"warehouse": "BER", "available": 1}]


def test_what_other_lines_of_the_call_take(stocked: Shop) -> None:
    late = {"sku": "MILK", "lot": "LATE", "warehouse": "LON"}
    rows = stocked.quote([late | {"qty": 8, "min_days_left": 5}, late | {"qty": 1}, {"sku": "MILK", "qty": 1, "lot": "SOON"}])
    assert columns([row for row in rows if row["warehouse"] == "LON"], "line", "reason", "qty", "qty_short", "available") == [
        (1, None, 8, 0, 8),
        (2, "used_by_other_lines", 0, 1, 8),
        (3, None, 1, 0, 5),
    ]


def test_lines_for_any_units_are_told_of_all_as_before(stocked: Shop) -> None:
    rows = stocked.quote([{"sku": "MILK", "qty": 2, "lot": "SOON"}, {"sku": "MILK", "qty": 9}, {"sku": "MILK", "qty": 3, "lot": "LATE"}])
    assert columns(rows, "line", "warehouse", "reason", "available") == [
        (1, "LON", None, 5),
        (1, "BER", "no_such_units", 0),
        (1, "ROM", "not_needed", 9),
        (1, "SHUT", "inactive", 0),
        (2, "LON", None, 13),
        (2, "BER", None, 3),
        (2, "ROM", "not_needed", 9),
        (2, "SHUT", "inactive", 0),
        (3, "LON", None, 8),
        (3, "BER", "not_needed", 3),
        (3, "ROM", "no_such_units", 0),
        (3, "SHUT", "inactive", 0),
    ]


def test_no_more_than_the_warehouse_has_to_promise(stocked: Shop) -> None:
    """Units that are promised and not pinned may be in any bin."""
    stocked.reserve("O1", [{"sku": "MILK", "qty": 10, "warehouse": "LON"}])
    wish = [{"sku": "MILK", "qty": 1, "lot": "LATE"}]
    assert told(stocked, wish)[0] == ("LON", None, 1, 3)
    stocked.reserve("O2", [{"sku": "MILK", "qty": 3, "warehouse": "LON"}])
    assert told(stocked, wish)[:2] == [("BER", None, 1, 3), ("LON", "no_stock", 0, 0)]


def test_what_is_kept_for_a_channel_is_counted_for_it(stocked: Shop) -> None:
    stocked.put_channels(lines=[{"code": "WEB"}])
    stocked.put_quotas("LON", [{"channel": "WEB", "sku": "MILK", "qty": 7}])
    wish = [{"sku": "MILK", "qty": 1, "lot": "LATE"}]
    assert (told(stocked, wish)[0], told(stocked, wish, channel="WEB")[0]) == (("LON", None, 1, 6), ("LON", None, 1, 8))


def test_where_one_warehouse_is_to_send_all(stocked: Shop) -> None:
    lines = [{"sku": "MILK", "qty": 1, "lot": "SOON", "warehouse": "ROM"}, {"sku": "MILK", "qty": 1, "lot": "SOON", "warehouse": "BER"}]
    assert told(stocked, lines, strategy="ship_complete") == [("ROM", "incomplete", 0, 9), ("BER", "no_such_units", 0, 0)]


def test_where_there_is_no_warehouse(db: psycopg.Connection, connect: Connect) -> None:
    tenant = call(db, "openstock_admin.create_tenant", name="Empty")[0]["create_tenant"]
    other = Shop(connect("app"), db, tenant)
    other.put_products(lines=[{"sku": "TEA", "name": "Tea", "tracking": "lot"}])
    assert told(other, [{"sku": "TEA", "qty": 1, "min_days_left": 1}]) == [(None, "no_warehouse", 0, None)]


@pytest.mark.parametrize("days", [0, 3])
@pytest.mark.parametrize(
    "wish",
    [
        {"sku": "MILK", "lot": "SOON"},
        {"sku": "MILK", "lot": "LATE"},
        {"sku": "MILK", "min_days_left": 2},
        {"sku": "MILK", "min_days_left": 17},
        {"sku": "MILK", "lot": "SOON", "min_days_left": 3},
        {"sku": "MILK", "location": "A-1", "warehouse": "LON"},
        {"sku": "MILK", "location": "A-2", "lot": "LATE", "warehouse": "LON"},
        {"sku": "APPLE", "location": "A-1", "warehouse": "LON"},
        {"sku": "APPLE", "location": "Q-1", "warehouse": "LON"},
    ],
    ids=str,
)
def test_it_is_what_reserve_offers(stocked: Shop, clock: Clock, wish: dict[str, Any], days: int) -> None:
    """Also when the lot SOON has expired, and the hold of its units and others ended."""
    for line in ({"sku": "MILK", "qty": 3, "lot": "SOON"}, {"sku": "MILK", "qty": 5, "location": "A-1"}, {"sku": "APPLE", "qty": 2, "location": "A-1"}):
        stocked.reserve("CART", [line], warehouse="LON", ttl="1 day")
    stocked.reserve("O1", [{"sku": "MILK", "qty": 1, "warehouse": "LON"}])
    clock.advance(days=days)
    asked = [wish | {"qty": 999}]
    quoted = {row["warehouse"]: row["available"] for row in stocked.quote(asked) if row["available"]}
    [row] = stocked.reserve("O2", asked)
    assert {offer["warehouse"]: offer["available"] for offer in row["offers"]} == quoted

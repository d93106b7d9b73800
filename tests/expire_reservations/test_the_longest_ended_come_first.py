"""So many lines are booked at a time: promises before what waits, the longest ended first; the rows are told in the order of the promises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.holds import booked, end_of
from tests.support import Clock, Shop, columns, unchanged
from tests.waiting import backorder, let_wait


@pytest.fixture
def shop(shop: Shop, clock: Clock) -> Iterator[Shop]:
    yield shop
    assert shop.differences() == []


@pytest.fixture
def pinned(shop: Shop, clock: Clock) -> Shop:
    """SECOND was made before FIRST, and ended after it; A-2 has the oldest APPLE, which FIRST has pinned."""
    shop.receive("LON", [{"sku": "RICE", "qty": 9}, {"sku": "APPLE", "qty": 3, "location": "A-2"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 9, "location": "A-1"}])
    shop.reserve("SECOND", [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 2}], ttl="2 hours")
    shop.reserve("FIRST", [{"sku": "APPLE", "qty": 4}, {"sku": "RICE", "qty": 2}], ttl="1 hour")
    shop.allocate("FIRST")
    shop.allocate("SECOND")
    clock.advance(hours=3)
    return shop


def test_rows_and_entries_come_promise_by_promise(pinned: Shop) -> None:
    answer = pinned.expire_reservations(op_id="tidy")
    assert columns(answer, "order_ref", "line", "sku", "qty_released") == [
        ("SECOND", 1, "RICE", 1),
        ("SECOND", 2, "APPLE", 2),
        ("FIRST", 1, "APPLE", 4),
        ("FIRST", 2, "RICE", 2),
    ]
    assert pinned.entries("event_type", "order_ref", "location", "reserved_delta", "allocated_delta", sku="APPLE", op_id="tidy") == [
        ("DEALLOCATE", "SECOND", "A-1", 0, -2),
        ("DEALLOCATE", "FIRST", "A-2", 0, -3),
        ("DEALLOCATE", "FIRST", "A-1", 0, -1),
        ("EXPIRE", "SECOND", None, -2, 0),
        ("EXPIRE", "FIRST", None, -4, 0),
    ]


@pytest.fixture
def waiting(shop: Shop, clock: Clock) -> Shop:
    """OLD and YOUNG waited and ended, OLD first; LATE waits until tomorrow, FIRM for ever. KEPT holds a promise until tomorrow; LOST held one, and is booked."""
    for sku in ("APPLE", "RICE", "MILK"):
        let_wait(shop, sku)
    shop.receive("LON", [{"sku": "RICE", "qty": 2}])
    shop.reserve("LOST", [{"sku": "RICE", "qty": 1}], ttl="1 minute")
    clock.advance(minutes=2)
    shop.expire_reservations()
    shop.reserve("KEPT", [{"sku": "RICE", "qty": 2}], ttl="1 day")
    backorder(shop, "FIRM", 1, "MILK")
    backorder(shop, "LATE", 1, "MILK", ttl="1 day")
    backorder(shop, "YOUNG", 2, "APPLE", ttl="2 hours")
    backorder(shop, "OLD", 3, "RICE", ttl="1 hour")
    clock.advance(hours=3)
    return shop


def test_what_waits_is_booked_as_far_as_there_is_room(waiting: Shop) -> None:
    calls = [columns(waiting.expire_reservations(max_lines=1), "order_ref", "sku", "qty_released") for _ in range(3)]
    assert calls == [[("OLD", "RICE", 3)], [("YOUNG", "APPLE", 2)], []]


def test_one_call_books_promises_and_what_waits_no_more_than_it_may(waiting: Shop, clock: Clock) -> None:
    clock.advance(days=2)
    orders = [[order_ref for (order_ref,) in columns(waiting.expire_reservations(max_lines=2), "order_ref")] for _ in range(3)]
    assert orders == [["KEPT", "OLD"], ["LATE", "YOUNG"], []]


def test_what_waits_on_is_no_work(waiting: Shop, db: psycopg.Connection) -> None:
    """Neither what ends tomorrow nor what was booked."""
    waiting.expire_reservations()
    with unchanged(db):
        assert waiting.expire_reservations(op_id=None) == []


def next_ends(shop: Shop) -> list[dict[tuple[Any, ...], Any]]:
    """By product and warehouse when the first hold ends, and by product when the first that waits does, as levels and queues have it."""
    levels = shop.db.execute(
        "select p.sku, w.code, l.next_expiry_at from openstock_core.stock_level l "
        "join openstock_core.product p using (tenant_id, product_id) join openstock_core.warehouse w using (tenant_id, warehouse_id)"
    ).fetchall()
    queues = shop.db.execute(
        "select p.sku, g.next_expiry_at from openstock_core.backlog g join openstock_core.product p using (tenant_id, product_id)"
    ).fetchall()
    return [{row[:-1]: row[-1] for row in rows} for rows in (levels, queues)]


def test_afterwards_levels_and_queues_know_exactly_when_the_next_one_ends(shop: Shop, clock: Clock) -> None:
    """What ended somewhere else, or is booked, or ends at another place, is no reason to look again."""
    for sku in ("APPLE", "RICE"):
        let_wait(shop, sku)
    for warehouse in ("LON", "BER"):
        shop.receive(warehouse, [{"sku": sku, "qty": 9} for sku in ("APPLE", "RICE")])
        for hour, sku in enumerate(("APPLE", "RICE"), start=9 if warehouse == "LON" else 5):
            for order_ref, ttl in ((f"GONE-{sku}-{warehouse}", "1 hour"), (f"KEPT-{sku}-{warehouse}", f"{hour} hours")):
                shop.reserve(order_ref, [{"sku": sku, "qty": 1}], warehouse=warehouse, ttl=ttl)
    for sku, hours in (("APPLE", 8), ("RICE", 7)):
        shop.reserve(f"REST-{sku}", [{"sku": sku, "qty": 14}])
        for order_ref, ttl in ((f"GONE-{sku}", "1 hour"), (f"KEPT-{sku}", f"{hours} hours")):
            backorder(shop, order_ref, 1, sku, ttl=ttl)
    clock.advance(hours=2)
    shop.expire_reservations()
    assert next_ends(shop) == [
        {(sku, warehouse): end_of(shop, f"KEPT-{sku}-{warehouse}") for sku in ("APPLE", "RICE") for warehouse in ("LON", "BER")},
        {(sku,): end_of(shop, f"KEPT-{sku}") for sku in ("APPLE", "RICE")},
    ]
    assert len(booked(shop)) == 6

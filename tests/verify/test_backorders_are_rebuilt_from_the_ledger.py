"""What waits for stock comes back from the ledger with its orders, places and ends, and is filled and ends afterwards."""

from __future__ import annotations

import pytest

from tests.holds import shown
from tests.support import Clock, Connect, Shop, call, columns
from tests.waiting import backlog, backorder, let_wait, queue, standing

from .test_projections_are_rebuilt_from_the_ledger_alone import tear_down


@pytest.fixture
def waiting(shop: Shop, clock: Clock) -> Shop:
    """Every kind of backorder of APPLE and RICE, none of which names a warehouse.

    FIRST was filled in part, and its line has grown; SECOND gave a part back; CART was confirmed and is line 2 of SALE;
    HELD waits until tomorrow, LONGER was extended to three days; BOOKED has ended and is booked, DUE has ended and is
    not; GONE was cancelled, FILLED is filled.
    """
    for sku in ("APPLE", "RICE"):
        let_wait(shop, sku)
    backorder(shop, "FILLED", 1)
    backorder(shop, "FIRST", 5)
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 1}])
    backorder(shop, "SECOND", 4)
    shop.release("SECOND", [{"line": 1, "qty": 1}])
    backorder(shop, "BOOKED", 2, ttl="10 minutes")
    clock.advance(hours=1)
    shop.expire_reservations()
    backorder(shop, "CART", 3, ttl="2 hours")
    backorder(shop, "SALE", 1, "RICE")
    shop.confirm("CART", "SALE")
    backorder(shop, "HELD", 2, ttl="1 day")
    backorder(shop, "LONGER", 1, ttl="1 day")
    shop.extend("LONGER", "3 days")
    backorder(shop, "DUE", 2, ttl="10 minutes")
    backorder(shop, "GONE", 2)
    shop.cancel("GONE")
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    clock.advance(hours=1)
    return shop


def rebuild(shop: Shop, connect: Connect) -> None:
    tear_down(shop)
    assert (shop.view("reservations"), shop.view("backorders"), backlog(shop)) == ([], [], 0)
    call(connect("operator"), "openstock_admin.rebuild", tenant=shop.tenant, replace=True)
    assert shop.differences() == []


def test_every_backorder_comes_back(waiting: Shop, connect: Connect) -> None:
    before = [shown(waiting), queue(waiting), queue(waiting, "RICE"), backlog(waiting), waiting.view("order_lines")]
    assert [order for order, *_ in queue(waiting)] == ["FIRST", "SECOND", "SALE"]
    assert waiting.differences() == []
    rebuild(waiting, connect)
    assert [shown(waiting), queue(waiting), queue(waiting, "RICE"), backlog(waiting), waiting.view("order_lines")] == before


def test_they_belong_to_the_order_that_was_let_wait_whatever_later_entries_name(waiting: Shop, connect: Connect) -> None:
    before = queue(waiting)
    with waiting.db.transaction():
        waiting.db.execute("alter table openstock_core.ledger disable trigger all")
        waiting.db.execute("update openstock_core.ledger set order_ref = 'FIRST' where order_ref = 'SECOND' and event_type = 'RELEASE'")
    rebuild(waiting, connect)
    assert queue(waiting) == before


def test_they_are_filled_afterwards_in_their_old_order(waiting: Shop, connect: Connect) -> None:
    rebuild(waiting, connect)
    waiting.receive("BER", [{"sku": "APPLE", "qty": 5}])
    assert queue(waiting) == [("SALE", None, 3)]
    assert waiting.differences() == []


def test_orders_come_back_in_the_order_of_their_age(shop: Shop, clock: Clock, connect: Connect) -> None:
    """Of two that are called next and equal otherwise, the one that was made first comes first."""
    let_wait(shop)
    for order_ref in ("C", "A", "D", "B"):
        backorder(shop, f"{order_ref}1", 1)
        clock.advance(minutes=1)
    shop.receive("LON", [{"sku": "APPLE", "qty": 6}])
    for order_ref in ("D", "A", "B", "C"):
        backorder(shop, f"{order_ref}2", 1)
        clock.advance(minutes=1)
    rebuild(shop, connect)
    orders = shop.db.execute("select order_ref from openstock_core.reservation order by reservation_id").fetchall()
    filled, waiting = ["C1", "A1", "D1", "B1", "D2", "A2"], ["B2", "C2"]
    assert [ref for (ref,) in orders] == filled + waiting


def test_holds_among_them_end_when_they_would_have(waiting: Shop, connect: Connect, clock: Clock) -> None:
    rebuild(waiting, connect)
    assert columns(waiting.expire_reservations(), "order_ref", "qty_released") == [("DUE", 2)]
    clock.advance(days=2)
    assert columns(waiting.expire_reservations(), "order_ref", "qty_released") == [("HELD", 2)]
    assert columns(waiting.confirm("LONGER"), "outcome", "qty_backordered") == [("confirmed", 1)]
    assert waiting.differences() == []


def test_their_lines_and_numbers_go_on(waiting: Shop, connect: Connect) -> None:
    rebuild(waiting, connect)
    assert [row["line"] for row in backorder(waiting, "SALE", 1)] == [3]
    waiting.cancel("FIRST")
    assert [row for row in standing(waiting, "FIRST") if row[2] or row[3]] == []
    assert waiting.differences() == []


def test_a_warehouse_that_is_waited_for_stays_where_the_row_does(waiting: Shop, connect: Connect) -> None:
    backorder(waiting, "BERLIN", 1, warehouse="BER")
    waiting.db.execute("update openstock_core.backorder set backordered = backordered + 1")
    call(connect("operator"), "openstock_admin.rebuild", tenant=waiting.tenant, replace=True)
    assert queue(waiting)[-1] == ("BERLIN", "BER", 1)
    assert waiting.differences() == []

"""Holds come back from the ledger with their ends, orders and numbers, and end in time afterwards."""

from __future__ import annotations

import pytest

from tests.holds import booked, end_of, parts, shown
from tests.support import Clock, Connect, Shop, call, columns

from .test_projections_are_rebuilt_from_the_ledger_alone import tear_down

PLAIN, EXTENDED, DUE = "PLAIN", "EXTENDED", "DUE"


@pytest.fixture
def held(shop: Shop, clock: Clock) -> Shop:
    """20 APPLE in London, 5 in Berlin, and every kind of hold, of 1 APPLE but where said.

    PLAIN holds for a day; EXTENDED is extended to two days; CART was confirmed, its pinned line of 2 being line 2 of
    SALE, which is shipped in part; FIRM was confirmed as it is; BOOKED has ended and is booked, DUE has ended and is
    not, and keeps 2 pinned; MIXED has a line of each. SPLIT holds 4 in London and Berlin.
    """
    shop.receive("LON", [{"sku": "APPLE", "qty": 20, "location": "A-1"}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}])
    shop.reserve("BOOKED", [{"sku": "APPLE", "qty": 1}], ttl="10 minutes")
    shop.reserve("MIXED", [{"sku": "APPLE", "qty": 1}], ttl="10 minutes")
    clock.advance(minutes=15)
    shop.expire_reservations()
    shop.reserve(PLAIN, [{"sku": "APPLE", "qty": 1}], ttl="1 day")
    shop.reserve(EXTENDED, [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    shop.extend(EXTENDED, "1 day")
    shop.extend(EXTENDED, "2 days")
    shop.reserve("SALE", [{"sku": "APPLE", "qty": 1}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2, "line": 7}], ttl="1 hour")
    shop.allocate("CART")
    shop.confirm("CART", "SALE")
    shop.ship("SALE", [{"line": 2, "qty": 1}])
    shop.reserve("FIRM", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    shop.confirm("FIRM")
    shop.reserve(
        "SPLIT", [{"sku": "APPLE", "qty": 2, "warehouse": warehouse} for warehouse in ("LON", "BER")], ttl="1 day"
    )
    shop.reserve("MIXED", [{"sku": "APPLE", "qty": 1}], ttl="2 hours")
    shop.reserve("MIXED", [{"sku": "APPLE", "qty": 1}], ttl="1 day")
    shop.reserve("MIXED", [{"sku": "APPLE", "qty": 1}])
    shop.reserve(DUE, [{"sku": "APPLE", "qty": 3}], ttl="2 hours")
    shop.allocate(DUE)
    shop.release(DUE, [{"line": 1, "qty": 1}])
    clock.advance(hours=3)
    return shop


def rebuild(shop: Shop, connect: Connect) -> None:
    tear_down(shop)
    assert shop.view("reservations") == []
    call(connect("operator"), "openstock_admin.rebuild", tenant=shop.tenant, replace=True)
    assert shop.differences() == []


def test_every_line_comes_back(held: Shop, connect: Connect) -> None:
    query = (
        "select l.reservation_line_id, r.order_ref, l.line, l.ordered, l.reserved, l.shipped, l.released, l.expired, "
        "l.expires_at, l.product_id, l.warehouse_id from openstock_core.reservation_line l "
        "join openstock_core.reservation r using (tenant_id, reservation_id) order by 1"
    )
    lines, before = held.db.execute(query).fetchall(), shown(held)
    assert {line[1] for line in lines} == {"BOOKED", "MIXED", PLAIN, EXTENDED, "SALE", "FIRM", "SPLIT", DUE}
    assert held.differences() == []
    rebuild(held, connect)
    assert held.db.execute(query).fetchall() == lines
    assert shown(held) == before


def test_a_level_looks_for_ended_holds_in_time(held: Shop, connect: Connect) -> None:
    rebuild(held, connect)
    ends = held.db.execute(
        "select l.next_expiry_at, min(n.expires_at) from openstock_core.stock_level l "
        "join openstock_core.reservation_line n using (tenant_id, product_id, warehouse_id) where n.reserved > 0 group by 1"
    ).fetchall()
    assert len(ends) == 2
    assert all(next_expiry == first for next_expiry, first in ends)


@pytest.mark.parametrize("order_ref", [PLAIN, EXTENDED])
def test_a_hold_ends_when_it_would_have(held: Shop, connect: Connect, clock: Clock, order_ref: str) -> None:
    end = end_of(held, order_ref)
    rebuild(held, connect)
    assert end_of(held, order_ref) == end
    clock.stop(end)
    assert parts(held, order_ref) == [(1, "LON", 0, 0, 0, 0, 1)]
    held.expire_reservations()
    assert order_ref in [order for _, _, order, *_ in booked(held)]
    assert held.differences() == []


def test_what_has_ended_and_is_not_booked_blocks_nobody(held: Shop, connect: Connect) -> None:
    rebuild(held, connect)
    on_hand, _, _, available = held.level("APPLE")
    assert on_hand == 19
    line = {"sku": "APPLE", "qty": int(available), "warehouse": "LON"}
    assert columns(held.reserve("NEW", [line], op_id="new"), "outcome", "available") == [("reserved", 0)]
    assert sorted(booked(held, op_id="new")) == [
        (0, "DEALLOCATE", DUE, "APPLE", "LON", 0, -2, "expired"),
        (0, "EXPIRE", DUE, "APPLE", "LON", -2, 0, "expired"),
        (0, "EXPIRE", "MIXED", "APPLE", "LON", -1, 0, "expired"),
    ]
    assert held.differences() == []


def test_what_was_confirmed_has_no_end(held: Shop, connect: Connect, clock: Clock) -> None:
    rebuild(held, connect)
    clock.advance(days=20)
    held.expire_reservations()
    assert parts(held, "SALE") == [(1, "LON", 1, 0, 0, 0, 0), (2, "LON", 1, 1, 1, 0, 0)]
    assert parts(held, "FIRM") == [(1, "LON", 1, 0, 0, 0, 0)]
    held.ship("SALE")
    held.ship("FIRM")
    assert held.differences() == []


def test_holds_are_extended_confirmed_and_booked_afterwards(held: Shop, connect: Connect) -> None:
    rebuild(held, connect)
    assert columns(held.extend(PLAIN, "5 days"), "outcome") == [("extended",)]
    assert columns(held.confirm("SPLIT", "SALE"), "order_ref", "line") == [("SALE", 3), ("SALE", 4)]
    assert sorted(columns(held.expire_reservations(), "order_ref", "qty_released")) == [(DUE, 2), ("MIXED", 1)]
    assert held.differences() == []


def test_a_moved_line_that_is_put_back_into_the_cart_is_moved_again(held: Shop, connect: Connect) -> None:
    before = shown(held)
    held.db.execute(
        "update openstock_core.reservation_line set line = 7, reservation_id = "
        "(select reservation_id from openstock_core.reservation where order_ref = 'CART') where line = 2 and reservation_id = "
        "(select reservation_id from openstock_core.reservation where order_ref = 'SALE')"
    )
    found = columns(held.differences(), "fact", "expected", "actual")
    assert sorted(found) == [("line belongs to the order of its entries", 1, 0), ("line number = ledger", 2, 7)]
    call(connect("operator"), "openstock_admin.rebuild", tenant=held.tenant, replace=True)
    assert shown(held) == before
    assert held.differences() == []

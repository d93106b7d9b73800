"""expire_reservations(): the ledger learns of holds that ended; promises and views knew already."""

from __future__ import annotations

import psycopg
import pytest

from tests.holds import booked, end_of, parts, shown, stop_at_the_end, stop_before_the_end
from tests.support import OTHER_TENANT, Clock, Connect, Shop, call, columns, day, fails, refused, unchanged


@pytest.fixture
def carts(shop: Shop, clock: Clock) -> Shop:
    """Three holds of APPLE and RICE that ended, OLD first, then MIDDLE (in London and Berlin), then YOUNG, and LIVE."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "RICE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    shop.reserve("LIVE", [{"sku": "APPLE", "qty": 1}], ttl="1 day")
    shop.reserve("YOUNG", [{"sku": "RICE", "qty": 2}, {"sku": "APPLE", "qty": 1}], ttl="3 hours")
    shop.reserve("MIDDLE", [{"sku": "APPLE", "qty": 10}], ttl="2 hours")
    shop.reserve("OLD", [{"sku": "RICE", "qty": 1.5}], ttl="1 hour")
    shop.reserve("FIRM", [{"sku": "RICE", "qty": 1}])
    clock.advance(hours=4)
    return shop


def test_there_is_a_row_for_each_line(carts: Shop) -> None:
    answer = carts.expire_reservations(op_id="tidy")
    names = ("line", "sku", "warehouse", "outcome", "qty_ordered", "qty_reserved", "qty_short", "qty_released")
    assert sorted(columns(answer, "order_ref", *names)) == [
        ("MIDDLE", 1, "APPLE", "BER", "expired", 2, 0, 0, 2),
        ("MIDDLE", 1, "APPLE", "LON", "expired", 8, 0, 0, 8),
        ("OLD", 1, "RICE", "LON", "expired", 1.5, 0, 0, 1.5),
        ("YOUNG", 1, "RICE", "LON", "expired", 2, 0, 0, 2),
        ("YOUNG", 2, "APPLE", "LON", "expired", 1, 0, 0, 1),
    ]
    assert {row["expires_at"] for row in answer if row["order_ref"] == "OLD"} == {end_of(carts, "OLD")}
    assert {row["replayed"] for row in answer} == {False}
    assert len(booked(carts, op_id="tidy", event_type="EXPIRE")) == 5
    assert carts.differences() == []


def test_the_balances_are_those_after_each(carts: Shop) -> None:
    answer = carts.expire_reservations(op_id="tidy")
    rows = [row for row in answer if row["sku"] == "RICE"]
    assert columns(rows, "on_hand", "blocked", "reserved", "available") == columns(
        [
            {"on_hand": 5, "blocked": 0, "reserved": after, "available": 5 - after}
            for (after,) in carts.entries("reserved_after", op_id="tidy", sku="RICE")
        ],
        "on_hand",
        "blocked",
        "reserved",
        "available",
    )
    assert carts.level("RICE") == (5, 0, 1, 4)


def test_nothing_that_the_views_show_changes(carts: Shop) -> None:
    carts.allocate("LIVE")
    before = shown(carts)
    carts.expire_reservations()
    assert shown(carts) == before


def test_what_is_pinned_is_deallocated(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 4}], ttl="1 hour")
    shop.allocate("CART")
    clock.advance(hours=2)
    assert len(shop.expire_reservations()) == 1
    assert booked(shop) == [
        (0, "DEALLOCATE", "CART", "APPLE", "LON", 0, -4, "expired"),
        (0, "EXPIRE", "CART", "APPLE", "LON", -4, 0, "expired"),
    ]
    assert columns(shop.view("bins"), "allocated") == [(0,)]
    assert shop.differences() == []


def test_holds_that_live_and_promises_without_end_are_left_alone(carts: Shop) -> None:
    carts.expire_reservations()
    assert parts(carts, "LIVE") == [(1, "LON", 1, 0, 0, 0, 0)]
    assert parts(carts, "FIRM") == [(1, "LON", 1, 0, 0, 0, 0)]
    assert carts.level("APPLE") == (10, 0, 1, 9)


def test_a_hold_is_booked_from_the_microsecond_of_its_end_on(shop: Shop, db: psycopg.Connection, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 4}], ttl="1 hour")
    stop_before_the_end(clock, shop, "CART")
    with unchanged(db):
        assert shop.expire_reservations(op_id=None) == []
    stop_at_the_end(clock, shop, "CART")
    assert columns(shop.expire_reservations(op_id=None), "order_ref") == [("CART",)]


def test_so_many_lines_are_booked_at_a_time_the_longest_ended_first(carts: Shop) -> None:
    orders = [sorted({row["order_ref"] for row in carts.expire_reservations(max_lines=n)}) for n in (1, 2, 1, 7, 7)]
    assert orders == [["OLD"], ["MIDDLE"], ["YOUNG"], ["YOUNG"], []]
    assert carts.differences() == []


def test_what_was_partly_shipped_gives_back_the_rest(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 4}], ttl="1 hour")
    shop.ship("CART", [{"line": 1, "qty": 3}])
    clock.advance(hours=2)
    assert columns(shop.expire_reservations(), "qty_ordered", "qty_released") == [(4, 1)]
    assert parts(shop, "CART") == [(1, "LON", 0, 0, 3, 0, 1)]
    assert shop.differences() == []


def test_lots_that_expired_there_are_booked_along(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "SOON", "expires_on": day(2)}])
    shop.reserve("CART", [{"sku": "MILK", "qty": 3}], ttl="1 hour")
    shop.allocate("CART")
    clock.advance(days=4)
    before = shown(shop)
    assert len(shop.expire_reservations(op_id="tidy")) == 1
    assert shop.entries("event_type", "blocked_delta", "reserved_delta", "allocated_delta", op_id="tidy") == [
        ("DEALLOCATE", 0, 0, -3),
        ("EXPIRE", 0, -3, 0),
        ("STATUS", 5, 0, 0),
    ]
    assert shown(shop) == before
    assert shop.differences() == []


def test_without_op_id_a_call_that_finds_nothing_leaves_no_trace(carts: Shop, db: psycopg.Connection) -> None:
    assert len(carts.expire_reservations(op_id=None)) == 5
    with unchanged(db):
        assert carts.expire_reservations(op_id=None) == []


def test_without_op_id_a_call_that_finds_something_is_an_operation(carts: Shop, db: psycopg.Connection) -> None:
    answer = carts.expire_reservations(op_id=None)
    [(op_id, rows)] = db.execute(
        "select o.op_id, jsonb_array_length(o.answer) from openstock_core.operation o "
        "join openstock_core.event e using (tenant_id, op_id) where o.function = 'expire_reservations'"
    ).fetchall()
    assert rows == len(answer) == 5
    assert set(carts.entries("op_id", reason="expired")) == {(op_id,)}


def test_with_op_id_it_is_one_operation_whatever_it_finds(carts: Shop, db: psycopg.Connection, clock: Clock) -> None:
    first = carts.expire_reservations(op_id="tidy")
    assert carts.expire_reservations(op_id="again") == []
    clock.advance(days=2)
    with unchanged(db):
        assert carts.expire_reservations(op_id="tidy") == [row | {"replayed": True} for row in first]
        assert carts.expire_reservations(op_id="again") == []
        with fails("OS010", op_id="again"):
            carts.expire_reservations(op_id="again", max_lines=3)
    assert columns(carts.expire_reservations(op_id="third"), "order_ref") == [("LIVE",)]


@pytest.mark.parametrize("max_lines", [0, -1, 10_001, None])
def test_the_number_of_lines_is_bounded(carts: Shop, db: psycopg.Connection, max_lines: int | None) -> None:
    for op_id in (None, "tidy"):
        with refused(db, "22023", argument="max_lines", problem="must be between 1 and 10000"):
            carts.expire_reservations(op_id=op_id, max_lines=max_lines)


def test_another_tenants_holds_are_left_alone(carts: Shop, connect: Connect, db: psycopg.Connection) -> None:
    with unchanged(db):
        assert call(connect("app"), "expire_reservations", tenant=OTHER_TENANT) == []


def test_it_finds_nothing_in_a_read_only_transaction_and_books_nothing(carts: Shop, db: psycopg.Connection) -> None:
    with refused(db, "25006", function="expire_reservations"), carts.connection.transaction():
        carts.connection.execute("set transaction read only")
        carts.expire_reservations(op_id=None)


def test_the_next_end_is_known_afterwards(carts: Shop, clock: Clock) -> None:
    carts.expire_reservations()
    clock.stop(end_of(carts, "LIVE"))
    assert carts.level("APPLE") == (10, 0, 0, 10)
    assert columns(carts.expire_reservations(), "order_ref") == [("LIVE",)]
    assert carts.differences() == []

"""Repeated with its op_id it fills nothing twice; without one, and with nothing to do, it leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.support import OTHER_TENANT, Clock, Connect, Shop, call, columns, day, fails, refused, unchanged
from tests.waiting import backlog, backorder, filled, let_wait, queue


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """O1 and O2 wait for 2 APPLE each, and 3 have come in. In the end all is as verify wants it."""
    let_wait(shop)
    for order_ref in ("O1", "O2"):
        backorder(shop, order_ref, 2)
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}], fill_backorders=False)
    yield shop
    assert shop.differences() == []


def test_a_replay_fills_nothing_twice(shop: Shop, db: psycopg.Connection) -> None:
    first = shop.fill_backorders(op_id="once")
    assert filled(first) == [("O1", 1, "LON", "filled", 2), ("O2", 1, "LON", "filled", 1)]
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}], fill_backorders=False)
    with unchanged(db):
        assert shop.fill_backorders(op_id="once") == [row | {"replayed": True} for row in first]
    with refused(db, "OS010", op_id="once"):
        shop.fill_backorders(op_id="once", max_rows=7)


def test_a_call_that_finds_nothing_leaves_no_trace_without_an_op_id(shop: Shop, db: psycopg.Connection) -> None:
    assert len(shop.fill_backorders(op_id=None)) == 2
    [name] = shop.entries("op_id", event_type="RESERVE")[:1]
    assert name[0].startswith("openstock.fill_backorders ")
    with unchanged(db):
        assert shop.fill_backorders(op_id=None) == []
    assert shop.fill_backorders(op_id="nothing") == []
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}], fill_backorders=False)
    with unchanged(db):
        assert shop.fill_backorders(op_id="nothing") == []


@pytest.mark.parametrize("max_rows", [0, -1, 10_001, None])
def test_the_number_of_rows_is_bounded(shop: Shop, db: psycopg.Connection, connect: Connect, max_rows: int | None) -> None:
    with refused(db, "22023", argument="max_rows"):
        shop.fill_backorders(max_rows=max_rows)
    with refused(db, "22023", argument="max_rows"):
        call(connect("operator"), "openstock_admin.fill_backorders", tenant=shop.tenant, max_rows=max_rows)


def test_an_operator_fills_for_any_tenant(shop: Shop, connect: Connect, db: psycopg.Connection) -> None:
    operator = connect("operator")
    with unchanged(db):
        assert columns(call(operator, "openstock_admin.fill_backorders", tenant=OTHER_TENANT), "fill_backorders") == [(0,)]
        for tenant in ("0197a000-0000-7000-8000-00000000dead", None):
            with fails("OS003", tenant=tenant):
                call(operator, "openstock_admin.fill_backorders", tenant=tenant)
    assert columns(call(operator, "openstock_admin.fill_backorders", tenant=shop.tenant), "fill_backorders") == [(2,)]
    assert queue(shop) == [("O2", None, 1)]


def test_an_application_is_no_operator(shop: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), pytest.raises(psycopg.errors.InsufficientPrivilege):
        call(shop.connection, "openstock_admin.fill_backorders", tenant=shop.tenant)


def test_maintenance_fills_for_every_active_tenant(shop: Shop, connect: Connect, db: psycopg.Connection) -> None:
    other = Shop(connect("app"), db, OTHER_TENANT).furnish()
    let_wait(other)
    backorder(other, "O1", 2)
    other.receive("LON", [{"sku": "APPLE", "qty": 3}], fill_backorders=False)
    db.execute("select openstock_admin.set_tenant_active(%s, false)", [OTHER_TENANT])
    connect("operator").execute("call openstock_admin.run_maintenance()")
    assert (backlog(shop), queue(shop)) == (1, [("O2", None, 1)])
    db.execute("select openstock_admin.set_tenant_active(%s, true)", [OTHER_TENANT])
    assert queue(other) == [("O1", None, 2)]
    connect("operator").execute("call openstock_admin.run_maintenance()")
    assert queue(other) == []
    assert other.differences() == []


def test_maintenance_gives_what_ended_holds_had(shop: Shop, connect: Connect, clock: Clock) -> None:
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    clock.advance(hours=2)
    connect("operator").execute("call openstock_admin.run_maintenance()")
    assert shop.level("APPLE") == (3, 0, 3, 0)
    assert queue(shop) == [("O2", None, 1)]


def test_ended_holds_are_booked_only_as_they_are_needed(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 7}], fill_backorders=False)
    for number, qty in enumerate((3, 1, 4), 1):
        shop.reserve(f"CART{number}", [{"sku": "APPLE", "qty": qty}], ttl=f"{number} minutes")
    clock.advance(hours=2)
    assert sum(row["qty_reserved"] for row in shop.fill_backorders(op_id="fill")) == 4
    assert shop.entries("order_ref", op_id="fill", event_type="EXPIRE") == [("CART1",)]


def test_lots_that_expired_are_booked_and_given_to_nobody(shop: Shop, clock: Clock) -> None:
    let_wait(shop, "MILK")
    backorder(shop, "O3", 3, "MILK")
    for lot, ahead in (("OLD", 2), ("NEW", 30)):
        shop.receive("LON", [{"sku": "MILK", "qty": 2, "lot": lot, "expires_on": day(ahead)}], fill_backorders=False)
    clock.advance(days=4)
    assert columns(shop.fill_backorders(), "order_ref", "qty_reserved") == [("O1", 2), ("O2", 1), ("O3", 2)]
    assert shop.level("MILK") == (4, 2, 2, 0)
    assert queue(shop, "MILK") == [("O3", None, 1)]


def test_pins_of_an_ended_hold_go_with_it(shop: Shop, clock: Clock) -> None:
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.allocate("CART")
    clock.advance(hours=2)
    shop.fill_backorders()
    assert columns(shop.allocate("O1"), "outcome", "qty") == [("allocated", 2)]


def test_more_products_than_one_call_takes(shop: Shop) -> None:
    """A hundred at a time, in the order in which they were made; who waits for others takes none of the rows."""
    skus = [f"S-{number:03}" for number in range(105)]
    shop.put_products(lines=[{"sku": sku, "name": sku, "backorder": "unlimited"} for sku in skus])
    shop.reserve("FIRST", [{"sku": skus[-1], "qty": 2}], on_shortage="backorder", priority=1)
    shop.reserve("MANY", [{"sku": sku, "qty": 2} for sku in skus[:-1]], on_shortage="backorder")
    shop.receive("LON", [{"sku": sku, "qty": 3} for sku in skus], fill_backorders=False)
    assert len(shop.fill_backorders(max_rows=101)) == 101
    assert sorted(columns(shop.fill_backorders(), "order_ref", "sku")) == [
        ("FIRST", "S-104"), *(("MANY", f"S-{number:03}") for number in range(99, 104)),
    ]  # fmt: skip
    assert columns(shop.view("orders", order_ref="MANY"), "reserved", "backordered") == [(208, 0)]

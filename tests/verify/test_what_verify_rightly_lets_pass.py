"""Projections may lag behind the calendar, and a clock may go back: verify reports only what can never be right."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Clock, Connect, Shop, call, day


@pytest.fixture
def dairy(shop: Shop) -> Shop:
    """4 MILK that expire the day after tomorrow, and 6 that keep for 40 days."""
    shop.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "SOON", "expires_on": day(2)}])
    shop.receive("LON", [{"sku": "MILK", "qty": 6, "lot": "LATE", "expires_on": day(40)}])
    return shop


def next_block(db: psycopg.Connection) -> str | None:
    """The day (UTC) before which units of MILK have to be blocked."""
    query = "select (next_block_at at time zone 'UTC')::date::text from openstock_core.stock_level"
    [(found,)] = db.execute(query).fetchall()
    return found


def postpone(db: psycopg.Connection, lot: str, ahead: int) -> None:
    db.execute("update openstock_core.lot set expires_on = %s where code = %s", [day(ahead), lot])


def test_a_level_may_look_for_expired_lots_too_early(dairy: Shop, db: psycopg.Connection, connect: Connect) -> None:
    """Units that leave do not put the next look off; to find out when it is due would cost each shipment a search."""
    dairy.adjust("LON", [{"sku": "MILK", "qty": -4, "lot": "SOON"}], reason="lost")
    assert next_block(db) == day(3)
    assert dairy.differences() == []
    assert call(connect("operator"), "openstock_admin.rebuild", tenant=dairy.tenant, replace=True) == []


def test_expired_units_may_wait_to_be_blocked(dairy: Shop, db: psycopg.Connection, clock: Clock) -> None:
    clock.set(f"{day(5)} 12:00 UTC")
    assert dairy.level("MILK") == (10, 4, 0, 6)
    assert next_block(db) == day(3), "nobody has booked it"
    assert dairy.differences() == []
    dairy.reserve("O1", [{"sku": "MILK", "qty": 1}])
    assert next_block(db) == day(41)
    assert dairy.differences() == []


def test_what_expired_stays_blocked_when_the_clock_goes_back(dairy: Shop, clock: Clock) -> None:
    clock.set(f"{day(5)} 12:00 UTC")
    dairy.reserve("O1", [{"sku": "MILK", "qty": 1}])
    clock.set(f"{day(0)} 12:00 UTC")
    assert dairy.level("MILK") == (10, 4, 1, 5)
    assert dairy.differences() == []
    dairy.receive("LON", [{"sku": "MILK", "qty": 2, "lot": "SOON"}])
    dairy.move("LON", [{"sku": "MILK", "qty": 3, "lot": "SOON", "to": "A-1"}])
    assert dairy.differences() == []


def test_units_that_were_blocked_before_their_lot_expired_are_reported(
    dairy: Shop, db: psycopg.Connection, connect: Connect, clock: Clock
) -> None:
    clock.set(f"{day(5)} 12:00 UTC")
    dairy.reserve("O1", [{"sku": "MILK", "qty": 1}])
    postpone(db, "SOON", 30)
    [found] = dairy.differences()
    assert (found["fact"], found["expected"], found["actual"]) == ("bin blocked = status, location and lot", 0, 4)
    [told] = call(connect("operator"), "openstock_admin.rebuild", tenant=dairy.tenant, replace=True)
    assert not told["replaced"], "the ledger says that they were blocked"


def test_an_empty_location_may_change_its_kind_and_be_closed(dairy: Shop) -> None:
    dairy.move("LON", [{"sku": "MILK", "qty": 4, "lot": "SOON", "to": "A-1"}])
    dairy.move("LON", [{"sku": "MILK", "qty": 4, "lot": "SOON", "from": "A-1", "to": "DEFAULT"}])
    dairy.put_locations("LON", [{"code": "A-1", "kind": "quarantine"}])
    assert dairy.differences() == []
    dairy.move("LON", [{"sku": "MILK", "qty": 4, "lot": "SOON", "to": "A-1"}])
    assert dairy.level("MILK") == (10, 4, 0, 6)
    assert dairy.differences() == []
    dairy.move("LON", [{"sku": "MILK", "qty": 4, "lot": "SOON", "from": "A-1", "to": "DEFAULT"}])
    dairy.put_locations("LON", [{"code": "A-1", "active": False}])
    assert dairy.differences() == []

"""refresh_current_stock and the view current_stock: summed from the ledger alone, as of the last refresh."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.support import OTHER_TENANT, TENANT, Clock, Connect, Row, Shop, call, columns, day
from tests.waiting import let_wait


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """APPLE and MILK in London, partly promised, pinned, blocked and shipped."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 8}, {"sku": "APPLE", "qty": 2, "status": "hold"}])
    shop.receive("LON", [{"sku": "MILK", "qty": 4.5, "lot": "L1", "expires_on": day(2)}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 5}])
    shop.allocate("O1")
    shop.ship("O1", [{"line": 1, "qty": 2}])
    return shop


def refresh(connect: Connect) -> Any:
    [row] = call(connect("operator"), "openstock_admin.refresh_current_stock")
    return row["refresh_current_stock"]


def snapshot(connect: Connect, shop: Shop, login: str = "analyst") -> list[Row]:
    return Shop(connect(login), shop.db, shop.tenant).view("openstock_dw.current_stock")


def test_it_is_what_the_ledger_adds_up_to(stocked: Shop, connect: Connect) -> None:
    refresh(connect)
    rows = snapshot(connect, stocked)
    assert columns(rows, "sku", "name", "warehouse", "on_hand", "blocked", "reserved", "allocated", "entries") == [
        ("APPLE", "Apple", "LON", 8, 2, 3, 3, 5),
        ("MILK", "Fresh milk", "LON", 4.5, 0, 0, 0, 1),
    ]
    assert columns(rows, "last_recorded_at") == columns(stocked.view("stock"), "last_recorded_at")


def test_it_agrees_with_the_levels(stocked: Shop, connect: Connect) -> None:
    refresh(connect)
    names = ("sku", "warehouse", "on_hand", "blocked", "reserved")
    assert columns(snapshot(connect, stocked), *names) == columns(stocked.view("stock"), *names)


def test_what_waits_for_stock_is_at_no_warehouse(stocked: Shop, connect: Connect) -> None:
    for sku in ("APPLE", "RICE"):
        let_wait(stocked, sku)
        stocked.reserve("W", [{"sku": sku, "qty": 9}], on_shortage="backorder")
    stocked.cancel("W")
    refresh(connect)
    rows = snapshot(connect, stocked)
    assert columns(rows, "sku", "warehouse", "on_hand", "reserved", "entries") == [("APPLE", "LON", 8, 3, 7), ("MILK", "LON", 4.5, 0, 1)]


def test_it_stays_as_it_was_until_the_next_refresh(stocked: Shop, connect: Connect, clock: Clock) -> None:
    first = refresh(connect)
    before = snapshot(connect, stocked)
    stocked.receive("LON", [{"sku": "APPLE", "qty": 10}])
    assert snapshot(connect, stocked) == before
    clock.advance(hours=1)
    second = refresh(connect)
    after = snapshot(connect, stocked)
    assert columns(after, "sku", "on_hand") == [("APPLE", 18), ("MILK", 4.5)]
    assert {row["refreshed_at"] for row in before} == {first}
    assert {row["refreshed_at"] for row in after} == {second}
    assert second - first >= timedelta(hours=1)


def test_expiry_is_in_it_once_it_is_booked(stocked: Shop, connect: Connect, clock: Clock) -> None:
    clock.advance(days=4)
    refresh(connect)
    assert columns(snapshot(connect, stocked), "sku", "blocked") == [("APPLE", 2), ("MILK", 0)]
    call(connect("operator"), "openstock_admin.block_expired_lots", tenant=stocked.tenant)
    refresh(connect)
    assert columns(snapshot(connect, stocked), "sku", "blocked") == [("APPLE", 2), ("MILK", 4.5)]


def test_it_holds_every_tenant_and_shows_each_its_own(stocked: Shop, connect: Connect, db: psycopg.Connection) -> None:
    other = Shop(connect("app"), db, OTHER_TENANT).furnish()
    other.receive("BER", [{"sku": "APPLE", "qty": 77}])
    refresh(connect)
    assert db.execute("select count(distinct tenant_id) from openstock_core.current_stock").fetchone() == (2,)
    assert columns(snapshot(connect, stocked), "on_hand") == [(8,), (4.5,)]
    db.execute("select openstock_admin.grant_tenant('test_operator', %s)", [OTHER_TENANT])
    assert columns(snapshot(connect, other, "operator"), "warehouse", "on_hand") == [("BER", 77)]
    assert snapshot(connect, stocked, "operator") == []


@pytest.mark.usefixtures("stocked")
def test_it_can_be_refreshed_while_a_tenant_is_set(connect: Connect, db: psycopg.Connection) -> None:
    """Refreshed under one tenant's policy it would silently hold that tenant alone."""
    Shop(connect("app"), db, OTHER_TENANT).furnish().receive("BER", [{"sku": "APPLE", "qty": 77}])
    operator = connect("operator")
    operator.execute("select set_config('app.tenant_id', %s, false)", [str(TENANT)])
    call(operator, "openstock_admin.refresh_current_stock")
    assert db.execute("select count(distinct tenant_id) from openstock_core.current_stock").fetchone() == (2,)


def test_a_refresh_is_part_of_the_callers_transaction(stocked: Shop, connect: Connect) -> None:
    operator = connect("operator")
    with operator.transaction(force_rollback=True):
        call(operator, "openstock_admin.refresh_current_stock")
    assert snapshot(connect, stocked) == []


@pytest.fixture
def reader(stocked: Shop, connect: Connect) -> psycopg.Connection:
    """An analyst who has read a snapshot of `stocked` in a transaction that is still open."""
    refresh(connect)
    stocked.receive("LON", [{"sku": "APPLE", "qty": 10}])
    analyst = connect("analyst", autocommit=False)
    analyst.execute("select set_config('app.tenant_id', %s, true)", [str(stocked.tenant)])
    assert analyst.execute("select count(*) from openstock_dw.current_stock").fetchone() == (2,)
    return analyst


@pytest.mark.usefixtures("reader")
def test_readers_and_a_refresh_do_not_wait_for_each_other(
    stocked: Shop, connect: Connect, db: psycopg.Connection
) -> None:
    """Also where not everybody may make temporary tables, which it takes: migrating grants them."""
    db.execute(f"revoke temporary on database {db.info.dbname} from public")
    db.execute(f"grant temporary on database {db.info.dbname} to openstock_maint")
    operator = connect("operator")
    operator.execute("set lock_timeout = '50ms'")
    call(operator, "openstock_admin.refresh_current_stock")
    assert columns(snapshot(connect, stocked), "sku", "on_hand") == [("APPLE", 18), ("MILK", 4.5)]


def test_without_temporary_tables_a_refresh_waits_for_its_readers(
    stocked: Shop, reader: psycopg.Connection, connect: Connect, db: psycopg.Connection
) -> None:
    db.execute(f"revoke temporary on database {db.info.dbname} from public")
    operator = connect("operator")
    operator.execute("set lock_timeout = '50ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        call(operator, "openstock_admin.refresh_current_stock")
    reader.rollback()
    call(operator, "openstock_admin.refresh_current_stock")
    assert columns(snapshot(connect, stocked), "sku", "on_hand") == [("APPLE", 18), ("MILK", 4.5)]

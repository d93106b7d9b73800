"""run_maintenance: partitions, expired lots of every active tenant, the snapshot; each step committed."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import OTHER_TENANT, Clock, Connect, Shop, call, columns, day, unchanged


@pytest.fixture
def aged(shop: Shop, connect: Connect, db: psycopg.Connection, clock: Clock) -> list[Shop]:
    """Two tenants with a lot that has expired, in the middle of the month after the installation."""
    shops = [shop, Shop(connect("app"), db, OTHER_TENANT).furnish()]
    for one in shops:
        one.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2)}])
    [month] = db.execute("select to_char(now() at time zone 'UTC' + interval '1 month', 'YYYY-MM')").fetchone() or ("",)
    clock.set(f"{month}-15 UTC")
    return shops


def partitions(db: psycopg.Connection) -> int:
    [count] = db.execute(
        "select count(*) from pg_inherits where inhparent = 'openstock_core.ledger'::regclass"
    ).fetchone() or (0,)
    assert isinstance(count, int)
    return count


def test_a_round_does_everything(aged: list[Shop], connect: Connect, db: psycopg.Connection) -> None:
    connect("operator").execute("call openstock_admin.run_maintenance()")
    assert partitions(db) == 14
    for shop in aged:
        assert shop.entries("event_type", "blocked_delta", reason="expired") == [("STATUS", 5)]
        db.execute("select openstock_admin.grant_tenant('test_analyst', %s)", [shop.tenant])
        snapshot = Shop(connect("analyst"), db, shop.tenant).view("openstock_dw.current_stock")
        assert columns(snapshot, "sku", "on_hand", "blocked") == [("MILK", 5, 5)]
        assert shop.differences() == []


def test_a_second_round_finds_nothing_to_do(aged: list[Shop], connect: Connect, db: psycopg.Connection) -> None:
    operator = connect("operator")
    operator.execute("call openstock_admin.run_maintenance()")
    db.execute("delete from openstock_core.snapshot")
    made = partitions(db)
    operator.execute("call openstock_admin.run_maintenance()")
    assert partitions(db) == made
    assert [shop.entries("event_type", reason="expired") for shop in aged] == [[("STATUS",)], [("STATUS",)]]


def test_inactive_tenants_are_left_alone(aged: list[Shop], connect: Connect, db: psycopg.Connection) -> None:
    db.execute("select openstock_admin.set_tenant_active(%s, false)", [OTHER_TENANT])
    connect("operator").execute("call openstock_admin.run_maintenance()")
    assert [len(shop.entries("op_id", reason="expired")) for shop in aged] == [1, 0]


@pytest.mark.usefixtures("aged")
def test_it_cannot_run_inside_a_transaction(connect: Connect, db: psycopg.Connection) -> None:
    operator = connect("operator")
    with unchanged(db), pytest.raises(psycopg.errors.InvalidTransactionTermination), operator.transaction():
        operator.execute("call openstock_admin.run_maintenance()")


@pytest.mark.usefixtures("aged")
def test_it_leaves_no_tenant_behind(connect: Connect) -> None:
    operator = connect("operator")
    operator.execute("call openstock_admin.run_maintenance()")
    assert operator.execute("select coalesce(current_setting('app.tenant_id', true), '')").fetchone() == ("",)


def test_it_works_on_an_empty_installation(db: psycopg.Connection, connect: Connect) -> None:
    connect("operator").execute("call openstock_admin.run_maintenance()")
    assert [row["status"] for row in call(db, "openstock_admin.doctor") if row["topic"] == "snapshot"] == ["ok"]

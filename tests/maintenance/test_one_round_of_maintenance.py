"""run_maintenance: statistics, partitions, expired lots and holds that ended of every active tenant, the snapshot."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import OTHER_TENANT, TENANT, Clock, Connect, Shop, call, columns, day, fails, unchanged


@pytest.fixture
def aged(shop: Shop, connect: Connect, db: psycopg.Connection, clock: Clock) -> list[Shop]:
    """Two tenants with a lot that has expired, in the middle of the month after the installation."""
    shops = [shop, Shop(connect("app"), db, OTHER_TENANT).furnish()]
    for one in shops:
        one.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2)}])
    [month] = db.execute("select to_char(now() at time zone 'UTC' + interval '1 month', 'YYYY-MM')").fetchone() or ("",)
    clock.set(f"{month}-15 UTC")
    return shops


@pytest.fixture
def held(aged: list[Shop], clock: Clock) -> list[Shop]:
    """The two tenants, each with a hold of APPLE that has ended, and one that has not."""
    for one in aged:
        one.receive("LON", [{"sku": "APPLE", "qty": 5}])
        one.reserve("CART", [{"sku": "APPLE", "qty": 2}], ttl="1 hour")
        one.reserve("LIVE", [{"sku": "APPLE", "qty": 1}], ttl="1 day")
    clock.advance(hours=2)
    return aged


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


def test_holds_that_ended_are_booked_for_every_active_tenant(held: list[Shop], connect: Connect) -> None:
    for _ in range(2):
        connect("operator").execute("call openstock_admin.run_maintenance()")
        for shop in held:
            assert shop.entries("event_type", "order_ref", "reserved_delta", event_type="EXPIRE") == [("EXPIRE", "CART", -2)]
            assert shop.level("APPLE") == (5, 0, 1, 4)
            assert shop.differences() == []


def test_holds_of_inactive_tenants_are_left_alone(held: list[Shop], connect: Connect, db: psycopg.Connection) -> None:
    db.execute("select openstock_admin.set_tenant_active(%s, false)", [OTHER_TENANT])
    connect("operator").execute("call openstock_admin.run_maintenance()")
    assert [len(shop.entries("op_id", event_type="EXPIRE")) for shop in held] == [1, 0]


def test_a_round_books_more_holds_than_a_call_does(shop: Shop, connect: Connect, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1100}])
    lines = [{"sku": "APPLE", "qty": 1, "line": line} for line in range(1, 551)]
    for order_ref in ("A", "B"):
        shop.reserve(order_ref, lines, ttl="1 hour")
    clock.advance(hours=2)
    connect("operator").execute("call openstock_admin.run_maintenance()")
    assert len(shop.entries("op_id", event_type="EXPIRE")) == 1100
    assert shop.differences() == []


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


@pytest.mark.parametrize("setting", [str(TENANT), str(OTHER_TENANT).upper(), "acme"])
def test_a_tenant_that_the_session_has_set_is_neither_in_its_way_nor_lost(
    aged: list[Shop], connect: Connect, setting: str
) -> None:
    operator = connect("operator")
    operator.execute("select set_config('app.tenant_id', %s, false)", [setting])
    operator.execute("call openstock_admin.run_maintenance()")
    assert [len(shop.entries("op_id", reason="expired")) for shop in aged] == [1, 1]
    assert operator.execute("show app.tenant_id").fetchone() == (setting,)
    assert operator.execute("show lock_timeout").fetchone() == ("0",)


def test_only_what_is_done_for_a_tenant_gives_up_waiting(aged: list[Shop], connect: Connect, db: psycopg.Connection) -> None:
    """A tenant's rows that are held must not hold up the others; the snapshot waits as long as the operator's session says."""
    db.execute("create table public.heard (event text, lock_timeout text)")
    db.execute("grant insert on public.heard to public")
    db.execute(
        "create function public.hear() returns trigger language plpgsql as "
        "$$ begin insert into public.heard values (tg_table_name, current_setting('lock_timeout')); return null; end $$"
    )
    for table in ("snapshot", "operation"):
        db.execute(f"create trigger hear after insert or update on openstock_core.{table} for each statement execute function public.hear()")
    operator = connect("operator")
    operator.execute("call openstock_admin.run_maintenance()")
    assert db.execute("select distinct event, lock_timeout from public.heard order by 1").fetchall() == [("operation", "10s"), ("snapshot", "0")]
    operator.execute("set lock_timeout = '20s'")
    operator.execute("call openstock_admin.run_maintenance()")
    assert db.execute("select distinct event, lock_timeout from public.heard where lock_timeout not in ('0', '10s')").fetchall() == [("snapshot", "20s")]


def test_it_works_on_an_empty_installation(db: psycopg.Connection, connect: Connect) -> None:
    connect("operator").execute("call openstock_admin.run_maintenance()")
    assert [row["status"] for row in call(db, "openstock_admin.doctor") if row["topic"] == "snapshot"] == ["ok"]


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def impatient(connect: Connect, warnings: list[str]) -> psycopg.Connection:
    """An operator who waits for no lock, and hears the warnings."""
    operator = connect("operator")
    operator.execute("set lock_timeout = '50ms'")
    operator.add_notice_handler(lambda notice: warnings.append(f"{notice.severity}: {notice.message_primary}"))
    return operator


@pytest.mark.parametrize("stuck", [0, 1])
def test_a_tenant_whose_rows_are_held_keeps_nobody_else_from_upkeep(
    aged: list[Shop], db: psycopg.Connection, impatient: psycopg.Connection, warnings: list[str], stuck: int
) -> None:
    held, other = aged[stuck], aged[1 - stuck]
    with db.transaction():
        db.execute("select from openstock_core.stock_level where tenant_id = %s for update", [held.tenant])
        with fails("OS502", failed=1, succeeded=8) as failure:
            impatient.execute("call openstock_admin.run_maintenance()")
    [step] = failure.detail["steps"]
    assert (step["step"], step["tenant"], step["sqlstate"]) == ("block_expired_lots", str(held.tenant), "55P03")
    assert warnings == [f"WARNING: block_expired_lots failed for tenant {held.tenant}: 55P03: {step['message']}"]
    assert held.entries("op_id", reason="expired") == []
    assert other.entries("event_type", "blocked_delta", reason="expired") == [("STATUS", 5)]
    assert partitions(db) == 14
    assert [row["status"] for row in call(db, "openstock_admin.doctor") if row["topic"] == "snapshot"] == ["ok"]

    impatient.execute("call openstock_admin.run_maintenance()")
    assert held.entries("event_type", "blocked_delta", reason="expired") == [("STATUS", 5)]


def test_every_step_is_tried_and_every_failure_counted(
    aged: list[Shop], db: psycopg.Connection, impatient: psycopg.Connection, warnings: list[str]
) -> None:
    with db.transaction():
        db.execute("select pg_advisory_xact_lock(hashtextextended('openstock.ensure_partitions', 0))")
        db.execute("select from openstock_core.stock_level for update")
        db.execute("refresh materialized view openstock_core.current_stock")
        with fails("OS502", failed=4, succeeded=5) as failure:
            impatient.execute("call openstock_admin.run_maintenance()")
    assert [(step["step"], step["tenant"]) for step in failure.detail["steps"]] == [
        ("ensure_partitions", None),
        ("block_expired_lots", str(TENANT)),
        ("block_expired_lots", str(OTHER_TENANT)),
        ("refresh_current_stock", None),
    ]
    assert len(warnings) == 4
    assert warnings[0].startswith("WARNING: ensure_partitions failed: 55P03: ")
    assert [shop.entries("op_id", reason="expired") for shop in aged] == [[], []]

"""openstock_admin.expire_reservations: what openstock.expire_reservations does, by an operator and for any tenant."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from tests.holds import booked, shown
from tests.support import OTHER_TENANT, Clock, Connect, Shop, call, columns, fails, refused, unchanged

UNKNOWN = UUID("0197a000-0000-7000-8000-00000000dead")


@pytest.fixture
def late(shop: Shop, clock: Clock) -> Shop:
    """Holds that have ended: of OLD in London, pinned, and of YOUNG in London and Berlin; LIVE has not."""
    for warehouse in ("LON", "BER"):
        shop.receive(warehouse, [{"sku": "APPLE", "qty": 5}])
    shop.reserve("OLD", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.allocate("OLD")
    shop.reserve("YOUNG", [{"sku": "APPLE", "qty": 4}], ttl="2 hours")
    shop.reserve("LIVE", [{"sku": "APPLE", "qty": 1}], ttl="2 days")
    clock.advance(hours=3)
    return shop


def expire(connect: Connect, **arguments: object) -> int:
    [row] = call(connect("operator"), "openstock_admin.expire_reservations", **arguments)
    count = row["expire_reservations"]
    assert isinstance(count, int)
    return count


def test_it_returns_how_many_lines_were_booked(late: Shop, connect: Connect) -> None:
    before = shown(late)
    assert expire(connect, tenant=late.tenant) == 3
    assert sorted(booked(late)) == [
        (0, "DEALLOCATE", "OLD", "APPLE", "LON", 0, -3, "expired"),
        (0, "EXPIRE", "OLD", "APPLE", "LON", -3, 0, "expired"),
        (0, "EXPIRE", "YOUNG", "APPLE", "BER", -2, 0, "expired"),
        (0, "EXPIRE", "YOUNG", "APPLE", "LON", -2, 0, "expired"),
    ]
    assert shown(late) == before
    assert late.differences() == []


def test_it_is_one_operation_and_there_is_nothing_left_to_do(
    late: Shop, connect: Connect, db: psycopg.Connection
) -> None:
    expire(connect, tenant=late.tenant)
    done = db.execute(
        "select function, jsonb_array_length(answer) from openstock_core.operation where op_id like 'openstock.%%'"
    ).fetchall()
    assert done == [("expire_reservations", 3)]
    with unchanged(db):
        assert expire(connect, tenant=late.tenant) == 0
        assert late.expire_reservations(op_id=None) == []


def test_it_takes_so_many_lines_at_a_time(late: Shop, connect: Connect) -> None:
    assert [expire(connect, tenant=late.tenant, max_lines=2) for _ in range(3)] == [2, 1, 0]
    assert next(order_ref for _, _, order_ref, *_ in booked(late, event_type="EXPIRE")) == "OLD"
    assert late.differences() == []


@pytest.mark.usefixtures("late")
def test_another_tenants_holds_are_left_alone(connect: Connect, db: psycopg.Connection) -> None:
    with unchanged(db):
        assert expire(connect, tenant=OTHER_TENANT) == 0


def test_holds_of_an_inactive_tenant_are_booked_too(late: Shop, connect: Connect, db: psycopg.Connection) -> None:
    db.execute("select openstock_admin.set_tenant_active(%s, false)", [late.tenant])
    assert expire(connect, tenant=late.tenant) == 3


def test_the_next_hold_is_booked_when_its_time_comes(late: Shop, connect: Connect, clock: Clock) -> None:
    expire(connect, tenant=late.tenant)
    clock.advance(days=3)
    assert expire(connect, tenant=late.tenant) == 1
    assert columns(late.view("stock"), "warehouse", "reserved", "available") == [("BER", 0, 5), ("LON", 0, 5)]
    assert late.differences() == []


@pytest.mark.parametrize("max_lines", [0, -1, 10_001, None])
def test_the_number_of_lines_is_bounded(
    late: Shop, connect: Connect, db: psycopg.Connection, max_lines: int | None
) -> None:
    with refused(db, "22023", argument="max_lines"):
        expire(connect, tenant=late.tenant, max_lines=max_lines)


def test_the_tenant_must_be_known_and_the_transactions_own(
    late: Shop, connect: Connect, db: psycopg.Connection
) -> None:
    operator = connect("operator")
    with unchanged(db):
        for tenant in (UNKNOWN, None):
            with fails("OS003", tenant=tenant and str(tenant)):
                call(operator, "openstock_admin.expire_reservations", tenant=tenant)
        with fails("OS002", given=str(OTHER_TENANT), set=str(late.tenant)), operator.transaction():
            operator.execute("select set_config('app.tenant_id', %s, true)", [str(late.tenant)])
            call(operator, "openstock_admin.expire_reservations", tenant=OTHER_TENANT)

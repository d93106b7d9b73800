"""block_expired_lots: books what has expired, for levels that nobody touched since."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from tests.support import OTHER_TENANT, Clock, Connect, Shop, call, columns, day, fails, refused, unchanged

UNKNOWN = UUID("0197a000-0000-7000-8000-00000000dead")


@pytest.fixture
def aged(shop: Shop, clock: Clock) -> Shop:
    """MILK in London (5 of an expired lot, pinned to O1, and 3 of a good one) and Berlin (2 expired)."""
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "SOON", "expires_on": day(2)}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 5}])
    shop.allocate("O1")
    shop.receive("LON", [{"sku": "MILK", "qty": 3, "lot": "LATE", "expires_on": day(40)}])
    shop.receive("BER", [{"sku": "MILK", "qty": 2, "lot": "SOON"}])
    clock.advance(days=4)
    return shop


def block(connect: Connect, **arguments: object) -> int:
    [row] = call(connect("operator"), "openstock_admin.block_expired_lots", **arguments)
    count = row["block_expired_lots"]
    assert isinstance(count, int)
    return count


def test_units_are_deallocated_and_blocked(aged: Shop, connect: Connect) -> None:
    shown = [aged.level("MILK", warehouse) for warehouse in ("LON", "BER")]
    assert shown == [(8, 5, 5, -2), (2, 2, 0, 0)]
    assert block(connect, tenant=aged.tenant) == 2
    assert [aged.level("MILK", warehouse) for warehouse in ("LON", "BER")] == shown
    names = ("line", "event_type", "warehouse", "lot", "qty_delta", "blocked_delta", "allocated_delta", "reason")
    assert sorted(aged.entries(*names, reason="expired")) == [
        (0, "DEALLOCATE", "LON", "SOON", 0, 0, -5, "expired"),
        (0, "STATUS", "BER", "SOON", 0, 2, 0, "expired"),
        (0, "STATUS", "LON", "SOON", 0, 5, 0, "expired"),
    ]
    assert aged.differences() == []


def test_it_is_one_operation_and_there_is_nothing_left_to_do(
    aged: Shop, connect: Connect, db: psycopg.Connection
) -> None:
    block(connect, tenant=aged.tenant)
    done = db.execute(
        "select function, answer from openstock_core.operation where op_id like 'openstock.%%'"
    ).fetchall()
    assert done == [("block_expired_lots", [{"levels": 2}])]
    with unchanged(db):
        assert block(connect, tenant=aged.tenant) == 0


def test_it_takes_so_many_levels_at_a_time(aged: Shop, connect: Connect) -> None:
    assert [block(connect, tenant=aged.tenant, max_levels=1) for _ in range(3)] == [1, 1, 0]
    assert len(aged.entries("op_id", event_type="STATUS")) == 2
    assert aged.differences() == []


def test_what_expired_first_is_booked_first(shop: Shop, clock: Clock, connect: Connect) -> None:
    for warehouse, sku, ahead in (("LON", "CREAM", 3), ("LON", "MILK", 4), ("BER", "MILK", 2)):
        shop.put_products(lines=[{"sku": sku, "name": sku, "tracking": "lot"}])
        shop.receive(warehouse, [{"sku": sku, "qty": 1, "lot": f"L{ahead}", "expires_on": day(ahead)}])
    clock.advance(days=9)
    for _ in range(3):
        assert block(connect, tenant=shop.tenant, max_levels=1) == 1
    assert shop.entries("lot", reason="expired") == [("L2",), ("L3",), ("L4",)]


@pytest.mark.usefixtures("aged")
def test_another_tenants_lots_are_left_alone(connect: Connect, db: psycopg.Connection) -> None:
    with unchanged(db):
        assert block(connect, tenant=OTHER_TENANT) == 0


def test_lots_of_an_inactive_tenant_are_booked_too(aged: Shop, connect: Connect, db: psycopg.Connection) -> None:
    db.execute("select openstock_admin.set_tenant_active(%s, false)", [aged.tenant])
    assert block(connect, tenant=aged.tenant) == 2


def test_the_next_lot_is_booked_when_its_time_comes(aged: Shop, connect: Connect, clock: Clock) -> None:
    block(connect, tenant=aged.tenant)
    clock.advance(days=40)
    assert block(connect, tenant=aged.tenant) == 1
    assert columns(aged.view("bins"), "warehouse", "lot", "blocked") == [
        ("BER", "SOON", 2),
        ("LON", "LATE", 3),
        ("LON", "SOON", 5),
    ]
    assert aged.differences() == []


def test_a_bin_that_is_empty_has_nothing_to_book(aged: Shop, clock: Clock, connect: Connect) -> None:
    aged.release("O1")  # which books what expired in London
    aged.receive("BER", [{"sku": "MILK", "qty": 1, "lot": "LATE"}])
    aged.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "NEXT", "expires_on": day(20), "location": "A-1"}])
    aged.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "NEXT", "location": "A-2"}])
    aged.adjust("LON", [{"sku": "MILK", "qty": -1, "lot": "NEXT", "location": "A-2"}], reason="lost")
    clock.advance(days=30)
    assert block(connect, tenant=aged.tenant) == 1
    assert aged.entries("location", "blocked_delta", reason="expired", lot="NEXT") == [("A-1", 1)]


def test_bins_are_booked_in_the_order_in_which_they_were_made(shop: Shop, clock: Clock, connect: Connect) -> None:
    for location in ("A-2", "P-1", "A-1"):
        shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "L1", "expires_on": day(2), "location": location}])
    clock.advance(days=4)
    block(connect, tenant=shop.tenant)
    assert shop.entries("location", reason="expired") == [("A-2",), ("P-1",), ("A-1",)]


def test_the_next_look_is_for_what_is_there_and_other_levels_keep_theirs(shop: Shop, clock: Clock, connect: Connect, db: psycopg.Connection) -> None:
    """Of MILK in London the next lot is used up; CREAM there, and MILK in Berlin, have had an earlier lot, and look too early."""
    shop.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    for sku, warehouse, lots in (("MILK", "LON", (2, 20, 40)), ("CREAM", "LON", (15, 30)), ("MILK", "BER", (17, 35))):
        for ahead in lots:
            shop.receive(warehouse, [{"sku": sku, "qty": 1, "lot": f"L{ahead}", "expires_on": day(ahead)}])
    for sku, warehouse, lot in (("MILK", "LON", "L20"), ("CREAM", "LON", "L15"), ("MILK", "BER", "L17")):
        shop.adjust(warehouse, [{"sku": sku, "qty": -1, "lot": lot}], reason="lost")
    clock.advance(days=4)
    assert block(connect, tenant=shop.tenant) == 1
    found = db.execute(
        "select p.sku, w.code, to_char(l.next_block_at at time zone 'UTC', 'YYYY-MM-DD') from openstock_core.stock_level l "
        "join openstock_core.product p using (tenant_id, product_id) join openstock_core.warehouse w using (tenant_id, warehouse_id) order by 1, 2"
    ).fetchall()
    assert found == [("CREAM", "LON", day(16)), ("MILK", "BER", day(18)), ("MILK", "LON", day(41))]


@pytest.mark.parametrize("max_levels", [0, -1, 100_001, None])
def test_the_number_of_levels_is_bounded(
    aged: Shop, connect: Connect, db: psycopg.Connection, max_levels: int | None
) -> None:
    with refused(db, "22023", argument="max_levels"):
        block(connect, tenant=aged.tenant, max_levels=max_levels)


def test_the_tenant_must_be_known_and_the_transactions_own(
    aged: Shop, connect: Connect, db: psycopg.Connection
) -> None:
    operator = connect("operator")
    with unchanged(db):
        for tenant in (UNKNOWN, None):
            with fails("OS003", tenant=tenant and str(tenant)):
                call(operator, "openstock_admin.block_expired_lots", tenant=tenant)
        with fails("OS001", **{"app.tenant_id": "acme"}, problem="not a uuid"), operator.transaction():
            operator.execute("select set_config('app.tenant_id', 'acme', true)")
            call(operator, "openstock_admin.block_expired_lots", tenant=aged.tenant)
        with fails("OS002", given=str(OTHER_TENANT), set=str(aged.tenant)), operator.transaction():
            operator.execute("select set_config('app.tenant_id', %s, true)", [str(aged.tenant)])
            call(operator, "openstock_admin.block_expired_lots", tenant=OTHER_TENANT)


def test_the_tenant_may_be_set_in_upper_case(aged: Shop, connect: Connect) -> None:
    operator = connect("operator")
    with operator.transaction():
        operator.execute("select set_config('app.tenant_id', %s, true)", [str(aged.tenant).upper()])
        [row] = call(operator, "openstock_admin.block_expired_lots", tenant=aged.tenant)
    assert row["block_expired_lots"] == 2

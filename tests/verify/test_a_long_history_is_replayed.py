"""All that has happened in a long history is replayed to the row, whatever became of its projections, and for one tenant alone."""

from __future__ import annotations

from itertools import product

import psycopg
import pytest

from tests.concurrency.sessions import REPEATABLE_READ, Session
from tests.support import Connect, Shop, columns, day

from .histories import FALSE, NEXT_BLOCK, NEXT_EXPIRY, NEXT_WAIT, PROJECTIONS, falsify, named, rebuild, rows

MAY_BE_EARLY = ("stock_level.next_block_at", "stock_level.next_expiry_at", "backlog.next_expiry_at")
NOT_IN_THE_LEDGER = (
    *MAY_BE_EARLY,
    *("stock_bin.received_at", "stock_bin.blocked", "allocation.created_at", "backorder.created_at", "backorder.queued_at"),
    *("reservation_line.created_at", "reservation_line.changes", "reservation_line.channel_id"),
)
"""What a rebuild cannot know of rows that are gone, or not as exactly: entries are written a moment after rows are made."""


def test_every_row_that_is_wrong_in_everything_is_put_right(both: list[Shop], connect: Connect, db: psycopg.Connection) -> None:
    before = [rows(db, shop.tenant, *MAY_BE_EARLY, "allocation.created_at") for shop in both]
    for shop in both:
        falsify(db, shop.tenant, *FALSE)
    for mine, other in (both, both[::-1]):
        kept = rows(db, other.tenant)
        rebuild(mine, connect)
        assert rows(db, other.tenant) == kept
        assert mine.differences() == []
    assert [rows(db, shop.tenant, *MAY_BE_EARLY, "allocation.created_at") for shop in both] == before


def test_every_row_that_is_gone_comes_back(both: list[Shop], connect: Connect, db: psycopg.Connection) -> None:
    def shown() -> list[list[tuple[object, ...]]]:
        views = [(shop.view("bins"), shop.view("backorders")) for shop in both]
        names = ("sku", "location", "lot", "status", "handling_unit", "blocked")
        return [sorted(columns(bins, *names), key=repr) + columns(waiting, "sku", "place", "order_ref", "qty") for bins, waiting in views]

    before, seen = [rows(db, shop.tenant, *NOT_IN_THE_LEDGER) for shop in both], shown()
    gone = [f"delete from openstock_core.{table} t" for table in PROJECTIONS if table not in ("reservation", "serial_unit")]
    for shop in both:
        falsify(db, shop.tenant, *gone, "update openstock_core.serial_unit t set bin_id = null, reservation_line_id = null")
    for shop in both:
        rebuild(shop, connect)
        assert shop.differences() == []
    assert [rows(db, shop.tenant, *NOT_IN_THE_LEDGER) for shop in both] == before
    assert shown() == seen


@pytest.mark.parametrize("order_ref", ["O1", "NEXT", "SALE"])
def test_an_order_that_is_gone_comes_back_among_others_and_another_tenants_of_its_name(
    both: list[Shop], connect: Connect, db: psycopg.Connection, order_ref: str
) -> None:
    names = ("line", "sku", "warehouse", "ordered", "reserved", "allocated", "backordered", "shipped", "released", "expires_at")
    before = [sorted(columns(shop.view("reservations", order_ref=order_ref), *names), key=repr) for shop in both]
    its = f"t.reservation_id = {named('reservation', order_ref, 'order_ref')}"
    lines = f"t.reservation_line_id in (select t.reservation_line_id from openstock_core.reservation_line t where {its})"
    falsify(db, both[0].tenant, "delete from openstock_core.allocation t", where=lines)
    falsify(db, both[0].tenant, *(f"delete from openstock_core.{table} t" for table in ("reservation_line", "backorder", "reservation")), where=its)
    assert both[0].view("reservations", order_ref=order_ref) == []
    rebuild(both[0], connect)
    assert [sorted(columns(shop.view("reservations", order_ref=order_ref), *names), key=repr) for shop in both] == before


def test_when_something_is_due_next_is_exact_afterwards(old: Shop, connect: Connect, db: psycopg.Connection) -> None:
    falsify(db, old.tenant, *FALSE)
    rebuild(old, connect)
    levels = db.execute(
        "select p.sku, w.code, to_char(l.next_block_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), l.next_expiry_at from openstock_core.stock_level l "
        "join openstock_core.product p using (tenant_id, product_id) join openstock_core.warehouse w using (tenant_id, warehouse_id) where l.tenant_id = %s",
        [old.tenant],
    ).fetchall()
    ends = {row["order_ref"]: row["expires_at"] for row in old.view("reservations")}
    assert {(sku, code): block for sku, code, block, _ in levels if block} == {level: f"{day(ahead)} 00:00" for level, ahead in NEXT_BLOCK.items()}
    assert {(sku, code): end for sku, code, _, end in levels if end} == {level: ends[order] for level, order in NEXT_EXPIRY.items()}
    queues = db.execute("select p.sku, g.next_expiry_at from openstock_core.backlog g join openstock_core.product p using (tenant_id, product_id) where g.tenant_id = %s", [old.tenant])
    assert {sku: end for sku, end in queues if end} == {sku: ends[order] for sku, order in NEXT_WAIT.items()}


def test_bins_that_come_back_are_numbered_in_the_order_of_their_places(old: Shop, connect: Connect, db: psycopg.Connection) -> None:
    """Where nothing else tells bins apart, the one with the lower number is picked first."""
    places = "select location_id, product_id, coalesce(lot_id, 1000000), status, coalesce(handling_unit_id, 1000000) from openstock_core.stock_bin where tenant_id = %s order by bin_id"
    falsify(db, old.tenant, "delete from openstock_core.allocation t", "delete from openstock_core.stock_bin t")
    rebuild(old, connect)
    found = db.execute(places, [old.tenant]).fetchall()
    assert found == sorted(found)
    assert len(found) > 15


def written(db: psycopg.Connection, tenant: object) -> dict[str, str]:
    """Each version of a row of the tenant's projections and products by where it lies, and who wrote it."""
    found: dict[str, str] = {}
    for table in (*PROJECTIONS, "product"):
        query = f"select concat('{table} ', t.ctid, ' ', t.xmin), '{table} ' || to_jsonb(t)::text from openstock_core.{table} t where t.tenant_id = %s"
        found |= dict(db.execute(query, [tenant]).fetchall())
    return found


ONE_OF_EACH = [
    "update openstock_core.stock_level t set version = version + 1 where t.product_id = {pear}",
    "update openstock_core.stock_level t set next_expiry_at = null where t.product_id = {rice} and next_expiry_at is not null and reserved > 10",
    "update openstock_core.stock_bin t set on_hand = on_hand + 1 where t.product_id = {pear}",
    "update openstock_core.reservation_line t set expires_at = '2040-01-01' where t.product_id = {pear} and t.reserved = 3",
    "update openstock_core.allocation t set qty = qty + 1 where qty = 8",
    "update openstock_core.backorder t set released = released + 1 where t.product_id = {pear} and t.backordered = 3",
    "update openstock_core.backlog t set backordered = backordered + 1 where t.product_id = {pear}",
    "update openstock_core.serial_unit t set reservation_line_id = null where t.serial = 'P3'",
]
UNKNOWN = [
    "insert into openstock_core.stock_bin (tenant_id, location_id, product_id, warehouse_id, blocked, received_at) "
    "select t.tenant_id, t.location_id, {apple}, t.warehouse_id, false, now() from openstock_core.stock_bin t where t.product_id = {pear}",
    "insert into openstock_core.reservation_line (tenant_id, reservation_id, line, product_id, warehouse_id, ordered, created_at) "
    "select t.tenant_id, t.reservation_id, 99, t.product_id, t.warehouse_id, 0, now() from openstock_core.reservation_line t where t.product_id = {pear}",
]
"""Rows that the ledger does not know, and that have no units."""


def test_rows_that_are_right_are_not_written(old: Shop, connect: Connect, db: psycopg.Connection) -> None:
    ids = dict(db.execute("select lower(sku), product_id from openstock_core.product where tenant_id = %s", [old.tenant]).fetchall())
    falsify(db, old.tenant, *FALSE)
    rebuild(old, connect)
    for statement in UNKNOWN:
        db.execute(statement.format(**ids))
    right = set(written(db, old.tenant).values())
    for statement in ONE_OF_EACH:
        assert db.execute(f"{statement.format(**ids)} and t.tenant_id = %s", [old.tenant]).rowcount == 1, statement
    before = written(db, old.tenant)
    wrong = set(before.values()) - right
    assert len(wrong) == len(ONE_OF_EACH)
    rebuild(old, connect)
    after = written(db, old.tenant)
    assert {after[row] for row in set(after) - set(before)} == right - set(before.values())


def test_the_component_of_a_kit_whose_line_is_lost_is_told(old: Shop, db: psycopg.Connection) -> None:
    for order_ref, line, sku in product(["K1", "K2"], [1, 2], ["APPLE", "RICE"]):
        with db.transaction(force_rollback=True):
            lost = db.execute(
                "delete from openstock_core.reservation_line l using openstock_core.reservation r, openstock_core.product p where r.reservation_id = l.reservation_id "
                "and p.product_id = l.product_id and r.order_ref = %s and l.line = %s and p.sku = %s and l.tenant_id = %s",
                [order_ref, line, sku, old.tenant],
            )
            assert lost.rowcount == 1
            told = [row["key"] for row in old.differences() if row["fact"] == "component of a kit has a line"]
        assert told == [{"order_ref": order_ref, "line": line, "sku": sku}]


def test_a_change_of_a_product_that_cannot_see_a_level_come_back_is_not_made(old: Shop, connect: Connect, db: psycopg.Connection) -> None:
    """The level would not get the new safety stock. No other row that the change writes is written by the rebuild."""
    rebuild(old, connect)
    level = f"(t.product_id, t.warehouse_id) = ({named('product', 'RICE', 'sku')}, {named('warehouse', 'BER')})"
    falsify(db, old.tenant, "delete from openstock_core.stock_level t", where=level)
    with Session(connect(autocommit=False), db, REPEATABLE_READ) as session:
        session.look()
        assert columns(rebuild(old, connect), "expected", "actual")
        with pytest.raises(psycopg.errors.SerializationFailure):
            session.put_products(lines=[{"sku": "RICE", "safety_stock": 2}])


def test_differences_are_told_by_tenant_fact_and_key(both: list[Shop], db: psycopg.Connection) -> None:
    for shop in both:
        falsify(db, shop.tenant, *FALSE)
    for told in ("openstock_admin.verify()", f"openstock_admin.verify('{both[1].tenant}')"):
        rows = db.execute(f"select tenant_id, fact, key from {told}").fetchall()
        assert rows == db.execute(f"select tenant_id, fact, key from {told} order by 1, 2, 3").fetchall()
        assert len(rows) > 100
    told = f"openstock_admin.rebuild('{both[0].tenant}')"
    assert db.execute(f"select fact, key from {told}").fetchall() == db.execute(f"select fact, key from {told} order by 1, 2").fetchall()

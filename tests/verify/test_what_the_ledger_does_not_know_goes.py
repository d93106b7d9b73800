"""Units, promises and waits that no entry explains are told and taken away; what they resemble stays."""

from __future__ import annotations

import psycopg

from tests.support import Connect, Shop, columns
from tests.waiting import queue

from .histories import named, rebuild, rows

BIN = (
    "insert into openstock_core.stock_bin (tenant_id, location_id, product_id, lot_id, status, handling_unit_id, warehouse_id, blocked, on_hand, received_at) "
    "select t.tenant_id, {location}, {product}, {lot}, {status}, {unit}, t.warehouse_id, {status} <> 'available', 1, now() from openstock_core.stock_bin t "
    "join openstock_core.product p using (tenant_id, product_id) join openstock_core.location l using (tenant_id, location_id) "
    "where p.sku = {like[0]!r} and l.code = {like[1]!r} and t.warehouse_id = (select w.warehouse_id from openstock_core.warehouse w "
    "where w.tenant_id = t.tenant_id and w.code = {like[2]!r}) and t.on_hand = {like[3]} and t.tenant_id = %s"
)
SAME = {"location": "t.location_id", "product": "t.product_id", "lot": "t.lot_id", "status": "t.status", "unit": "t.handling_unit_id"}


LIKE = [
    (("MILK", "DEFAULT", "LON", 8), {"location": named("location", "A-2")}),
    (("PEAR", "DEFAULT", "BER", 3), {"product": named("product", "APPLE", "sku")}),
    (("MILK", "DEFAULT", "LON", 8), {"lot": named("lot", "ODD")}),
    (("APPLE", "A-1", "LON", 9), {"status": "'hold'"}),
    (("CREAM", "DEFAULT", "LON", 6), {"unit": named("handling_unit", "H2")}),
]
"""Bins of the ledger (product, location, warehouse, units), and what another like it has of its own."""


def test_bins_that_differ_in_one_thing_from_those_of_the_ledger_are_emptied(old: Shop, connect: Connect, db: psycopg.Connection) -> None:
    before = old.view("bins")
    for like, own in LIKE:
        assert db.execute(BIN.format(like=like, **(SAME | own)), [old.tenant]).rowcount == 1, own
    told = rebuild(old, connect)
    assert columns([row for row in told if row["fact"] == "bin on_hand = ledger"], "expected", "actual") == [(0, 1)] * len(LIKE)
    assert old.differences() == []
    after = [row for row in old.view("bins") if row["on_hand"] > 0]
    assert sorted(after, key=repr) == sorted(before, key=repr)


def test_a_backorder_that_the_ledger_does_not_know_waits_for_nothing(old: Shop, connect: Connect, db: psycopg.Connection) -> None:
    before = {sku: queue(old, sku) for sku in ("PEAR", "FIG")}
    db.execute(
        "insert into openstock_core.backorder (tenant_id, reservation_id, line, product_id, backordered, queued_at, created_at) "
        "select tenant_id, reservation_id, 9, product_id, 2, now(), now() from openstock_core.backorder where tenant_id = %s and backordered = 3",
        [old.tenant],
    )
    told = rebuild(old, connect)
    assert columns([row for row in told if row["fact"] == "backorder backordered = ledger"], "expected", "actual") == [(0, 2)] * 3
    assert old.differences() == []
    assert {sku: queue(old, sku) for sku in ("PEAR", "FIG")} == before


def test_lines_that_have_each_others_pins_get_their_own(old: Shop, connect: Connect, db: psycopg.Connection) -> None:
    before = rows(db, old.tenant, "allocation.created_at")["allocation"]
    swapped = db.execute(
        "update openstock_core.allocation a set qty = b.units - a.qty from (select bin_id, sum(qty) as units from openstock_core.allocation "
        "group by bin_id having count(*) = 2 and min(qty) < max(qty)) as b where b.bin_id = a.bin_id and a.tenant_id = %s",
        [old.tenant],
    )
    assert swapped.rowcount >= 4
    rebuild(old, connect)
    assert rows(db, old.tenant, "allocation.created_at")["allocation"] == before

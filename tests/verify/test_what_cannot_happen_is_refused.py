"""The books are checked against mistakes of openstock's own: what could only come from one is refused, and nothing is written."""

from __future__ import annotations

import psycopg

from ..support import TENANT, Connect, Shop, call, refused


def test_a_rebuild_after_which_something_is_still_wrong_is_undone(shop: Shop, connect: Connect, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    db.execute("update openstock_core.stock_level set on_hand = 6")
    db.execute("create or replace function openstock_core.replace_levels(tenant uuid) returns void language sql as ''")
    with refused(db, "OS501", key={"sku": "APPLE", "warehouse": "LON"}, expected=5, actual=6):
        call(connect("operator"), "openstock_admin.rebuild", tenant=TENANT, replace=True)


def test_units_of_a_product_tracked_by_serial_are_not_posted_without_their_pieces(shop: Shop, db: psycopg.Connection) -> None:
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P1", "P2"]}])
    post = """
        select openstock_core.post(b.tenant_id, 'op', array[row(
          1, 'ADJUST', b.product_id, b.warehouse_id, b.bin_id, {qty}, 0, 0, 0, null, null, null, null, null, null, null, null, {pieces})::openstock_core.movement],
          null, null, null)
        from openstock_core.stock_bin b where b.on_hand = 2"""
    both = "(select array_agg(serial_id) from openstock_core.serial_unit)"
    for pieces, named in [("null", 0), (both, 2)]:
        with refused(db, "OS902", op_id="op", units=1, serials=named):
            db.execute(post.format(qty=1, pieces=pieces))
    with refused(db, "OS902", op_id="op", serials=2, changed=0):
        db.execute(post.format(qty=2, pieces=both))


def test_a_movement_of_a_level_that_is_not_there_is_not_lost(shop: Shop, db: psycopg.Connection) -> None:
    [(product, warehouse)] = db.execute(
        "select p.product_id, w.warehouse_id from openstock_core.product p, openstock_core.warehouse w where p.sku = 'APPLE' and w.code = 'LON'"
    ).fetchall()
    movement = "row(1, 'RESERVE', %s, %s, null, 0, 0, 1, 0, null, null, null, null, null, null, null, null, null)::openstock_core.movement"
    with refused(db, "OS902", op_id="op", movements=1, written=0):
        db.execute(f"select openstock_core.post(%s, 'op', array[{movement}], null, null, null)", [TENANT, product, warehouse])

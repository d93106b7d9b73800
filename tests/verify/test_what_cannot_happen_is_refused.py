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
    shop.reserve("O1", [{"sku": "PHONE", "serials": ["P2"]}])
    movement = """row(1, 'ADJUST', b.product_id, b.warehouse_id, b.bin_id, {}, 0, 0, 0, null, null, null, null, null, null, null, null, {})::openstock_core.movement"""

    def post(*movements: tuple[int, str | None]) -> None:
        """Post such quantities of these pieces (a condition on their names)."""
        rows = [movement.format(qty, f"array(select serial_id from openstock_core.serial_unit where {which})" if which else "null") for qty, which in movements]
        db.execute(f"select openstock_core.post(b.tenant_id, 'op', array[{', '.join(rows)}], null, null, null) from openstock_core.stock_bin b where b.on_hand = 2")

    for pieces, named in [(None, 0), ("true", 2)]:
        with refused(db, "OS902", op_id="op", units=1, serials=named):
            post((1, pieces))
    with refused(db, "OS902", op_id="op", units=2, serials=0):  # the first of the two
        post((2, None), (1, None))
    with refused(db, "OS902", op_id="op", serials=2, changed=0):  # they are there already
        post((2, "true"))
    with refused(db, "OS902", op_id="op", serials=1, changed=0):  # it is pinned, and its pin would stay
        post((-1, "serial = 'P2'"))


def test_a_movement_of_a_level_that_is_not_there_is_not_lost(shop: Shop, db: psycopg.Connection) -> None:
    [(product, warehouse)] = db.execute(
        "select p.product_id, w.warehouse_id from openstock_core.product p, openstock_core.warehouse w where p.sku = 'APPLE' and w.code = 'LON'"
    ).fetchall()
    movement = "row(1, 'RESERVE', %s, %s, null, 0, 0, 1, 0, null, null, null, null, null, null, null, null, null)::openstock_core.movement"
    with refused(db, "OS902", op_id="op", movements=1, written=0):
        db.execute(f"select openstock_core.post(%s, 'op', array[{movement}], null, null, null)", [TENANT, product, warehouse])

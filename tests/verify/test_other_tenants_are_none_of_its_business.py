"""Operators' functions see every tenant's rows, and are about one: what is wrong with another is neither told nor changed."""

from __future__ import annotations

import psycopg
import pytest

from ..support import OTHER_TENANT, TENANT, Connect, Shop, call, unchanged

WRONG = [
    "update openstock_core.stock_level set on_hand = on_hand + 1, safety_stock = 1, next_block_at = '2001-01-01'",
    "update openstock_core.stock_bin set on_hand = on_hand + 1",
    "update openstock_core.reservation_line set ordered = ordered + 1, reserved = reserved + 1",
    "update openstock_core.allocation set qty = qty + 9",
    "insert into openstock_core.reservation (tenant_id, order_ref, created_at) select tenant_id, 'LOST', created_at from openstock_core.reservation",
    "update openstock_core.product set tracking = 'lot' where sku = 'APPLE'",
    "update openstock_core.serial_unit set reservation_line_id = null, bin_id = null where serial = 'P2'",
]


@pytest.fixture
def other(shop: Shop, connect: Connect, db: psycopg.Connection) -> Shop:
    """Two shops with the same stock and the same orders; nothing is right with the other's books."""
    two = Shop(connect("app"), db, OTHER_TENANT).furnish()
    for each in (two, shop):
        each.receive("LON", [{"sku": "APPLE", "qty": 5}, {"sku": "MILK", "qty": 2, "lot": "L1", "expires_on": "2999-12-31"}])
        each.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
        each.receive("LON", [{"sku": "PHONE", "serials": ["P1", "P2"]}])
        each.reserve("O1", [{"sku": "APPLE", "qty": 3}, {"sku": "PHONE", "qty": 2}])
        each.allocate("O1")
    for statement in WRONG:
        begin, _, rest = statement.partition(" where ")
        mine = "tenant_id = %s" + (f" and {rest}" if rest else "")
        db.execute(f"{begin} where {mine}", [OTHER_TENANT])
    db.execute("alter table openstock_core.ledger disable trigger user")
    db.execute("do $$ declare p regclass; begin for p in select inhrelid from pg_inherits where inhparent = 'openstock_core.ledger'::regclass "
               "loop execute format('alter table %s disable trigger user', p); end loop; end $$")  # fmt: skip
    db.execute("update openstock_core.ledger set on_hand_after = on_hand_after + 7, op_id = 'nobody' where tenant_id = %s", [OTHER_TENANT])
    return two


def test_verify_tells_what_is_wrong_with_the_tenant_it_is_asked_about(other: Shop, shop: Shop) -> None:
    assert shop.differences() == []
    assert len(other.differences()) > 5


def test_rebuild_repairs_the_tenant_it_is_asked_for(other: Shop, shop: Shop, db: psycopg.Connection, connect: Connect) -> None:
    with unchanged(db):
        assert call(connect("operator"), "openstock_admin.rebuild", tenant=TENANT, replace=True) == []
    found = other.differences()
    db.execute("update openstock_core.stock_level set on_hand = on_hand + 1, reserved = reserved + 1 where tenant_id = %s", [TENANT])
    db.execute("update openstock_core.stock_bin set on_hand = on_hand + 1 where tenant_id = %s", [TENANT])
    db.execute("update openstock_core.reservation_line set ordered = 9, reserved = 9 where tenant_id = %s", [TENANT])
    call(connect("operator"), "openstock_admin.rebuild", tenant=TENANT, replace=True)
    assert shop.differences() == []
    assert other.differences() == found

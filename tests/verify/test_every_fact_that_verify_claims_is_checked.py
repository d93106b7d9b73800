"""One row is falsified at a time: verify names that fact and no other, and rebuild repairs what the ledger knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from tests.support import OTHER_TENANT, Connect, Row, Shop, call, columns, unchanged

LEVEL = {"sku": "APPLE", "warehouse": "LON"}
BIN = LEVEL | {"location": "A-1", "status": "available"}
LINE = LEVEL | {"line": 1, "order_ref": "O1"}
PIN = {"sku": "APPLE", "location": "A-1"}
MILK = {"sku": "MILK", "warehouse": "LON"}
MILK_BIN = MILK | {"location": "DEFAULT", "lot": "L1", "status": "available"}
HOLD = LEVEL | {"op": "hold"}

APPLE_LEVEL = "product_id = (select product_id from openstock_core.product where sku = 'APPLE')"
APPLE_BIN = "location_id = (select location_id from openstock_core.location where code = 'A-1')"
MILK_LOT = "lot_id = (select lot_id from openstock_core.lot where code = 'L1')"


@dataclass(frozen=True)
class Sabotage:
    """A statement that falsifies a row, what verify then reports (fact, where, expected, actual), if rebuild helps."""

    what: str
    statement: str
    reported: list[tuple[str, dict[str, Any], float | None, float | None]]
    repairable: bool = True
    restored: bool = field(default=True)

    def __str__(self) -> str:
        return self.what


def changed(table: str, column: str, condition: str, by: str = "+ 1") -> str:
    return f"update openstock_core.{table} set {column} = {column} {by} where {condition}"


LINE_GROWS = "update openstock_core.reservation_line set ordered = ordered + 1, {0} = {0} + 1"

SABOTAGES = [
    Sabotage(
        "on_hand of a level",
        changed("stock_level", "on_hand", APPLE_LEVEL),
        [("level on_hand = ledger", LEVEL, 10, 11), ("level on_hand = bins", LEVEL, 10, 11)],
    ),
    Sabotage(
        "blocked of a level",
        changed("stock_level", "blocked", APPLE_LEVEL),
        [("level blocked = ledger", LEVEL, 2, 3), ("level blocked = blocked bins", LEVEL, 2, 3)],
    ),
    Sabotage(
        "reserved of a level",
        changed("stock_level", "reserved", APPLE_LEVEL),
        [("level reserved = ledger", LEVEL, 3, 4), ("level reserved = reservation lines", LEVEL, 3, 4)],
    ),
    Sabotage(
        "version of a level",
        changed("stock_level", "version", APPLE_LEVEL),
        [("level version = ledger entries", LEVEL, 5, 6)],
    ),
    Sabotage(
        "safety stock of a level",
        changed("stock_level", "safety_stock", APPLE_LEVEL),
        [("level safety_stock = product", LEVEL, 0, 1)],
    ),
    Sabotage(
        "a level that is gone",
        f"delete from openstock_core.stock_level where {APPLE_LEVEL}",
        [
            ("level on_hand = ledger", LEVEL, 10, None),
            ("level blocked = ledger", LEVEL, 2, None),
            ("level reserved = ledger", LEVEL, 3, None),
            ("level version = ledger entries", LEVEL, 5, None),
        ],
    ),
    Sabotage(
        "a level that the ledger does not know",
        "insert into openstock_core.stock_level (tenant_id, product_id, warehouse_id, on_hand) select p.tenant_id, "
        "p.product_id, w.warehouse_id, 7 from openstock_core.product p, openstock_core.warehouse w "
        "where p.sku = 'RICE' and w.code = 'BER'",
        [
            ("level on_hand = ledger", {"sku": "RICE", "warehouse": "BER"}, 0, 7),
            ("level on_hand = bins", {"sku": "RICE", "warehouse": "BER"}, 0, 7),
        ],
        restored=False,
    ),
    Sabotage(
        "on_hand of a bin",
        changed("stock_bin", "on_hand", APPLE_BIN),
        [("bin on_hand = ledger", BIN, 8, 9), ("level on_hand = bins", LEVEL, 11, 10)],
    ),
    Sabotage(
        "a bin that passes for blocked",
        f"update openstock_core.stock_bin set blocked = true where {MILK_LOT}",
        [("bin blocked = ledger", MILK_BIN, 0, 4), ("level blocked = blocked bins", MILK, 4, 0)],
    ),
    Sabotage(
        "allocated of a bin",
        changed("stock_bin", "allocated", APPLE_BIN),
        [("bin allocated = ledger", BIN, 3, 4), ("bin allocated = allocations", BIN, 3, 4)],
    ),
    Sabotage(
        "a bin that is gone",
        f"delete from openstock_core.stock_bin where {MILK_LOT}",
        [
            ("bin on_hand = ledger", MILK_BIN, 4, None),
            ("bin allocated = ledger", MILK_BIN, 0, None),
            ("bin allocated = allocations", MILK_BIN, 0, None),
            ("level on_hand = bins", MILK, 0, 4),
        ],
    ),
    Sabotage(
        "a bin that the ledger does not know",
        "insert into openstock_core.stock_bin (tenant_id, location_id, product_id, warehouse_id, blocked, on_hand, "
        "received_at) select b.tenant_id, l.location_id, b.product_id, b.warehouse_id, false, 5, now() "
        f"from openstock_core.stock_bin b, openstock_core.location l where b.{APPLE_BIN} and l.code = 'P-1'",
        [
            ("bin on_hand = ledger", LEVEL | {"location": "P-1", "status": "available"}, 0, 5),
            ("level on_hand = bins", LEVEL, 15, 10),
        ],
    ),
    Sabotage(
        "reserved of a line",
        LINE_GROWS.format("reserved"),
        [("line reserved = ledger", LINE, 3, 4), ("level reserved = reservation lines", LEVEL, 4, 3)],
    ),
    Sabotage("shipped of a line", LINE_GROWS.format("shipped"), [("line shipped = ledger", LINE, 2, 3)]),
    Sabotage("released of a line", LINE_GROWS.format("released"), [("line released = ledger", LINE, 1, 2)]),
    Sabotage(
        "an order that is gone",
        "with pins as (delete from openstock_core.allocation), lines as (delete from openstock_core.reservation_line) "
        "delete from openstock_core.reservation",
        [
            ("line reserved = ledger", LINE, 3, None),
            ("line shipped = ledger", LINE, 2, None),
            ("line released = ledger", LINE, 1, None),
            ("level reserved = reservation lines", LEVEL, 0, 3),
            ("bin allocated = allocations", BIN, 0, 3),
            ("allocation = ledger", PIN, 3, None),
        ],
    ),
    Sabotage(
        "a line that the ledger does not know",
        "insert into openstock_core.reservation_line (tenant_id, reservation_id, line, product_id, warehouse_id, "
        "ordered, reserved, created_at) select tenant_id, reservation_id, 2, product_id, warehouse_id, 6, 6, now() "
        "from openstock_core.reservation_line",
        [
            ("line reserved = ledger", LEVEL | {"line": 2}, 0, 6),
            ("level reserved = reservation lines", LEVEL, 9, 3),
        ],
        restored=False,
    ),
    Sabotage(
        "an allocation",
        changed("allocation", "qty", "true"),
        [("allocation = ledger", PIN, 3, 4), ("bin allocated = allocations", BIN, 4, 3)],
    ),
    Sabotage(
        "an allocation that is gone",
        "delete from openstock_core.allocation",
        [("allocation = ledger", PIN, 3, None), ("bin allocated = allocations", BIN, 0, 3)],
    ),
    Sabotage(
        "an allocation that the ledger does not know",
        "insert into openstock_core.allocation (tenant_id, reservation_line_id, bin_id, qty, created_at) "
        "select l.tenant_id, l.reservation_line_id, b.bin_id, 2, now() "
        f"from openstock_core.reservation_line l, openstock_core.stock_bin b where b.{MILK_LOT}",
        [
            ("allocation = ledger", {"sku": "MILK", "location": "DEFAULT"}, 0, 2),
            ("bin allocated = allocations", MILK_BIN, 2, 0),
        ],
    ),
    Sabotage(
        "on_hand_after of an entry",
        changed("ledger", "on_hand_after", "op_id = 'hold'"),
        [("entry on_hand_after = the one before + its delta", HOLD, 10, 11)],
        repairable=False,
    ),
    Sabotage(
        "blocked_after of an entry",
        changed("ledger", "blocked_after", "op_id = 'hold'"),
        [("entry blocked_after = the one before + its delta", HOLD, 2, 3)],
        repairable=False,
    ),
    Sabotage(
        "reserved_after of an entry",
        changed("ledger", "reserved_after", "op_id = 'hold'"),
        [("entry reserved_after = the one before + its delta", HOLD, 3, 4)],
        repairable=False,
    ),
    Sabotage(
        "an entry of no operation",
        "delete from openstock_core.operation where op_id = 'hold'",
        [("entry belongs to an operation", HOLD | {"op_id": "hold"}, 1, 0)],
        repairable=False,
    ),
]


@pytest.fixture
def busy(shop: Shop, connect: Connect) -> Shop:
    """10 APPLE, 2 on hold, and 4 MILK; order O1 of 6 APPLE: 2 shipped, 1 released, 3 pinned. Others have PLUM."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    shop.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "L1", "expires_on": "2999-12-31"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}])
    shop.allocate("O1")
    shop.ship("O1", [{"line": 1, "qty": 2}])
    shop.release("O1", [{"line": 1, "qty": 1}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-2", "status": "hold"}], op_id="hold")
    other = Shop(connect("app"), shop.db, OTHER_TENANT)
    other.put_products(lines=[{"sku": "PLUM", "name": "Plum"}])
    other.put_warehouses(lines=[{"code": "ROM"}])
    other.receive("ROM", [{"sku": "PLUM", "qty": 10}])
    return shop


def sabotage(db: psycopg.Connection, statement: str) -> None:
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        db.execute("alter table openstock_core.ledger disable trigger all")
        db.execute(statement)


def by_name(db: psycopg.Connection, differences: list[Row]) -> list[tuple[Any, ...]]:
    """Differences with the codes of what is named by an id, so that they can be written down beforehand."""
    names = {
        "location_id": ("location", "select code from openstock_core.location where location_id = %s"),
        "lot_id": ("lot", "select code from openstock_core.lot where lot_id = %s"),
        "entry_id": ("op", "select op_id from openstock_core.ledger where entry_id = %s"),
    }
    found = []
    for row in differences:
        key = {name: value for name, value in row["key"].items() if name != "reservation_line_id"}
        for internal, (name, query) in names.items():
            if internal in key:
                [key[name]] = db.execute(query, [key.pop(internal)]).fetchone() or (None,)
        found.append((row["fact"], tuple(sorted(key.items())), row["expected"], row["actual"]))
    return sorted(found, key=str)


def quantities(shop: Shop) -> list[list[tuple[Any, ...]]]:
    """All that rebuild restores."""
    return [
        columns(
            shop.view("stock"),
            "sku",
            "warehouse",
            "on_hand",
            "blocked",
            "reserved",
            "available",
            "version",
            "last_recorded_at",
        ),
        columns(shop.view("bins"), "sku", "location", "lot", "status", "on_hand", "blocked", "allocated"),
        columns(
            shop.view("reservations"),
            "order_ref",
            "line",
            "warehouse",
            "ordered",
            "reserved",
            "allocated",
            "shipped",
            "released",
        ),
    ]


def test_all_facts_are_tried(db: psycopg.Connection) -> None:
    """Every fact that is named in the body of differences() is among those below."""
    [body] = db.execute("select pg_get_functiondef('openstock_core.differences'::regproc)").fetchone() or ("",)
    tried = {fact for one in SABOTAGES for fact, *_ in one.reported}
    assert tried == {fact for fact in body.split("'") if " = " in fact and fact.split()[0] in
                     ("level", "bin", "line", "allocation", "entry")} | {"entry belongs to an operation"}  # fmt: skip


@pytest.mark.parametrize("one", SABOTAGES, ids=str)
def test_verify_reports_it_and_rebuild_repairs_it(
    busy: Shop, db: psycopg.Connection, connect: Connect, one: Sabotage
) -> None:
    before = quantities(busy)
    operator = connect("operator")
    assert call(operator, "openstock_admin.verify") == []
    sabotage(db, one.statement)
    expected = sorted(((fact, tuple(sorted(key.items())), a, b) for fact, key, a, b in one.reported), key=str)

    with unchanged(db):
        found = call(operator, "openstock_admin.verify", tenant=busy.tenant)
        assert by_name(db, found) == expected
        assert call(operator, "openstock_admin.verify") == found
        assert call(operator, "openstock_admin.verify", tenant=OTHER_TENANT) == []
        told = call(operator, "openstock_admin.rebuild", tenant=busy.tenant)
        assert by_name(db, told) == expected
        assert {row["replaced"] for row in told} == {False}

    replaced = call(operator, "openstock_admin.rebuild", tenant=busy.tenant, replace=True)
    assert by_name(db, replaced) == expected
    assert {row["replaced"] for row in replaced} == {one.repairable}
    if one.repairable:
        assert busy.differences() == []
        if one.restored:
            assert quantities(busy) == before
        busy.ship("O1")
        assert busy.level("APPLE") == (7, 2, 0, 5)
        assert busy.differences() == []
    else:
        assert by_name(db, busy.differences()) == expected
        assert quantities(busy) == before

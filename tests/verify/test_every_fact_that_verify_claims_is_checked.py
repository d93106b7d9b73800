"""One row is falsified at a time: verify names that fact and no other, and rebuild repairs what the ledger knows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from tests.support import OTHER_TENANT, Clock, Connect, Row, Shop, call, columns, unchanged

from .sabotages import HELD_UNTIL, SABOTAGES, Sabotage


@pytest.fixture
def busy(shop: Shop, connect: Connect, clock: Clock) -> Shop:
    """10 APPLE, 2 on hold, and 4 MILK; order O1 of 6 APPLE: 2 shipped, 1 released, 3 pinned. Others have PLUM.

    5 RICE: CART holds 2 until HELD_UNTIL, and released 1. There is no PEAR, and LATE waits for 5 until then, after it released 1.
    2 RICE are kept for WEB, through which WISH has 1 of the 3 that were.
    PHONE P1 in Berlin is pinned to the order CALL, which got P3; P2 is free. There, too, the pallet H1 holds 4 OIL and 2 CORN, and has moved.
    """
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    shop.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "L1", "expires_on": "2999-12-31"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}])
    shop.allocate("O1")
    shop.ship("O1", [{"line": 1, "qty": 2}])
    shop.release("O1", [{"line": 1, "qty": 1}], op_id="back")
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-2", "status": "hold"}], op_id="hold")
    now = datetime.now(UTC)
    clock.stop(now)
    shop.receive("LON", [{"sku": "RICE", "qty": 5}])
    shop.reserve("CART", [{"sku": "RICE", "qty": 3}], ttl=HELD_UNTIL - now)
    shop.release("CART", [{"line": 1, "qty": 1}])
    shop.put_products(lines=[{"sku": "PEAR", "name": "Pear", "backorder": "unlimited"}])
    shop.reserve("LATE", [{"sku": "PEAR", "qty": 6}], on_shortage="backorder", ttl=HELD_UNTIL - now)
    shop.release("LATE", [{"line": 1, "qty": 1}])
    shop.put_channels(lines=[{"code": "WEB"}])
    shop.put_quotas("LON", [{"channel": "WEB", "sku": "RICE", "qty": 3}])
    shop.reserve("WISH", [{"sku": "RICE", "qty": 2}], channel="WEB")
    shop.release("WISH", [{"line": 1, "qty": 1}])
    clock.set(now.isoformat())
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}, {"sku": "OIL", "name": "Oil"}, {"sku": "CORN", "name": "Corn"}])
    shop.put_locations("BER", [{"code": "B-1"}, {"code": "B-2"}])
    shop.receive("BER", [{"sku": "PHONE", "serials": ["P1", "P2", "P3"]}], op_id="phones")
    shop.receive("BER", [{"sku": sku, "qty": qty, "handling_unit": "H1", "location": "B-2"} for sku, qty in (("OIL", 4), ("CORN", 2))])
    shop.move("BER", [{"handling_unit": "H1", "to": "DEFAULT"}])
    shop.reserve("CALL", [{"sku": "PHONE", "qty": 2}])
    shop.ship("CALL", [{"line": 1, "serials": ["P3"]}])
    shop.allocate("CALL")
    other = Shop(connect("app"), shop.db, OTHER_TENANT)
    other.put_products(lines=[{"sku": "PLUM", "name": "Plum"}])
    other.put_warehouses(lines=[{"code": "ROM"}])
    other.receive("ROM", [{"sku": "PLUM", "qty": 10}])
    return shop


def sabotage(db: psycopg.Connection, statement: str) -> None:
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        for table in ("ledger", "ledger_serial"):
            db.execute(f"alter table openstock_core.{table} disable trigger all")
        db.execute(statement)


def writer(db: psycopg.Connection, seconds: float | None) -> str | None:
    """The op_id of the entry of this time."""
    query = "select op_id from openstock_core.ledger where recorded_at = to_timestamp(0) + %s * interval '1 second'"
    [op] = db.execute(query, [seconds]).fetchone() or (None,)
    return op


def by_name(db: psycopg.Connection, differences: list[Row]) -> list[tuple[Any, ...]]:
    """Differences with the codes of what is named by an id, so that they can be written down beforehand."""
    names = {
        "location_id": ("location", "select code from openstock_core.location where location_id = %s"),
        "lot_id": ("lot", "select code from openstock_core.lot where lot_id = %s"),
        "handling_unit_id": ("unit", "select code from openstock_core.handling_unit where handling_unit_id = %s"),
        "entry_id": ("op", "select op_id from openstock_core.ledger where entry_id = %s"),
    }
    found = []
    for row in differences:
        key = {name: value for name, value in row["key"].items() if name not in ("reservation_line_id", "backorder_id", "serial_id")}
        for internal, (name, query) in names.items():
            if internal in key:
                [key[name]] = db.execute(query, [key.pop(internal)]).fetchone() or (None,)
        values = [row["expected"], row["actual"]]
        if "last_recorded_at" in row["fact"]:
            values = [writer(db, value) for value in values]
        found.append((row["fact"], tuple(sorted(key.items())), *values))
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
            "fenced",
            "available",
            "version",
            "last_recorded_at",
        ),
        columns(shop.view("bins"), "sku", "location", "lot", "handling_unit", "status", "on_hand", "blocked", "allocated"),
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
            "expired",
            "expires_at",
        ),
        columns(shop.view("serials"), "sku", "serial", "warehouse", "location", "status", "order_ref", "line", "state"),
    ]


def test_all_facts_are_tried(db: psycopg.Connection) -> None:
    """Every fact that is named in the body of a function that differences() asks is among the sabotages."""
    bodies = db.execute(
        "select pg_get_functiondef(oid) from pg_proc "
        "where pronamespace = 'openstock_core'::regnamespace and prorettype = 'openstock_core.difference'::regtype"
    ).fetchall()
    [asked] = db.execute("select pg_get_functiondef('openstock_core.differences'::regproc)").fetchone() or ("",)
    assert asked.count("FROM openstock_core.") == len(bodies) > 0
    named = re.findall(r"'((?:level|bin|bins|line|allocation|backorder|backlog|serial|entry|entries) [^']+)'", " ".join(body for (body,) in bodies))
    assert {fact for one in SABOTAGES for fact, *_ in one.reported} == set(named)


@pytest.mark.parametrize("one", SABOTAGES, ids=str)
def test_verify_reports_it_and_rebuild_repairs_it(
    busy: Shop, db: psycopg.Connection, connect: Connect, one: Sabotage
) -> None:
    before = quantities(busy)
    operator = connect("operator")
    assert call(operator, "openstock_admin.verify") == []
    sabotage(db, one.statement)
    falsified = quantities(busy)
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
        assert quantities(busy) == falsified


def test_pieces_whose_entries_contradict_each_other_do_not_keep_others_from_being_repaired(busy: Shop, db: psycopg.Connection, connect: Connect) -> None:
    """P3 left without ever having come, and stays gone; P2 comes back to where its entries say."""
    before = quantities(busy)
    sabotage(db, "delete from openstock_core.ledger_serial where serial_id = (select serial_id from openstock_core.serial_unit where serial = 'P3') "
                 "and entry_id = (select min(entry_id) from openstock_core.ledger where op_id = 'phones')")  # fmt: skip
    sabotage(db, "update openstock_core.serial_unit set bin_id = null where serial = 'P2'")
    told = call(connect("operator"), "openstock_admin.rebuild", tenant=busy.tenant, replace=True)
    assert sorted(columns(told, "fact", "replaced")) == [
        ("bin on_hand = serials", True),
        ("entries of a serial name one product, and leave it in one place", False),
        ("entry units = serials", False),
        ("serial is in the bin of its entries", True),
    ]
    assert quantities(busy) == before
    assert sorted(columns(busy.differences(), "fact")) == [("entries of a serial name one product, and leave it in one place",), ("entry units = serials",)]

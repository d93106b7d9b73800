"""Each method returns rows of its dataclass, whose values are of the declared types."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import psycopg
import pytest

import openstock

from ..support import TENANT, day
from .faces import OpenClient


def assert_typed(rows: Sequence[Any], row: type) -> None:
    """There are rows, all of this dataclass, and every value is exactly of the declared type."""
    hints = get_type_hints(row)
    assert rows
    for each in rows:
        assert type(each) is row
        for field in fields(row):
            wanted = hints[field.name]
            options = get_args(wanted) if get_origin(wanted) in (Union, types.UnionType) else (wanted,)
            value = getattr(each, field.name)
            assert type(value) in [get_origin(option) or option for option in options], f"{field.name}: {value!r}"
            assert not isinstance(value, datetime) or value.tzinfo is not None


def test_an_order_from_receipt_to_shipment(open_client: OpenClient) -> None:
    client = open_client()
    products = [
        {"sku": "APPLE", "name": "Apple", "attributes": {"colour": "red", "weight": Decimal("0.150")}},
        {"sku": "MILK", "name": "Milk", "decimals": 1, "tracking": "lot", "lead_time_days": 2, "reorder_point": 5},
    ]
    assert [(r.line, r.code, r.outcome, r.replayed) for r in client.put_products(products)] == [
        (1, "APPLE", "created", False),
        (2, "MILK", "created", False),
    ]
    london = {
        "code": "LON",
        "name": "London",
        "address": {"city": "London"},
        "latitude": 51.5,
        "longitude": 0,
        "shipping_cost": Decimal("4.90"),
        "shipping_cost_by_zone": {"EU": Decimal("7.5")},
    }
    assert_typed(client.put_warehouses([london]), openstock.PutResult)
    assert_typed(client.put_locations("LON", [{"code": "A-1"}, {"code": "A-2"}]), openstock.PutResult)

    occurred_at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    received = client.receive(
        "LON",
        [
            {"sku": "APPLE", "qty": 10, "location": "A-1", "unit_cost": Decimal("0.305")},
            {"sku": "MILK", "qty": Decimal("2.5"), "lot": "L1", "expires_on": date.fromisoformat(day(30))},
        ],
        reference="PO-1",
        note="by lorry",
        occurred_at=occurred_at,
        op_id="goods-in-1",
    )
    assert_typed(received, openstock.StockChange)
    assert [(r.sku, r.location, r.lot, r.qty, r.on_hand) for r in received] == [
        ("APPLE", "A-1", None, 10, 10),
        ("MILK", "DEFAULT", "L1", Decimal("2.5"), Decimal("2.5")),
    ]
    [entry] = client.ledger("APPLE")
    assert (entry.op_id, entry.reference, entry.note) == ("goods-in-1", "PO-1", "by lorry")
    assert (entry.unit_cost, entry.occurred_at) == (Decimal("0.305"), occurred_at)

    adjusted = client.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-1"}], "broken")
    assert_typed(adjusted, openstock.StockChange)
    moved = client.move("LON", [{"sku": "APPLE", "qty": 3, "from": "A-1", "to": "A-2"}], reason="putaway")
    assert [(r.location, r.qty) for r in moved] == [("A-1", -3), ("A-2", 3)]

    reserved = client.reserve("O-1", [{"sku": "APPLE", "qty": 4}, {"sku": "MILK", "qty": 0.5}], warehouse="LON")
    assert_typed(reserved, openstock.ReservationChange)
    assert [(r.outcome, r.qty_reserved, r.available) for r in reserved] == [
        ("reserved", 4, 5),
        ("reserved", Decimal("0.5"), 2),
    ]
    rejected = client.reserve("O-2", [{"sku": "APPLE", "qty": 6}])
    assert_typed(rejected, openstock.ReservationChange)
    assert [(r.outcome, r.qty_short, r.available) for r in rejected] == [("rejected", 1, 5)]

    allocated = client.allocate("O-1", removal="lifo")
    assert_typed(allocated, openstock.AllocationChange)
    assert sum(r.qty for r in allocated if r.sku == "APPLE") == 4
    released = client.release("O-1", [{"sku": "APPLE", "qty": 1}], reason="changed their mind")
    assert_typed(released, openstock.ReservationChange)
    shipped = client.ship("O-1", [{"sku": "APPLE"}], reference="parcel-1")
    assert_typed(shipped, openstock.ShipmentLine)
    assert sum(r.qty for r in shipped) == 3

    assert [(s.on_hand, s.reserved, s.available) for s in client.availability("APPLE")] == [(6, 0, 6)]
    assert_typed(client.availability("MILK", "LON"), openstock.Stock)
    assert [s.sku for s in client.stock(warehouse="LON")] == ["APPLE", "MILK"]
    assert_typed(client.stock("MILK"), openstock.Stock)
    assert_typed(client.bins(), openstock.Bin)
    assert {b.location for b in client.bins("APPLE", "LON", status="available")} <= {"A-1", "A-2"}
    assert [(b.lot, b.expires_on.isoformat()) for b in client.bins(lot="L1")] == [("L1", day(30))]
    assert_typed(client.ledger(max_rows=None), openstock.LedgerEntry)
    assert_typed(client.reservations(), openstock.Reservation)
    [line] = client.reservations("O-1", sku="APPLE")
    assert (line.line, line.ordered, line.reserved, line.shipped, line.released) == (1, 4, 0, 3, 1)
    assert_typed(client.products(), openstock.Product)
    [apple] = client.products("APPLE", active=True, tracking="none")
    assert apple.attributes == {"colour": "red", "weight": Decimal("0.150")}
    assert [p.lead_time for p in client.products("MILK")] == [timedelta(days=2)]
    assert_typed(client.warehouses("LON", active=True), openstock.Warehouse)
    assert_typed(client.locations("LON", "A-1", kind="storage", active=True), openstock.Location)
    assert_typed(client.search_products("appl"), openstock.Product)
    assert [p.sku for p in client.search_products(attributes={"colour": "red"}, max_rows=1)] == ["APPLE"]
    assert client.search_products("appl", {"colour": "blue"}) == []
    assert client.current_tenant() == TENANT
    assert client.schema_version() == "0001.baseline"
    assert abs(client.server_time() - datetime.now(UTC)) < timedelta(hours=1)


def test_channels_have_what_is_kept_for_them(client: Any) -> None:
    assert_typed(client.put_channels([{"code": "WEB"}, {"code": "TILL", "uses_safety_stock": True}]), openstock.PutResult)
    client.receive("LON", [{"sku": "APPLE", "qty": 10}])
    kept = client.put_quotas("LON", [{"channel": "WEB", "sku": "APPLE", "qty": 4}])
    assert_typed(kept, openstock.QuotaChange)
    assert [(k.channel, k.qty, k.fenced, k.available) for k in kept] == [("WEB", 4, 4, 6)]
    lines = [{"sku": "APPLE", "qty": 8}]
    assert [r.outcome for r in client.reserve("O-1", lines, channel="TILL")] == ["rejected"]
    assert [q.qty for q in client.quote(lines, channel="WEB") if q.outcome == "chosen"] == [8]
    assert [r.outcome for r in client.reserve("O-1", lines, channel="WEB")] == ["reserved"]
    assert [s.available for s in client.availability("APPLE", channel="WEB")] == [2]
    client.release("O-1", [{"sku": "APPLE", "qty": 3}])
    assert_typed(client.quotas("APPLE", "LON", channel="WEB"), openstock.Quota)
    assert [(q.channel, q.qty) for q in client.quotas()] == [("WEB", 3)]
    assert_typed(client.channels("TILL", active=True), openstock.Channel)
    assert [c.channel for c in client.channels()] == ["TILL", "WEB"]
    assert [(r.channel, r.reserved) for r in client.reservations("O-1")] == [("WEB", 5)]
    assert [entry.quota_delta for entry in client.ledger("APPLE")] == [3, -4, 0]


def test_ledger_entries_come_newest_first_within_their_bounds(client: Any) -> None:
    for qty in (1, 2, 3, 4):
        client.receive("LON", [{"sku": "APPLE", "qty": qty}], op_id=f"receipt-{qty}")
    newest = client.ledger("APPLE", "LON", max_rows=2)
    assert [e.qty_delta for e in newest] == [4, 3]
    assert [e.qty_delta for e in client.ledger("APPLE", before=newest[-1].recorded_at)] == [2, 1]
    assert [e.qty_delta for e in client.ledger(since=newest[-1].recorded_at)] == [4, 3]
    assert [e.qty_delta for e in client.ledger(op_id="receipt-2", event_type="RECEIPT", location="DEFAULT")] == [2]
    assert client.ledger(order_ref="O-1") == client.ledger(lot="L1") == []


def test_a_level_without_entries_was_last_changed_never(client: Any, db: psycopg.Connection) -> None:
    db.execute(
        "insert into openstock_core.stock_level (tenant_id, product_id, warehouse_id) "
        "select p.tenant_id, p.product_id, w.warehouse_id from openstock_core.product p "
        "join openstock_core.warehouse w using (tenant_id) where p.sku = 'APPLE' and w.code = 'LON'"
    )
    assert [(s.version, s.last_recorded_at) for s in client.stock("APPLE")] == [(0, None)]
    assert [(s.version, s.last_recorded_at) for s in client.availability("APPLE")] == [(0, None)]


def test_rows_cannot_be_changed(client: Any) -> None:
    [row] = client.receive("LON", [{"sku": "APPLE", "qty": 1}])
    with pytest.raises(FrozenInstanceError):
        row.qty = Decimal(2)
    assert not hasattr(row, "__dict__")


def test_an_analyst_reads_the_snapshot(client: Any, open_client: OpenClient) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 7}])
    operator = open_client("operator", tenant=None)
    refreshed_at = operator.admin.refresh_current_stock()
    analyst = open_client("analyst")
    rows = analyst.current_stock("APPLE", "LON")
    assert_typed(rows, openstock.CurrentStock)
    assert [(r.on_hand, r.refreshed_at) for r in rows] == [(7, refreshed_at)]
    with pytest.raises(openstock.NoAccess):
        client.current_stock()


def test_the_same_op_id_returns_the_same_answer_again(client: Any) -> None:
    lines = [{"sku": "APPLE", "qty": 5}]
    first = client.receive("LON", lines, op_id="once")
    again = client.receive("LON", lines, op_id="once")
    assert [r.replayed for r in first] == [False]
    assert [r.replayed for r in again] == [True]
    assert [r.entry_id for r in first] == [r.entry_id for r in again]
    assert [s.on_hand for s in client.stock("APPLE")] == [5]


def test_the_client_makes_a_new_op_id_for_each_call(client: Any) -> None:
    for _ in range(2):
        client.receive("LON", [{"sku": "APPLE", "qty": 5}])
    op_ids = {e.op_id for e in client.ledger("APPLE")}
    assert len(op_ids) == 2
    assert {str(UUID(op_id)) for op_id in op_ids} == op_ids


def test_kits(open_client: OpenClient) -> None:
    client = open_client()
    client.put_products([{"sku": sku, "name": sku} for sku in ("APPLE", "PEAR", "BASKET")])
    client.put_warehouses([{"code": "LON"}])
    parts = [{"sku": "APPLE", "qty": 2}, {"sku": "PEAR", "qty": 1}]
    assert_typed(client.put_kits([{"sku": "BASKET", "components": parts}]), openstock.PutResult)
    assert_typed(client.kits(), openstock.Kit)
    assert [(kit.component, kit.qty) for kit in client.kits("BASKET", component="APPLE")] == [("APPLE", 2)]
    client.receive("LON", [{"sku": "APPLE", "qty": 7}, {"sku": "PEAR", "qty": 5}])
    assert_typed(client.availability("BASKET"), openstock.Stock)
    assert [stock.available for stock in client.availability("BASKET")] == [3]
    assert_typed(client.quote([{"sku": "BASKET", "qty": 1}]), openstock.QuotedSource)
    answer = client.reserve("O-1", [{"sku": "BASKET", "qty": 4}], on_shortage="partial")
    assert_typed(answer, openstock.ReservationChange)
    assert [(row.sku, row.kit, row.qty_short) for row in answer] == [("APPLE", "BASKET", 0), ("PEAR", "BASKET", 0), ("BASKET", "BASKET", 1)]
    assert_typed(client.order_lines("O-1"), openstock.OrderLine)

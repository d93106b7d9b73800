"""Pieces through the client: what comes in, is picked and leaves is named, and told."""

from __future__ import annotations

from typing import Any

import pytest

import openstock

from .test_a_session_returns_typed_rows import assert_typed


def test_a_phone_is_received_picked_and_sent(client: Any) -> None:
    client.put_products([{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    received = client.receive("LON", [{"sku": "PHONE", "serials": ["P1", "P2"], "location": "A-1"}, {"sku": "APPLE", "qty": 1}])
    assert_typed(received, openstock.StockChange)
    assert [row.serials for row in received] == [["P1", "P2"], None]
    client.reserve("ORDER-1", [{"sku": "PHONE", "qty": 1}])
    pinned = client.allocate("ORDER-1")
    assert_typed(pinned, openstock.AllocationChange)
    assert [row.serials for row in pinned] == [["P1"]]
    pieces = client.serials("PHONE")
    assert_typed(pieces, openstock.Serial)
    assert [(p.serial, p.state, p.order_ref, p.line) for p in pieces] == [("P1", "allocated", "ORDER-1", 1), ("P2", "in_stock", None, None)]
    sent = client.ship("ORDER-1", [{"line": 1, "serials": ["P2"]}])
    assert_typed(sent, openstock.ShipmentLine)
    assert [row.serials for row in sent] == [["P2"]]
    assert [(p.serial, p.warehouse) for p in client.serials(state="gone")] == [("P2", None)]
    assert [p.serial for p in client.serials("PHONE", "P1", order_ref=None, state="in_stock")] == ["P1"]
    story = client.serial_history("PHONE", "P2")
    assert_typed(story, openstock.LedgerEntry)
    assert [entry.event_type for entry in story] == ["RECEIPT", "SHIP"]


def test_errors_say_which_piece(client: Any) -> None:
    client.put_products([{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    client.receive("LON", [{"sku": "PHONE", "serials": ["P1"], "location": "A-1"}])
    with pytest.raises(openstock.SerialInStock) as raised:
        client.receive("BER", [{"sku": "PHONE", "serials": ["P2", "P1"]}])
    assert raised.value.detail == {"line": 1, "sku": "PHONE", "serial": "P1", "warehouse": "LON", "location": "A-1"}
    with pytest.raises(openstock.UnknownSerial) as raised:
        client.serial_history("PHONE", "P2")
    assert raised.value.detail == {"sku": "PHONE", "serial": "P2"}

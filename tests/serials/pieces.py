"""What tests of pieces share: naming them, and what a shop shows of them."""

from __future__ import annotations

from typing import Any

from tests.support import Row, Shop, columns


def phones(*serials: str, **more: Any) -> dict[str, Any]:
    """A line about these phones."""
    return {"sku": "PHONE", "serials": list(serials), **more}


def wants_one_of(shop: Shop, order_ref: str, *serials: str, line: int = 1) -> None:
    """A line that named these phones in A-1 gave all but one back while they were missing: now that they are there again it lacks one, whichever."""
    shop.reserve(order_ref, [phones(*serials, line=line)])
    shop.adjust("LON", [phones(*serials, qty=-len(serials), location="A-1")], reason="lost")
    shop.release(order_ref, [{"line": line, "qty": len(serials) - 1}])
    shop.adjust("LON", [phones(*serials, qty=len(serials), location="A-1")], reason="found")


def pieces(shop: Shop, sku: str = "PHONE") -> list[tuple[Any, ...]]:
    """(serial, location, status, state, order_ref) of all pieces."""
    return sorted(columns(shop.view("serials", sku=sku), "serial", "location", "status", "state", "order_ref"))


def where(shop: Shop, serial: str) -> tuple[Any, ...]:
    """(location, status, state, order_ref) of a phone."""
    [found] = [row[1:] for row in pieces(shop) if row[0] == serial]
    return found


def picked(rows: list[Row]) -> list[tuple[Any, ...]]:
    """(outcome, location, serials) of an answer about pins."""
    return columns(rows, "outcome", "location", "serials")


def story(shop: Shop, serial: str) -> list[tuple[Any, ...]]:
    """(event_type, location, qty_delta, allocated_delta, order_ref) of all entries about a phone."""
    return columns(shop.serial_history("PHONE", serial), "event_type", "location", "qty_delta", "allocated_delta", "order_ref")

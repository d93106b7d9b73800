"""What tests of holds share: when a hold ends, what a shop shows of it, and going to its last moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from .support import Clock, Shop, columns

TICK = timedelta(microseconds=1)

Parts = dict[str, tuple[Any, ...]]


def end_of(shop: Shop, order_ref: str) -> datetime:
    """When the first of an order's holds ends."""
    ends: list[datetime] = [row["expires_at"] for row in shop.view("reservations", order_ref=order_ref)]
    return min(end for end in ends if end)


def stop_before_the_end(clock: Clock, shop: Shop, order_ref: str) -> None:
    """Stop the clock at the last microsecond of an order's first hold."""
    clock.stop(end_of(shop, order_ref) - TICK)


def stop_at_the_end(clock: Clock, shop: Shop, order_ref: str) -> None:
    """Stop the clock at the very moment at which an order's first hold ends."""
    clock.stop(end_of(shop, order_ref))


def parts(shop: Shop, order_ref: str) -> list[tuple[Any, ...]]:
    """(line, warehouse, reserved, allocated, shipped, released, expired) of an order."""
    names = ("line", "warehouse", "reserved", "allocated", "shipped", "released", "expired")
    return sorted(columns(shop.view("reservations", order_ref=order_ref), *names))


def shown(shop: Shop) -> list[list[tuple[Any, ...]]]:
    """All that the views show of stock, bins and promises, without what only counts entries."""
    return [
        columns(shop.view("stock"), "sku", "warehouse", "on_hand", "blocked", "reserved", "available"),
        columns(shop.view("bins"), "sku", "warehouse", "location", "lot", "status", "on_hand", "blocked", "allocated"),
        columns(
            shop.view("reservations"),
            "order_ref",
            "line",
            "sku",
            "warehouse",
            "ordered",
            "reserved",
            "allocated",
            "backordered",
            "shipped",
            "released",
            "expired",
            "expires_at",
        ),
    ]


def booked(shop: Shop, **where: object) -> list[tuple[Any, ...]]:
    """(line, event_type, order_ref, sku, warehouse, reserved_delta, allocated_delta, reason) of what ended holds left behind."""
    names = ("line", "event_type", "order_ref", "sku", "warehouse", "reserved_delta", "allocated_delta", "reason")
    return shop.entries(*names, reason="expired", **where)

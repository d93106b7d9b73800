"""What tests of sales channels share: three channels, keeping units for them, and what a shop shows of it."""

from __future__ import annotations

from typing import Any

from .support import Row, Shop, columns


def open_channels(shop: Shop) -> Shop:
    """The channels WEB and MARKET, and TILL, which may use the safety stock."""
    shop.put_channels(lines=[{"code": "WEB"}, {"code": "MARKET"}, {"code": "TILL", "uses_safety_stock": True}])
    return shop


def keep(shop: Shop, channel: str, qty: float, sku: str = "APPLE", warehouse: str = "LON") -> Row:
    """Keep so many units for a channel."""
    [row] = shop.put_quotas(warehouse, [{"channel": channel, "sku": sku, "qty": qty}])
    return dict(row)


def buy(shop: Shop, order_ref: str, qty: float, channel: str | None = None, sku: str = "APPLE", **arguments: Any) -> list[Row]:
    """Reserve one line through a channel, or none."""
    answer: list[Row] = shop.reserve(order_ref, [{"sku": sku, "qty": qty}], channel=channel, **arguments)
    return answer


def kept(shop: Shop, sku: str = "APPLE", warehouse: str = "LON") -> dict[str, Any]:
    """What is kept, by channel."""
    return dict(columns(shop.view("quotas", sku=sku, warehouse=warehouse), "channel", "qty"))


def free(shop: Shop, channel: str | None = None, sku: str = "APPLE", warehouse: str = "LON") -> Any:
    """What can be promised to a channel, or to anyone."""
    [row] = shop.availability(sku, warehouse=warehouse, channel=channel)
    return row["available"]


def fenced(shop: Shop, sku: str = "APPLE", warehouse: str = "LON") -> tuple[Any, Any]:
    """(fenced, available) of a level."""
    [row] = shop.view("stock", sku=sku, warehouse=warehouse)
    return row["fenced"], row["available"]

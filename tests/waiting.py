"""What tests of backorders share: letting products wait, orders that wait, and what a shop shows of its queues."""

from __future__ import annotations

from typing import Any

from .support import Row, Shop, columns


def let_wait(shop: Shop, sku: str = "APPLE", limit: float | None = None) -> None:
    """Let orders wait for a product, without limit or up to one."""
    policy: dict[str, Any] = {"backorder": "limited", "backorder_limit": limit} if limit else {"backorder": "unlimited"}
    shop.put_products(lines=[{"sku": sku, **policy}])


def backorder(shop: Shop, order_ref: str, qty: float, sku: str = "APPLE", **arguments: Any) -> list[Row]:
    """Reserve one line, and let wait what there is not."""
    answer: list[Row] = shop.reserve(order_ref, [{"sku": sku, "qty": qty}], on_shortage="backorder", **arguments)
    return answer


def queue(shop: Shop, sku: str = "APPLE") -> list[tuple[Any, ...]]:
    """(order_ref, warehouse, qty) of who waits for a product, the first first."""
    return columns(sorted(shop.view("backorders", sku=sku), key=lambda row: row["place"]), "order_ref", "warehouse", "qty")


def standing(shop: Shop, order_ref: str) -> list[tuple[Any, ...]]:
    """(line, warehouse, reserved, backordered, shipped, released, expired) of an order; what any warehouse may fill has none."""
    names = ("line", "warehouse", "reserved", "backordered", "shipped", "released", "expired")
    rows = columns(shop.view("reservations", order_ref=order_ref), *names)
    return sorted(rows, key=lambda row: (row[0], row[1] or "", row[2] == 0))


def filled(rows: list[Row]) -> list[tuple[Any, ...]]:
    """(order_ref, line, warehouse, outcome, qty_reserved) of an answer."""
    return columns(rows, "order_ref", "line", "warehouse", "outcome", "qty_reserved")


def backlog(shop: Shop, sku: str = "APPLE") -> Any:
    """How many units wait for a product, waiting holds included."""
    [row] = shop.db.execute(
        "select coalesce(sum(g.backordered), 0) from openstock_core.backlog g "
        "join openstock_core.product p using (tenant_id, product_id) where p.sku = %s and tenant_id = %s",
        [sku, shop.tenant],
    ).fetchall()
    return row[0]

"""One ordinary call of every function that writes, for what must hold for all of them alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .support import Row, Shop


@dataclass(frozen=True)
class Call:
    """A call that succeeds in a prepared shop, and changes that make another request of it.

    keys are those of its lines with their types, ! where required; optional are arguments that may be null; wrong is
    what it refuses.
    """

    function: str
    arguments: dict[str, Any]
    other: dict[str, Any]
    keys: dict[str, str]
    optional: tuple[str, ...] = ()
    wrong: dict[str, Any] = field(default_factory=lambda: {"order_ref": "UNKNOWN"})
    needs_op_id: bool = True

    def __call__(self, shop: Shop, **changes: Any) -> list[Row]:
        """Make the call, with some arguments changed."""
        answer: list[Row] = getattr(shop, self.function)(**self.arguments | changes)
        return answer

    @property
    def line(self) -> dict[str, Any]:
        """Its one line."""
        line: dict[str, Any] = self.arguments["lines"][0]
        return line

    def __str__(self) -> str:
        return self.function


PRODUCT = {
    "sku": "code!",
    "name": "document",
    "description": "document",
    "unit": "code",
    "decimals": "integer",
    "tracking": "code",
    "removal": "code",
    "backorder": "code",
    "backorder_limit": "number",
    "safety_stock": "number",
    "reorder_point": "number",
    "reorder_quantity": "number",
    "lead_time_days": "days",
    "attributes": "object",
    "active": "boolean",
}
WAREHOUSE = {
    "code": "code!",
    "name": "text",
    "address": "object",
    "latitude": "degrees",
    "longitude": "degrees",
    "priority": "integer",
    "shipping_cost": "number",
    "shipping_cost_by_zone": "object",
    "active": "boolean",
}
LOCATION = {"code": "code!", "kind": "code", "pick_order": "integer", "active": "boolean"}
STOCK = {"sku": "code!", "location": "code", "lot": "code", "status": "code", "unit_cost": "number"}
TAKEN = {"sku": "code", "warehouse": "code", "qty": "number"}

CALLS = (
    Call(
        "put_products",
        {"lines": [{"sku": "PEAR", "name": "Pear"}]},
        {"lines": [{"sku": "PEAR", "name": "Plum"}]},
        PRODUCT,
    ),
    Call(
        "put_kits",
        {"lines": [{"sku": "BASKET", "components": [{"sku": "APPLE", "qty": 2}]}]},
        {"lines": [{"sku": "BASKET", "components": []}]},
        {"sku": "code!", "components": "array!"},
    ),
    Call("put_warehouses", {"lines": [{"code": "ROM"}]}, {"lines": [{"code": "OSL"}]}, WAREHOUSE),
    Call("put_locations", {"warehouse": "LON", "lines": [{"code": "B-1"}]}, {"warehouse": "BER"}, LOCATION),
    Call(
        "put_channels",
        {"lines": [{"code": "SHOP"}]},
        {"lines": [{"code": "TILL"}]},
        {"code": "code!", "name": "text", "uses_safety_stock": "boolean", "active": "boolean"},
    ),
    Call(
        "put_lots",
        {"lines": [{"sku": "MILK", "lot": "L1", "quality": "hold"}]},
        {"lines": [{"sku": "MILK", "lot": "L1", "quality": "rejected"}]},
        {"sku": "code!", "lot": "code!", "expires_on": "date", "quality": "code"},
        ("reason",),
    ),
    Call(
        "put_quotas",
        {"warehouse": "LON", "lines": [{"channel": "WEB", "sku": "APPLE", "qty": 1}]},
        {"warehouse": "BER"},
        {"channel": "code!", "sku": "code!", "qty": "number!"},
    ),
    Call(
        "receive",
        {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 5}]},
        {"warehouse": "BER"},
        STOCK | {"qty": "number!", "serials": "codes", "handling_unit": "code", "handling_unit_kind": "code", "expires_on": "date"},
        ("reference", "note", "occurred_at", "fill_backorders"),
    ),
    Call(
        "adjust",
        {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": -1}], "reason": "counted"},
        {"reason": "lost"},
        STOCK | {"qty": "number", "serials": "codes", "handling_unit": "code", "set_to": "number", "expected": "number"},
        ("reference", "note", "occurred_at"),
    ),
    Call(
        "move",
        {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 1, "to": "A-1"}]},
        {"lines": [{"sku": "APPLE", "qty": 1, "to": "A-2"}]},
        {
            "sku": "code!",
            "qty": "number!",
            "serials": "codes",
            "handling_unit": "code",
            "from": "code",
            "to": "code",
            "lot": "code",
            "status": "code",
            "to_status": "code",
        },
        ("reason", "reference", "note", "occurred_at"),
    ),
    Call(
        "reserve",
        {"order_ref": "NEW", "lines": [{"sku": "APPLE", "qty": 1}]},
        {"lines": [{"sku": "APPLE", "qty": 2}]},
        {"sku": "code!", "qty": "number!", "warehouse": "code", "location": "code", "lot": "code", "min_days_left": "days", "serials": "codes"},
        ("warehouse", "ttl", "priority", "promised_at", "metadata", "destination", "channel"),
    ),
    Call(
        "amend",
        {"order_ref": "ORDER", "lines": [{"sku": "APPLE", "qty": 5}]},
        {"lines": [{"sku": "APPLE", "qty": 6}]},
        {"sku": "code", "qty": "number!", "warehouse": "code"},
        ("reason", "destination"),
    ),
    Call("extend", {"order_ref": "CART", "ttl": "2 hours"}, {"ttl": "3 hours"}, {}),
    Call("confirm", {"order_ref": "CART"}, {"new_order_ref": "SALE"}, {}, ("new_order_ref",)),
    Call(
        "release",
        {"order_ref": "ORDER", "lines": [{"sku": "APPLE", "qty": 1}]},
        {"lines": None},
        TAKEN,
        ("reason",),
    ),
    Call("cancel", {"order_ref": "ORDER"}, {"reason": "too late"}, {}, ("reason",)),
    Call("expire_reservations", {}, {"max_lines": 7}, {}, wrong={"max_lines": 0}, needs_op_id=False),
    Call("allocate", {"order_ref": "ORDER"}, {"removal": "lifo"}, {}, ("removal", "whole_units")),
    Call(
        "allocate_next",
        {"warehouse": "LON"},
        {"max_orders": 7},
        {},
        ("removal",),
        wrong={"warehouse": "UNKNOWN"},
    ),
    Call(
        "deallocate",
        {"order_ref": "PICKED", "lines": [{"sku": "RICE", "qty": 1}]},
        {"lines": None},
        TAKEN,
        ("reason",),
    ),
    Call(
        "short_pick",
        {"order_ref": "PICKED", "lines": [{"sku": "RICE", "qty": 1, "location": "DEFAULT"}]},
        {"reason": "empty shelf"},
        TAKEN | {"qty": "number!", "serials": "codes", "location": "code!", "lot": "code"},
        ("reason",),
    ),
    Call("fill_backorders", {}, {"max_rows": 7}, {}, wrong={"max_rows": 0}, needs_op_id=False),
    Call(
        "ship",
        {"order_ref": "ORDER", "lines": [{"sku": "APPLE", "qty": 1}]},
        {"lines": None},
        TAKEN | {"serials": "codes"},
        ("reference", "note", "occurred_at"),
    ),
)
WITH_LINES = tuple(call for call in CALLS if call.keys)


def prepare(shop: Shop) -> Shop:
    """What the calls need, in London: 10 APPLE, of which the order ORDER has 3; 10 RICE: PICKED has 4 that are pinned, CART holds 2,
    LATE held 1; 5 OIL, which WAITING waits for; the channel WEB. BASKET was never stocked.
    """
    shop.put_channels(lines=[{"code": "WEB"}])
    shop.put_products(lines=[{"sku": "BASKET", "name": "Basket"}])
    shop.put_products(lines=[{"sku": "OIL", "name": "Oil", "backorder": "unlimited"}])
    shop.reserve("WAITING", [{"sku": "OIL", "qty": 2}], on_shortage="backorder")
    shop.receive("LON", [{"sku": sku, "qty": qty} for sku, qty in (("APPLE", 10), ("RICE", 10), ("OIL", 5))], fill_backorders=False)
    shop.reserve("PICKED", [{"sku": "RICE", "qty": 4}])
    shop.allocate("PICKED")
    shop.reserve("ORDER", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("CART", [{"sku": "RICE", "qty": 2}], ttl="1 hour")
    shop.reserve("LATE", [{"sku": "RICE", "qty": 1}], ttl="1 microsecond")
    return shop

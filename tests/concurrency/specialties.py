"""What else storms call: sales channels with quotas (TEA), kits (BOX: an apple and rice) and pieces with serials (PHONE).

These goods and orders are made up here; whatever else a storm does to orders it does to these, too.
"""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Any

from ..support import Shop

SPECIALTIES: list[dict[str, Any]] = [
    {"sku": "TEA", "name": "Tea", "safety_stock": 1},
    {"sku": "PHONE", "name": "Phone", "tracking": "serial"},
    {"sku": "BOX", "name": "Box"},
]
COMPONENTS = [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 0.5}]
CHANNELS = [{"code": "WEB"}, {"code": "TILL", "uses_safety_stock": True}]
BINS = ["A-1", "A-2", "E-1"]
CERTAIN = {"location", "lot", "min_days_left", "serials"}


def is_certain(line: dict[str, Any]) -> bool:
    """Whether a line of an order asks for certain units: of a bin or lot, or pieces."""
    return bool(line.keys() & CERTAIN)


class Specialties:
    """Makes up calls about them."""

    def __init__(self, shop: Shop, warehouses: list[str]) -> None:
        self.shop = shop
        self.warehouses = warehouses
        self.serials = (f"S{number:05}" for number in count(1))
        self.known: list[str] = []

    def furnish(self) -> list[tuple[str, dict[str, Any]]]:
        """What makes them, and the first of their goods."""
        self.shop.put_products(lines=SPECIALTIES)
        self.shop.put_kits(lines=[{"sku": "BOX", "components": COMPONENTS}])
        self.shop.put_channels(lines=CHANNELS)
        tea = [{"sku": "TEA", "qty": 5, "location": "A-1"}]
        return [("receive", {"warehouse": place, "lines": tea + self.phones(6)}) for place in self.warehouses]

    def phones(self, many: int) -> list[dict[str, Any]]:
        """A line of new ones."""
        return [{"sku": "PHONE", "serials": [next(self.serials) for _ in range(many)], "location": "A-1"}]

    def received(self, lines: list[dict[str, Any]]) -> None:
        """These have come in: from now on their pieces can be named."""
        self.known += [serial for line in lines for serial in line.get("serials", [])]

    def make_up(self, random: Random, order_ref: str, *, losses: bool) -> tuple[str, dict[str, Any]]:
        """A call about one of them; a promise is made to this order."""
        place = random.choice(self.warehouses)
        what = random.choice(["quota", "tea in", "phones in", "phones move", "phones lost", *["tea", "box", "phone"] * 3])
        if what == "quota":
            keep = {"channel": random.choice(CHANNELS)["code"], "sku": "TEA", "qty": random.randint(0, 6)}
            return "put_quotas", {"warehouse": place, "lines": [keep]}
        if what == "tea in":
            return "receive", {"warehouse": place, "lines": [{"sku": "TEA", "qty": random.randint(1, 3), "location": random.choice(BINS)}]}
        if what == "phones in":
            return "receive", {"warehouse": place, "lines": self.phones(random.randint(1, 4))}
        if what in ("phones move", "phones lost"):
            named = {"sku": "PHONE", "serials": random.sample(self.known[-12:], 2)}
            if what == "phones move" or not losses:
                source, target = random.sample(BINS, 2)
                return "move", {"warehouse": place, "lines": [named | {"from": source, "to": target}]}
            return "adjust", {"warehouse": place, "reason": "gone", "lines": [named | {"qty": -2, "location": random.choice(BINS)}]}
        request: dict[str, Any] = {"order_ref": order_ref, "on_shortage": random.choice(["reject", "partial"])}
        if what == "tea":
            request["lines"] = [{"sku": "TEA", "qty": random.randint(1, 4)}]
            request |= random.choice([{}, {"channel": "WEB"}, {"channel": "TILL"}])
        elif what == "box":
            request["lines"] = [{"sku": "BOX", "qty": random.randint(1, 2)}] + [{"sku": "APPLE", "qty": 1}] * random.randint(0, 1)
        else:
            some = {"qty": random.randint(1, 3)} if random.random() < 0.5 else {"serials": random.sample(self.known[-12:], random.randint(1, 2))}
            request["lines"] = [{"sku": "PHONE"} | some]
        return "reserve", request | ({"ttl": "30 minutes"} if random.random() < 0.4 else {})

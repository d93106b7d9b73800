"""The state machine: it makes up the calls."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from .calls_for_kits import KITS, KitCalls
from .state import Line, OrderLine

# Hypothesis gives a number for each step, and shortens an example that fails; what a step does follows from its number, those before it
# and the model's state: many numbers are 0, and examples that begin alike would be alike. Left to Hypothesis one by one, the choices would be mostly zeros and repetitions, and most calls errors.
SEEDS = st.integers(0, 2**32 - 1)

PRODUCTS: list[Line] = [
    {"sku": "APPLE", "name": "Apple", "removal": "fifo"},
    {"sku": "JAM", "name": "Jam", "tracking": "lot", "removal": "fifo"},
    {"sku": "MILK", "name": "Milk", "tracking": "lot", "decimals": 1},
    {"sku": "RICE", "name": "Rice", "removal": "lifo", "decimals": 2},
]
WEIGHTS = {
    "receive": 5, "adjust": 3, "move": 3, "put_lots": 1, "reserve": 7, "reserve_beyond": 8, "release": 3, "cancel": 1, "fill_backorders": 4,
    "allocate": 3, "allocate_next": 5, "deallocate": 2, "short_pick": 1, "miss_some": 4, "ship": 5,
    "extend": 3, "confirm": 6, "expire_reservations": 2, "time_goes_by": 3, "meet_an_end": 3, "run_short": 8,
    "amend": 8, "shift": 3, "outlive": 3, "compete": 4, "lose_what_was_asked_for": 4,
    "put_quotas": 3, "keep_for_who_waits": 2, "outlast_a_quota": 3, "change_channel": 0.5, "reserve_kits": 5, "return_kits": 7, "change_kit": 1, "ask": 2,
    "change_master_data": 2, "call_again": 3, "upkeep": 3,
}  # fmt: skip
WAREHOUSES: list[Line] = [
    {"code": "BER", "priority": 2, "latitude": 52.5, "longitude": 13.4, "shipping_cost": 6, "shipping_cost_by_zone": {"DE": 3}},
    {"code": "LON", "priority": 1, "latitude": 51.5, "longitude": -0.1, "shipping_cost": 4, "shipping_cost_by_zone": {"UK": 2, "FR": 8}},
    {"code": "PAR", "priority": 2, "shipping_cost": 9},
]
CHANNELS: list[Line] = [{"code": "WEB"}, {"code": "TILL", "name": "The tills", "uses_safety_stock": True}, {"code": "APP", "name": "App"}]
LOCATIONS: list[Line] = [{"code": "A"}, {"code": "B", "kind": "picking", "pick_order": -1}, {"code": "Q", "kind": "quarantine"}]


# A run comes across more of something if it is about that, and less of what others are about.
EMPHASIS: dict[str | None, dict[str, float]] = {
    "what ends": {"reserve": 2, "time_goes_by": 1.5, "meet_an_end": 3, "run_short": 3, "expire_reservations": 2, "amend": 1.5, "outlive": 2},
    "channels": {"put_quotas": 1.5, "keep_for_who_waits": 2, "outlast_a_quota": 2, "change_channel": 3, "fill_backorders": 1.5, "amend": 3},
    "certain units": {"compete": 2, "lose_what_was_asked_for": 3, "amend": 1.5, "shift": 2},
    "kits": {"reserve_kits": 2, "return_kits": 4, "change_kit": 1.5, "ask": 1.5, "confirm": 1.5},
}
OWN = {
    "channels": ["put_quotas", "keep_for_who_waits", "outlast_a_quota", "change_channel"],
    "certain units": ["compete", "lose_what_was_asked_for"],
    "kits": ["reserve_kits", "return_kits", "change_kit"],
}


class StockMachine(KitCalls):
    """One tenant's life. Every rule is a call."""

    about: ClassVar[str | None] = None

    # --- the calls ---------------------------------------------------------------------------------------------------

    @initialize(draw=SEEDS)
    def furnish(self, draw: int) -> None:
        """Master data, and something to begin with."""
        self.trail = f"{self.world.salt} {draw}"
        self.random = Random(self.trail)
        emphasis = {name: 0.3 for topic, names in OWN.items() for name in names if self.about not in (None, topic)} | EMPHASIS.get(self.about, {})
        self.weights = {name: weight * self.pick([1, 2, 4]) * emphasis.get(name, 1) for name, weight in WEIGHTS.items()}
        self.holding = self.pick([30, 50, 80])
        self.skus = self.random.sample([line["sku"] for line in PRODUCTS], self.pick([1, 1, 2, 4]))
        self.places = self.random.sample([line["code"] for line in WAREHOUSES], self.pick([1, 2, 3]))
        policies: list[Line] = [{"backorder": "none"}, {"backorder": "unlimited"}, {"backorder": "limited", "backorder_limit": 6}]
        self.do("put_products", lines=[line | self.pick(policies[1:] if self.chance(80) else policies) for line in PRODUCTS])
        self.do("put_warehouses", lines=WAREHOUSES)
        for warehouse in WAREHOUSES:
            self.do("put_locations", warehouse=warehouse["code"], lines=LOCATIONS)
        self.selling = self.pick([0, 25, 25, 50])
        if self.selling:
            self.do("put_channels", lines=CHANNELS)
            self.do("put_products", lines=[{"sku": sku, "safety_stock": self.pick([0, 1, 2, 3])} for sku in self.skus])
        self.bundling = self.chance(90 if self.about == "kits" else 30)
        if self.bundling:
            self.do("put_products", lines=[{"sku": kit, "name": kit.title(), "backorder": "unlimited"} for kit in KITS])
            self.do("put_kits", lines=[{"sku": kit, "components": self.parts_of_a_kit()} for kit in KITS])
        for place in self.places:
            self.receive_into(place, self.number(3, 8))
        for _ in range(self.number(1, 3) if self.selling else 0):
            self.put_quotas()

    @rule(draw=SEEDS)
    def next_call(self, draw: int) -> None:
        """Whatever comes next."""
        self.trail += f" {draw}"
        self.random = Random(self.trail)
        [name] = self.random.choices(list(self.weights), list(self.weights.values()))
        if self.chance(90):
            name = self.what_there_is_something_for(name)
        getattr(self, name)()

    def what_there_is_something_for(self, name: str) -> str:
        """What has to come first if this call is to find anything."""
        parts = [part for part in self.parts if part.open > 0]
        lines = [part for part in parts if isinstance(part, OrderLine)]
        if name == "expire_reservations" and not any(self.model.ended(part) for part in parts):
            name = "time_goes_by"
        if name in ("extend", "confirm", "time_goes_by"):
            parts = [part for part in parts if part.expires_at is not None]
        if name in ("deallocate", "short_pick", "miss_some") and not any(self.model.pinned(line) > 0 for line in lines):
            name = "allocate"
        if name in ("allocate", "allocate_next") and not any(self.unpinned(line) > 0 for line in lines):
            name = "reserve"
        if (name in ("release", "extend", "confirm", "cancel", "amend", "shift", "time_goes_by") and not parts) or (name == "ship" and not lines):
            name = "reserve"
        if not any(self.model.state.warehouses[place].active for place in self.places):
            return "open_up"
        if name in ("reserve_kits", "return_kits", "change_kit") and not self.bundling:
            name = "reserve"
        if name == "put_lots" and not any(self.model.state.products[sku].tracking == "lot" for sku in self.skus):
            name = "move"
        if name in ("put_quotas", "change_channel", "keep_for_who_waits", "outlast_a_quota") and not self.model.state.channels:
            name = "reserve"
        available = any(self.model.level(*key)["available"] > 0 for key in self.model.state.entries)
        if name == "fill_backorders" and not (available and any(self.model.queue(sku) for sku in self.skus)):
            name = "reserve_beyond"
        if name == "reserve" and not available:
            name = "receive"
        return name

    def meet_an_end(self) -> None:
        """A call for an order at the moment at which a hold of it ends, or one before or after it."""
        held = [part for part in self.parts if part.expires_at is not None and self.model.live(part)]
        if not held:
            self.reserve()
            return
        hold = self.pick(held)
        assert hold.expires_at is not None
        self.let_time_go_by(hold.expires_at + timedelta(microseconds=self.pick([0, 0, 0, -1, 1])))
        calls = [self.extend, self.confirm, self.cancel, self.release, self.allocate, self.ship, self.deallocate, self.short_pick, self.amend, self.amend]
        self.pick(calls)(hold.order_ref)

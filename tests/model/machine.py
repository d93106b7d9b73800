"""The state machine: it makes up the calls."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from .state import STATUSES, ZERO, Line, OrderLine
from .upkeep import Upkeep

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
    "receive": 3, "adjust": 3, "move": 3, "reserve": 9, "release": 2, "allocate": 5, "ship": 3,
    "extend": 4, "confirm": 5, "cancel": 1, "expire_reservations": 2, "time_goes_by": 3, "meet_an_end": 3, "run_short": 5,
    "change_master_data": 2, "call_again": 2, "upkeep": 3,
}  # fmt: skip
WAREHOUSES: list[Line] = [{"code": "BER", "priority": 2}, {"code": "LON", "priority": 1}, {"code": "PAR", "priority": 2}]
LOCATIONS: list[Line] = [{"code": "A"}, {"code": "B", "kind": "picking", "pick_order": -1}, {"code": "Q", "kind": "quarantine"}]


class StockMachine(Upkeep):
    """One tenant's life. Every rule is a call."""

    # --- the calls ---------------------------------------------------------------------------------------------------

    @initialize(draw=SEEDS)
    def furnish(self, draw: int) -> None:
        """Master data, and something to begin with."""
        self.trail = f"{self.world.salt} {draw}"
        self.random = Random(self.trail)
        self.weights = {name: weight * self.pick([1, 2, 4]) for name, weight in WEIGHTS.items()}
        self.holding = self.pick([30, 50, 80])
        self.skus = self.random.sample([line["sku"] for line in PRODUCTS], self.pick([1, 1, 2, 4]))
        self.places = self.random.sample([line["code"] for line in WAREHOUSES], self.pick([1, 2, 3]))
        self.do("put_products", lines=PRODUCTS)
        self.do("put_warehouses", lines=WAREHOUSES)
        for warehouse in WAREHOUSES:
            self.do("put_locations", warehouse=warehouse["code"], lines=LOCATIONS)
        for place in self.places:
            self.receive_into(place, self.number(3, 8))

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
        lines = [n for n in self.model.state.lines if n.reserved > 0]
        if name == "expire_reservations" and not any(self.model.ended(n) for n in lines):
            name = "time_goes_by"
        if name in ("extend", "confirm", "time_goes_by"):
            lines = [n for n in lines if n.expires_at is not None]
        if name in ("release", "allocate", "ship", "extend", "confirm", "cancel", "time_goes_by") and not lines:
            name = "reserve"
        if name == "reserve" and not any(self.model.level(*key)["available"] > 0 for key in self.model.state.entries):
            name = "receive"
        return name

    def receive(self) -> None:
        """Goods in."""
        self.receive_into(self.warehouse(), self.number(1, 4))

    def receive_into(self, warehouse: str, many: int) -> None:
        """Goods in, of so many lines."""
        lines = []
        for _ in range(many):
            line, _ = self.stock_line(warehouse, known=40)
            line["qty"] = self.qty(line["sku"]) * self.pick([1, 2, 4])
            lot = self.model.state.lots.get((line["sku"], line.get("lot", "")))
            if "lot" in line and self.chance(60):
                known = lot.expires_on if lot else next((n["expires_on"] for n in lines if n.get("lot") == line["lot"] and "expires_on" in n), None)
                expires_on = self.model.today + timedelta(days=self.number(-1, 6))
                line["expires_on"] = known if known and self.chance(99) else expires_on
            lines.append(line)
        self.do("receive", warehouse=warehouse, lines=lines)

    def adjust(self) -> None:
        """Corrections."""
        pinned = [b for b in self.model.state.bins.values() if b.pins]
        if pinned and self.chance(35):
            near = self.pick(pinned)
            self.lose_what_is_free(near.sku, near.warehouse)
            return
        warehouse = self.warehouse()
        lines = []
        for _ in range(self.number(1, 3)):
            line, on_hand = self.stock_line(warehouse, known=75)
            keys = ("sku", "location", "lot", "status")
            if any(all(line.get(key) == other.get(key) for key in keys) for other in lines) and self.chance(95):
                continue
            if self.chance(30):
                line["set_to"] = self.qty(line["sku"], on_hand) if self.chance(80) else ZERO
                place = self.model.state.bins.get(
                    (line["sku"], warehouse, line.get("location", "DEFAULT"), line.get("lot"), line.get("status", "available"))
                )
                line["expected"] = (place.on_hand if place else ZERO) if self.chance(95) else self.qty(line["sku"])
            else:
                line["qty"] = -self.qty(line["sku"], on_hand) if on_hand and self.chance(75) else self.qty(line["sku"])
            if self.chance(1):
                line.pop("expected", None)
            lines.append(line)
        self.do("adjust", warehouse=warehouse, lines=lines, reason="found so")

    def lose_what_is_free(self, sku: str, warehouse: str) -> None:
        """All units of a product at a warehouse are gone but those that are pinned."""
        there = [b for b in self.model.bins_at(sku, warehouse) if b.free > 0 and not self.model.blocked(b)]
        lines = [{"sku": b.sku, "location": b.location, "status": b.status, "qty": -b.free} | ({"lot": b.lot} if b.lot else {}) for b in there]
        if lines:
            self.do("adjust", warehouse=warehouse, lines=lines, reason="a flood")

    def move(self) -> None:
        """Bin to bin, and status changes."""
        warehouse = self.warehouse()
        lines: list[Line] = []
        for _ in range(self.pick([1, 1, 2, 3])):
            if lines and self.chance(25):  # another line out of the same bin, or on from where that one went
                line, on_hand = dict(lines[-1]), ZERO
                if "to" in line and self.chance(50):
                    line["from"], line["status"] = line["to"], line.get("to_status", line.get("status", "available"))
            else:
                line, on_hand = self.stock_line(warehouse, known=97)
                if "location" in line:
                    line["from"] = line.pop("location")
            line.pop("to", None)
            line.pop("to_status", None)
            if self.chance(75):
                line["to"] = self.location(warehouse)
            if self.chance(30) or "to" not in line:
                line["to_status"] = self.pick(STATUSES)
            line["qty"] = self.qty(line["sku"], on_hand)
            lines.append(line)
        self.do("move", warehouse=warehouse, lines=lines)

    def reservation(self, many: int, *, named: int) -> Line:
        """A request to reserve: so many lines, that percentage of them at a named warehouse."""
        new = f"O-{len({n.order_ref for n in self.model.state.lines}) + 1}"
        request: Line = {"order_ref": self.order(open_only=self.chance(85)) if self.chance(30) else new, "lines": []}
        sellable = sorted({sku for sku, place in self.model.state.entries if self.model.level(sku, place)["available"] > 0})
        for _ in range(many):
            previous: list[Line] = request["lines"]
            repeated = bool(previous) and self.chance(25)
            line: Line = {"sku": previous[-1]["sku"] if repeated else self.pick(sellable) if sellable and self.chance(93) else self.sku()}
            if self.chance(named):
                line["warehouse"] = self.warehouse()
            there = [key for key in self.model.state.entries if key[0] == line["sku"] and key[1] == line.get("warehouse", key[1])]
            levels = [available for key in there if (available := self.model.level(*key)["available"]) > 0]
            most = self.pick([*levels, sum(levels, ZERO)]) if levels else ZERO
            line["qty"] = self.qty(line["sku"], most / many / self.pick([1, 2]) if self.chance(70) else most)
            if self.chance(12):
                line["line"] = self.number(1, 9) * 10 + len(previous)
            previous.append(line)
        if self.chance(10):
            request["warehouse"] = self.warehouse()
        if self.chance(20):
            request["on_shortage"] = self.pick(["error", "reject"])
        if self.chance(self.holding):
            request["ttl"] = self.ttl()
        return request

    def ttl(self) -> timedelta:
        """A time to live; seldom a wrong one."""
        if self.chance(1):
            return self.pick([timedelta(0), -timedelta(minutes=1), timedelta(days=3654)])
        return self.pick([timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=5), timedelta(days=1), timedelta(days=3, minutes=5)])

    def reserve(self) -> None:
        """A promise, wherever there is stock or partly at warehouses that the lines name."""
        ended = [n for n in self.model.state.lines if self.model.ended(n)]
        if ended and self.chance(35 if len(ended) == 1 else 60):
            self.reserve_what_ended(self.pick(ended))
            return
        self.do("reserve", **self.reservation(self.pick([1, 1, 1, 2, 2, 3, 4, 6]), named=self.pick([0, 0, 40])))

    def reserve_what_ended(self, hold: OrderLine) -> None:
        """What is free and what the first of the holds had that ended there, to the last unit or one more or less; and sometimes what nobody has."""
        there = [n for n in self.model.state.lines if self.model.ended(n) and (n.sku, n.warehouse) == (hold.sku, hold.warehouse)]
        there.sort(key=lambda n: (n.expires_at, n.rank))
        step = self.model.state.products[hold.sku].step
        qty = self.model.booked(hold.sku, hold.warehouse)["available"] + self.pick([ZERO, ZERO, step, -step])
        qty += sum((n.reserved for n in there[: self.number(1, max(len(there) - 1, 1))]), ZERO)
        lines: list[Line] = [{"sku": hold.sku, "warehouse": hold.warehouse, "qty": max(qty - qty % step, step)}]
        if self.chance(25):
            lines.append({"sku": self.sku(), "qty": 5000})
        self.do("reserve", order_ref=f"O-{len({n.order_ref for n in self.model.state.lines}) + 1}", lines=lines)

    def release(self, order_ref: str | None = None) -> None:
        """A promise given back, in whole or in part."""
        order_ref = order_ref or self.order()
        lines = self.lines_of(order_ref)
        self.do("release", order_ref=order_ref, **({} if lines is None else {"lines": lines}))

    def allocate(self, order_ref: str | None = None) -> None:
        """Units pinned to bins."""
        request: Line = {"order_ref": order_ref or self.order(unpinned=True)}
        if self.chance(40):
            request["removal"] = self.pick(["fefo", "fifo", "lifo"])
        if self.chance(40):
            request["on_shortage"] = self.pick(["partial", "reject", "error"])
        self.do("allocate", **request)

    def ship(self, order_ref: str | None = None) -> None:
        """Units gone, in whole or in part."""
        order_ref = order_ref or self.order(unpinned=self.chance(50))
        lines = self.lines_of(order_ref)
        self.do("ship", order_ref=order_ref, **({} if lines is None else {"lines": lines}))

    def extend(self, order_ref: str | None = None) -> None:
        """Holds that last longer."""
        self.do("extend", order_ref=order_ref or self.order(held=self.chance(90)), ttl=self.ttl())

    def confirm(self, order_ref: str | None = None) -> None:
        """Holds that become promises without end: in their order, a new one or one that is there."""
        request: Line = {"order_ref": order_ref or self.order(held=self.chance(90))}
        new = f"{self.pick(['A', 'S'])}-{len({n.order_ref for n in self.model.state.lines}) + 1}"
        there = self.order(open_only=self.chance(90))
        to = self.pick([None, None, new, new, there, there, request["order_ref"]])
        if to is not None:
            request["new_order_ref"] = to
        if self.chance(50):
            request["on_expired"] = self.pick(["error", "skip", "skip", "skip"])
        self.do("confirm", **request)

    def cancel(self, order_ref: str | None = None) -> None:
        """All of an order given back."""
        self.do("cancel", order_ref=order_ref or self.order(), **({"reason": "changed my mind"} if self.chance(30) else {}))

    def expire_reservations(self) -> None:
        """Holds that ended are booked."""
        max_lines = 0 if self.chance(3) else self.pick([1, 1, 2, 3, 1000])
        self.do("expire_reservations", anonymously=self.chance(30), max_lines=max_lines)

    def meet_an_end(self) -> None:
        """A call for an order at the moment at which a hold of it ends, or one before or after it."""
        held = [n for n in self.model.state.lines if n.expires_at is not None and self.model.live(n)]
        if not held:
            self.reserve()
            return
        hold = self.pick(held)
        assert hold.expires_at is not None
        self.let_time_go_by(hold.expires_at + timedelta(microseconds=self.pick([0, 0, 0, -1, 1])))
        self.pick([self.extend, self.confirm, self.cancel, self.release, self.allocate, self.ship])(hold.order_ref)

    def run_short(self) -> None:
        """A hold ends that keeps units pinned, the others are lost, and somebody else is promised them."""
        promised = [n for n in self.model.state.lines if self.model.live(n)]
        pairs = [
            (hold, other) for hold in promised if hold.expires_at for other in promised
            if self.unpinned(other) > 0 and (hold.sku, hold.warehouse) == (other.sku, other.warehouse) and hold.order_ref != other.order_ref
        ]  # fmt: skip
        if not pairs:
            self.reserve()
            return
        hold, other = min(self.pick(pairs), self.pick(pairs), key=lambda pair: (pair[0].expires_at, pair[0].rank, pair[1].rank))
        assert hold.expires_at is not None
        self.do("allocate", order_ref=hold.order_ref)
        self.lose_what_is_free(hold.sku, hold.warehouse)
        self.let_time_go_by(hold.expires_at)
        bins = [b for b in self.model.bins_at(hold.sku, hold.warehouse) if hold in b.pins]
        what = self.pick(["allocate", "allocate", "ship", "ship", "ship", "lose", "lose"] if bins else ["allocate"])
        if what == "lose":
            place = self.pick(bins)
            line: Line = {"sku": place.sku, "location": place.location, "status": place.status, "qty": -self.qty(place.sku, place.pinned)}
            self.do("adjust", warehouse=place.warehouse, lines=[line | ({"lot": place.lot} if place.lot else {})], reason="stolen")
        elif what == "ship" and self.chance(90):
            qty = min(hold.ordered, other.reserved)
            self.do("ship", order_ref=other.order_ref, lines=[{"line": other.line, "warehouse": other.warehouse, "qty": qty}])
        else:
            self.do(what, order_ref=other.order_ref)

    def change_master_data(self) -> None:
        """A product, a warehouse or a location changes."""
        self.pick([self.change_product, self.change_warehouse, self.change_location])()

    def change_product(self) -> None:
        """Above all, what is kept out of promises and which units go first."""
        line: Line = {"sku": self.pick(self.skus)}
        if self.chance(60):
            line["safety_stock"] = self.pick([ZERO, ZERO, Decimal(1), Decimal(3), Decimal("0.5")])
        if self.chance(40):
            line["removal"] = self.pick(["fefo", "fifo", "lifo"])
        if self.chance(25):
            line["active"] = self.chance(70)
        if self.chance(10):
            line["decimals"] = self.number(0, 2)
        if self.chance(5):
            line["tracking"] = self.pick(["none", "lot"])
        self.do("put_products", lines=[line])

    def change_warehouse(self) -> None:
        """It opens or closes, or changes its place in the order of sourcing."""
        line: Line = {"code": self.pick(list(self.model.state.warehouses))}
        if self.chance(60):
            line["priority"] = self.number(1, 3)
        if self.chance(50):
            line["active"] = self.chance(75)
        self.do("put_warehouses", lines=[line])

    def change_location(self) -> None:
        """What it is for."""
        warehouse = self.warehouse()
        line: Line = {"code": self.pick(["A", "B", "Q", "N"])}
        if self.chance(50):
            line["kind"] = self.pick(["receiving", "storage", "picking", "packing", "quarantine"])
        if self.chance(50):
            line["pick_order"] = self.number(-1, 2)
        if self.chance(30):
            line["active"] = self.chance(75)
        self.do("put_locations", warehouse=warehouse, lines=[line])

"""Calls that pin units to bins, take pins off, and send units out; and what befalls them."""

from __future__ import annotations

from .calls_for_orders import OrderCalls
from .state import Line

RULES = ["fefo", "fifo", "lifo", "fewest_bins"]


class PickingCalls(OrderCalls):
    """allocate, allocate_next, deallocate, short_pick, ship."""

    def allocate(self, order_ref: str | None = None) -> None:
        """Units pinned to bins."""
        request: Line = {"order_ref": order_ref or self.order(unpinned=True)}
        if self.chance(40):
            request["removal"] = self.pick(RULES)
        if self.chance(40):
            request["on_shortage"] = self.pick(["partial", "reject", "error"])
        self.do("allocate", **request)

    def allocate_next(self) -> None:
        """The next orders of a warehouse."""
        request: Line = {"warehouse": self.warehouse()}
        if self.chance(70):
            request["max_orders"] = 0 if self.chance(2) else self.pick([1, 1, 2, 3])
        if self.chance(30):
            request["removal"] = self.pick(RULES)
        if self.chance(50):
            request["on_shortage"] = self.pick(["partial", "reject", "reject"])
        self.do("allocate_next", **request)

    def deallocate(self, order_ref: str | None = None) -> None:
        """Pins taken off."""
        order_ref = order_ref or self.order(pinned=True)
        lines = self.lines_of(order_ref)
        self.do("deallocate", order_ref=order_ref, **({} if lines is None else {"lines": lines}))

    def short_pick(self, order_ref: str | None = None) -> None:
        """Units that are not where they are pinned."""
        order_ref = order_ref or self.order(pinned=True)
        pins = [(n, b) for n in self.model.open_lines(order_ref) for b in self.model.bins_at(n.sku, n.warehouse) if n in b.pins]
        lines: list[Line] = []
        for _ in range(self.pick([1, 1, 1, 2, 3])):
            if not pins or self.chance(3):
                place = self.warehouse()
                lines.append({"sku": self.sku(), "location": self.location(place), "qty": self.number(1, 3)})
                continue
            line, bin_ = self.pick(pins)
            if self.chance(85):
                pins.remove((line, bin_))
            missing: Line = {"location": bin_.location, "qty": self.qty(line.sku, bin_.pins[line])}
            by = self.number(1, 7)
            missing |= {"line": line.line} if by & 1 else {"sku": line.sku} if by & 2 or self.chance(95) else {}
            missing |= {"warehouse": line.warehouse} if by & 4 else {}
            missing |= {"lot": bin_.lot} if bin_.lot is not None and self.chance(70) else {}
            lines.append(missing)
        self.do("short_pick", order_ref=order_ref, lines=lines)

    def miss_some(self) -> None:
        """Units are missing while there are others: free ones, or pinned to a hold that has ended."""
        pinned = [n for n in self.model.state.lines if self.model.live(n) and self.model.pinned(n) > 0]
        if not pinned:
            self.allocate()
            return
        line = self.pick(pinned)
        if self.chance(50) and self.model.state.products[line.sku].active and self.model.state.warehouses[line.warehouse].active:
            lot = {"lot": self.pick(["L4", "L5"])} if self.model.state.products[line.sku].tracking == "lot" else {}
            more: Line = {"sku": line.sku, "location": self.location(line.warehouse), "qty": self.number(1, 3)} | lot
            self.do("receive", warehouse=line.warehouse, lines=[more], fill_backorders=False)
        holds = [n for n in pinned if n.expires_at and (n.sku, n.warehouse) == (line.sku, line.warehouse) and n.order_ref != line.order_ref]
        if holds and self.chance(70):
            self.let_time_go_by(max(hold.expires_at for hold in self.random.sample(holds, self.number(1, len(holds))) if hold.expires_at))
        self.short_pick(line.order_ref)

    def ship(self, order_ref: str | None = None) -> None:
        """Units gone, in whole or in part."""
        order_ref = order_ref or self.order(unpinned=self.chance(50))
        lines = self.lines_of(order_ref)
        self.do("ship", order_ref=order_ref, **({} if lines is None else {"lines": lines}))

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
        what = self.pick(["allocate", "allocate", "ship", "ship", "ship", "lose", "lose", "lose"] if bins else ["allocate"])
        if what == "lose":
            place = self.pick(bins)
            line: Line = {"sku": place.sku, "location": place.location, "status": place.status, "qty": -self.qty(place.sku, place.pinned)}
            self.do("adjust", warehouse=place.warehouse, lines=[line | ({"lot": place.lot} if place.lot else {})], reason="stolen")
        elif what == "ship" and self.chance(90):
            qty = min(hold.ordered, other.reserved)
            self.do("ship", order_ref=other.order_ref, lines=[{"line": other.line, "warehouse": other.warehouse, "qty": qty}])
        else:
            self.do(what, order_ref=other.order_ref)

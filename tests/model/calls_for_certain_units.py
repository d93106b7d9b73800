"""What lines ask of their units."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

from .calls_for_goods import GoodsCalls
from .state import ZERO, Bin, Line, OrderLine


class CertainUnits(GoodsCalls):
    """reserve for lines that ask for certain units, and losses of such units."""

    def wish(self, sku: str, warehouse: str | None = None) -> Line:
        """What a line asks for, mostly something that there is: a location in its warehouse, a lot, or days left."""
        there = [b for b in self.model.state.bins.values() if b.sku == sku and b.on_hand > 0 and warehouse in (None, b.warehouse)]
        there = [b for b in there if b.free > 0 and not self.model.blocked(b)] or there if self.chance(90) else there
        return self.wish_for(self.pick(there)) if there else {"warehouse": self.warehouse(), "location": "A"}

    def wish_for(self, place: Bin) -> Line:
        """Something that the units of a bin have, or miss by a day."""
        lot = self.model.lot_of(place)
        by = self.number(1, 7) if lot or self.chance(1) else 1
        wish: Line = {}
        if by & 1:
            wish |= {"location": place.location if self.chance(98) else "NONE"} | ({} if self.chance(1) else {"warehouse": place.warehouse})
        if by & 2:
            wish["lot"] = place.lot if lot and self.chance(98) else "L9"
        if by & 4:
            days = (lot.expires_on - self.model.today).days if lot and lot.expires_on else self.number(0, 5)
            wish["min_days_left"] = days + self.pick([0, 0, 0, 1, -1]) if self.chance(1) else max(days - self.pick([0, 0, 1, 2, 9, -1]), 0)
        return wish

    def compete(self) -> None:
        """An order of which some lines ask for the units of one product more or less narrowly, and some do not; up to all units that there are, or one more."""
        bins: dict[str, list[Bin]] = defaultdict(list)
        for place in self.model.state.bins.values():
            if place.free > 0 and not self.model.blocked(place):
                bins[place.sku].append(place)
        if not bins:
            self.receive()
            return
        sku = max(self.random.sample(sorted(bins), self.number(1, len(bins))), key=lambda sku: len(bins[sku]))
        step = self.model.state.products[sku].step
        lines: list[Line] = []
        for place in self.random.sample(bins[sku], self.number(1, len(bins[sku])))[:4]:
            qty = self.pick([place.free, place.free, place.free + step, max(place.free - step, step), self.qty(sku, place.free)])
            lines.append({"sku": sku, "qty": qty} | (self.wish_for(place) if self.chance(80) else {}))
        request: Line = {"on_shortage": self.pick(["partial", "partial", "backorder", "error"])} if self.chance(40) else {}
        if self.chance(30):
            request["ttl"] = self.pick([timedelta(hours=1), timedelta(hours=3)])
        self.do("reserve", order_ref=self.new_order(), lines=lines, **request)

    def lose_what_was_asked_for(self) -> None:
        """Units are lost that somebody asked for, and others come, of the same lot or another; then whoever has not all picks again."""
        pinned = [(n, b) for b in self.model.state.bins.values() for n in b.pins if n.wish.many and self.model.live(n)]
        if not pinned:
            self.compete()
            return
        elsewhere = [(n, b) for n, b in pinned if n.wish.location is None]
        line, place = self.pick(elsewhere if elsewhere and self.chance(60) else pinned)
        lot = {"lot": place.lot} if place.lot else {}
        qty = place.free + self.qty(place.sku, place.pins[line]) if self.chance(80) else Decimal(1)
        if self.chance(35):
            self.miss_what_was_asked_for(line, place)
            return
        about: Line = {"sku": place.sku, "location": place.location, "status": place.status} | lot
        if self.chance(70):
            self.do("adjust", warehouse=place.warehouse, lines=[about | {"qty": -min(qty, place.on_hand)}], reason="broken")
        else:
            self.do("move", warehouse=place.warehouse, lines=[{"sku": place.sku, "from": place.location, "status": place.status, "qty": min(qty, place.on_hand)} | lot
                                                              | self.pick([{"to": self.location(place.warehouse)}, {"to_status": "damaged"}])])  # fmt: skip
        state = self.model.state
        if self.chance(60) and state.products[place.sku].active and state.warehouses[place.warehouse].active:
            other = {"lot": place.lot if self.chance(60) else "L5"} if place.lot else {}
            more: Line = {"sku": place.sku, "location": self.location(place.warehouse) if self.chance(50) else place.location, "qty": self.qty(place.sku, qty)}
            self.do("receive", warehouse=place.warehouse, lines=[more | other], fill_backorders=False)
        if self.chance(60):
            self.do("allocate", order_ref=line.order_ref, **({"on_shortage": self.pick(["partial", "error"])} if self.chance(30) else {}))
        elif self.chance(50):
            self.do("ship", order_ref=line.order_ref)
        else:
            self.do("allocate_next", warehouse=line.warehouse, on_shortage=self.pick(["partial", "reject"]), max_orders=self.pick([1, 5, 50]))

    def miss_what_was_asked_for(self, line: OrderLine, place: Bin) -> None:
        """A picker does not find such units, while there are others, some of which will do."""
        if self.model.state.products[place.sku].active and self.model.state.warehouses[place.warehouse].active:
            lots = sorted({b.lot for b in self.model.bins_at(place.sku, place.warehouse) if b.lot})
            lot = {"lot": place.lot if self.chance(75) else self.pick(lots)} if place.lot else {}
            more: Line = {"sku": place.sku, "location": self.pick(["DEFAULT", "A", "B"]), "qty": Decimal(3)}
            self.do("receive", warehouse=place.warehouse, lines=[more | lot], fill_backorders=False)
        missing: Line = {"line": line.line, "location": place.location, "qty": self.qty(place.sku, place.pins.get(line, ZERO))}
        self.do("short_pick", order_ref=line.order_ref, lines=[missing | ({"lot": place.lot} if place.lot else {})])

"""How the machine chooses what it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from .state import STATUSES, ZERO, Line, OrderLine, Part
from .witness import Witness

T = TypeVar("T")


class Choices(Witness):
    """Names, quantities and orders, mostly such that a call comes to something."""

    skus: list[str]
    places: list[str]
    selling: int
    """Percentage of reservations that come through a sales channel."""
    bundling: bool
    """Whether kits are sold."""

    def pick(self, options: Sequence[T]) -> T:
        """One of these."""
        return self.random.choice(options)

    def number(self, lowest: int, highest: int) -> int:
        """A number of this range."""
        return self.random.randint(lowest, highest)

    def chance(self, percent: int) -> bool:
        """Sometimes."""
        return self.random.random() * 100 < percent

    def sku(self) -> str:
        """A product, or a misnomer."""
        if self.chance(1.5) and self.model.state.kits:
            return self.pick(list(self.model.state.kits))
        return "NONE" if self.chance(0.5) else self.pick(self.skus)

    def warehouse(self) -> str:
        """A warehouse, or a misnomer."""
        return "NONE" if self.chance(0.5) else self.pick(self.places)

    def location(self, warehouse: str) -> str:
        """A location of the warehouse, or a misnomer."""
        places = [place for (code, _), place in self.model.state.locations.items() if code == warehouse]
        usable = [place.code for place in places if place.active or self.chance(5)]
        return "NONE" if not usable or self.chance(0.5) else self.pick(usable)

    def channel(self) -> str:
        """A sales channel, mostly one that is open, or a misnomer."""
        channels = [one.code for one in self.model.state.channels.values() if one.active or self.chance(15)]
        return "NONE" if not channels or self.chance(0.5) else self.pick(channels)

    def through(self) -> str | None:
        """The sales channel that an order comes through, if any."""
        return self.channel() if self.model.state.channels and self.chance(self.selling) else None

    def qty(self, sku: str, most: Decimal = ZERO) -> Decimal:
        """A quantity: small, or all that there is, or one step more or less; seldom a wrong one."""
        product = self.model.state.products.get(sku)
        step = product.step if product else Decimal(1)
        if self.chance(1):
            return self.pick([ZERO, Decimal(-1), step / 10])
        most -= most % step
        if most > 0 and self.chance(25):
            return max(most + self.pick([ZERO, ZERO, -step, step]), step)
        qty = Decimal(self.number(1, 6)) - (self.number(0, 3) * step if self.chance(30) else 0)
        return max(min(qty, most) if most > 0 and self.chance(90) else qty, step)

    def stock_line(self, warehouse: str, *, known: int) -> tuple[Line, Decimal]:
        """A line that names a bin, that percentage of times one with units in it; and how many."""
        there = [b for b in self.model.state.bins.values() if b.warehouse == warehouse and (b.on_hand > 0 or known < 50)]
        pinned = [b for b in there if b.pins]
        if there and self.chance(known):
            place = self.pick(pinned if pinned and self.chance(40) else there)
            line: Line = {"sku": place.sku, "location": place.location, "status": place.status}
            return line | ({"lot": place.lot} if place.lot else {}), place.on_hand
        line = {"sku": self.sku()}
        product = self.model.state.products.get(line["sku"])
        if self.chance(70):
            line["location"] = self.location(warehouse)
        if self.chance(20):
            line["status"] = self.pick(STATUSES)
        if (product is not None and product.tracking == "lot") != self.chance(0.5):
            lots = [code for sku, code in self.model.state.lots if sku == line["sku"]]
            line["lot"] = self.pick(lots if lots and self.chance(known) else ["L1", "L2", "L3"])
        return line, ZERO

    def sourcing(self) -> Line:
        """How warehouses are chosen, and where the goods go; seldom what makes no sense."""
        strategy = self.pick(["priority", "most_stock", "nearest", "least_cost", "least_cost", "fewest_splits", "ship_complete"])
        said: Line = {"strategy": strategy}
        if strategy == "nearest" and self.chance(97):
            said["destination"] = {"latitude": self.number(40, 60), "longitude": self.number(-9, 20) + 0.25}
        elif self.chance(60):
            said["destination"] = {"zone": self.pick(["DE", "FR", "UK"])}
        return said

    @property
    def parts(self) -> list[Part]:
        """All that orders are promised, or wait for."""
        return [*self.model.state.lines, *self.model.state.waiting]

    def lines_of(self, order_ref: str) -> list[Line] | None:
        """What a release or a shipment asks of an order."""
        if self.chance(35):
            return None
        lines: list[Line] = []
        ours = [part for part in self.parts if part.order_ref == order_ref and (part.open > 0 or self.chance(5))]
        for _ in range(self.pick([1, 1, 2, 3])):
            about = self.pick(ours) if ours else None
            line: Line = {}
            by = self.number(1, 7)  # its number, its sku, its warehouse: at least one of the first two, mostly
            if by & 1 and not (about and any(other.get("line") == about.line for other in lines) and self.chance(95)):
                line["line"] = about.line if about else self.number(1, 7)
            if by & 2 or "line" not in line:
                line["sku"] = about.sku if about else self.sku()
            if by & 4 and (about is None or about.warehouse is not None):
                line["warehouse"] = about.warehouse if about else self.warehouse()
            if self.chance(2):
                line.pop("sku", None)
            if self.chance(70):
                most = sum((part.open for part in ours if about and part.line == about.line), ZERO) if self.chance(50) else about.open if about else ZERO
                line["qty"] = self.qty(about.sku if about else "APPLE", most)
            lines.append(line)
        return lines

    def unpinned(self, line: OrderLine) -> Decimal:
        """How many units of a line are not pinned."""
        return line.reserved - self.model.pinned(line)

    def order(self, *, open_only: bool = True, held: bool = False, unpinned: bool = False, pinned: bool = False) -> str:
        """An order, mostly one that has something reserved or waits, or that is held, or not pinned, or pinned."""
        wanted = [part for part in self.parts if part.open > 0 or not open_only]
        if held:
            wanted = [part for part in wanted if part.expires_at is not None]
        if self.chance(75):
            wanted = [part for part in wanted if not self.model.ended(part)] or wanted
        if unpinned:
            wanted = [part for part in wanted if isinstance(part, OrderLine) and self.unpinned(part) > 0] or wanted
        if pinned:
            wanted = [part for part in wanted if isinstance(part, OrderLine) and self.model.pinned(part) > 0] or wanted
        refs = set(self.model.state.orders) if self.chance(6) else {part.order_ref for part in wanted}
        return self.pick(sorted(refs)) if refs and self.chance(98) else f"O-{self.number(1, 99)}"

    def new_order(self, letters: str = "O") -> str:
        """A name that no order has."""
        numbers = [int(ref.split("-")[1]) for ref in self.model.state.orders if "-" in ref]
        return f"{self.pick(letters)}-{max(numbers, default=0) + 1}"

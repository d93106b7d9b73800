"""Calls for kits."""

from __future__ import annotations

from decimal import Decimal

from .calls_for_selling import SellingCalls
from .state import ZERO, Line, OrderLine

KITS = ["CRATE", "HAMPER"]


class KitCalls(SellingCalls):
    """put_kits, and kits reserved, given back, shipped and amended."""

    def change_kit(self) -> None:
        """What it is made of; seldom of what no kit can be made of."""
        if not self.bundling:
            self.reserve()
            return
        kits = self.random.sample(KITS, self.pick([1, 1, 2]))
        self.do("put_kits", lines=[{"sku": kit if self.chance(97) else self.sku(), "components": self.parts_of_a_kit()} for kit in kits])

    def parts_of_a_kit(self) -> list[Line]:
        """Some of the products that there are."""
        if self.chance(4):
            return []
        skus = self.random.sample(self.skus, self.number(1, min(3, len(self.skus))))
        if self.chance(3):
            skus.append(self.pick([*KITS, *self.skus, "NONE"]))
        return [{"sku": sku, "qty": self.units_in_a_kit(sku)} for sku in skus]

    def units_in_a_kit(self, sku: str) -> Decimal:
        """How many; of what is measured, a fraction too."""
        step = self.model.state.products[sku].step if sku in self.model.state.products else Decimal(1)
        return ZERO if self.chance(1) else self.pick([Decimal(1), Decimal(1), Decimal(2), Decimal(1) + step, 5 * step])

    def whole(self, kit: str, channel: str | None, warehouse: str | None = None) -> Decimal:
        """How many kits all components allow now, from wherever."""
        if channel is not None and channel not in self.model.state.channels:
            channel = None
        kits = [self.units_for(sku, channel, warehouse) // each for sku, each in self.model.components(kit)]
        return min(kits, default=ZERO)

    def units_for(self, sku: str, channel: str | None, warehouse: str | None) -> Decimal:
        """How many units could be promised."""
        places = [place for place in self.model.sources(sku) if warehouse in (None, place)]
        return sum((max(self.model.free_now((sku, place), channel), ZERO) for place in places), ZERO)

    def reserve_kits(self) -> None:
        """Kits, often with some of a component, or others: all that there are, or one more, or few."""
        if not self.bundling:
            self.reserve()
            return
        kits = [kit for kit in KITS if self.model.is_kit(kit)]
        if not kits:
            self.change_kit()
            return
        request: Line = {"order_ref": self.order(open_only=self.chance(85)) if self.chance(30) else self.new_order(), "lines": []}
        seller = self.through()
        if seller is not None:
            request["channel"] = seller
        here = self.warehouse()
        for _ in range(self.pick([1, 1, 2, 3])):
            kit = self.pick(kits)
            line: Line = {"sku": kit}
            if self.chance(40):
                line["warehouse"] = here if self.chance(75) else self.warehouse()
            if request["lines"] and self.chance(50):
                line["sku"] = self.pick(list(self.model.state.kits[kit]))
                line["qty"] = self.qty(line["sku"], self.units_for(line["sku"], None, line.get("warehouse")) / self.pick([1, 2]))
            else:
                line["qty"] = self.qty(kit, self.whole(kit, seller, line.get("warehouse")) // self.pick([1, 1, 2]))
            if self.chance(12):
                line["line"] = self.number(1, 9) * 10 + len(request["lines"])
            request["lines"].append(line)
        if self.chance(10):
            request["warehouse"] = self.warehouse()
        if self.chance(65):
            request["on_shortage"] = self.pick(["error", "reject", "partial", "partial", "partial", "backorder"])
        if self.chance(self.holding // 2):
            request["ttl"] = self.ttl()
        if self.chance(25):
            request |= self.sourcing()
            if request["strategy"] == "ship_complete" and self.chance(95):
                request["on_shortage"] = self.pick(["reject", "error"])
        self.do("reserve", **request | self.details())

    def open_kits(self) -> list[OrderLine]:
        """Components of kits that are promised."""
        return [n for n in self.model.state.lines if n.kit is not None and self.model.live(n)]

    def return_kits(self) -> None:
        """Kits, or a component of some, given back, shipped, not pinned any more, or amended."""
        parts = self.open_kits()
        if not parts or self.chance(15):
            self.reserve_kits()
            return
        about = self.pick(parts)
        if about.expires_at is not None and self.chance(40):
            self.confirm(about.order_ref)
            return
        what = self.pick(["release", "release", "ship", "ship", "deallocate", "deallocate", "amend", "amend", "amend", "amend"])
        if what == "deallocate" and not self.model.pinned(about):
            self.do("allocate", order_ref=about.order_ref)
        lines = [self.entry_of_kits(about, in_all=what == "amend")]
        if self.chance(30):
            lines.append(self.entry_of_kits(self.pick([n for n in parts if n.order_ref == about.order_ref]), in_all=what == "amend"))
        if what == "amend" and self.chance(40):
            lines[0]["warehouse"] = self.warehouse()
        how = {"on_shortage": self.pick(["reject", "partial", "partial", "partial", "backorder"])} if what == "amend" and self.chance(75) else {}
        self.do(what, order_ref=about.order_ref, lines=lines, **how)

    def entry_of_kits(self, about: OrderLine, *, in_all: bool) -> Line:
        """An entry that names a line of kits by its number or its kit, or a component of it, and how many of it."""
        by = self.pick(["line", "line", "kit", "kit", "both", "component", "component"])
        entry: Line = {} if by == "kit" else {"line": about.line}
        if by in ("kit", "both"):
            entry["sku"] = about.kit
        elif by == "component":
            entry["sku"] = about.sku
        each = Decimal(1) if by == "component" else about.each
        same = [n for n in self.model.lines_of(about.order_ref) if (n.line, n.sku) == (about.line, about.sku)]
        there = sum((n.reserved for n in same if self.model.live(n)), ZERO) // each
        if in_all:
            gone = sum((n.shipped for n in same), ZERO) // each
            more = self.whole(about.kit, about.channel) if about.kit and self.model.is_kit(about.kit) else Decimal(2)
            entry["qty"] = max(there + gone + self.pick([-1, -1, -there, 0, 1, 2, more, more + 1, more + 1, more + 3]), ZERO)
        elif self.chance(80):
            entry["qty"] = self.qty(about.sku if by == "component" else about.kit or about.sku, there)
        if self.chance(10):
            entry["qty"] = entry.get("qty", ZERO) + Decimal("0.5")
        if self.chance(15) and not in_all:
            entry["warehouse"] = about.warehouse
        return entry

"""Calls that change what an order wants."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from .calls_for_picking import PickingCalls
from .state import ZERO, Line, OrderLine, Part, Waiting


class AmendmentCalls(PickingCalls):
    """amend."""

    def amend(self, order_ref: str | None = None) -> None:
        """More of some lines, less of others, as much as there was of others, and sometimes something new."""
        sure = [n.order_ref for n in self.model.state.lines if n.wish.many and self.model.live(n)]
        order_ref = order_ref or (self.pick(sure) if sure and self.chance(30) else self.order())
        keys = sorted({(part.line, part.sku) for part in self.model.parts_of(order_ref) if part.open > 0 or self.chance(20)})
        lines: list[Line] = []
        for _ in range(self.pick([1, 1, 1, 2, 2, 3])):
            if not keys or self.chance(20):
                entry: Line = {"sku": self.sku(), "qty": self.qty("APPLE")}
                if self.chance(25):
                    entry["line"] = self.number(1, 30)
            else:
                line, sku = self.pick(keys)
                if self.chance(95):
                    keys.remove((line, sku))
                entry = self.naming(line, sku, order_ref)
                entry["qty"] = self.what_it_is_to_be(order_ref, line, sku)
            if self.chance(20):
                entry["warehouse"] = self.warehouse()
            lines.append(entry)
        self.do("amend", order_ref=order_ref, lines=lines, **self.how_to_amend())

    def shift(self, order_ref: str | None = None) -> None:
        """From one line to another, or a new one, of the same product: up to the last unit, or one more or less."""
        wanted = [n for n in self.model.state.lines if self.model.live(n) and order_ref in (None, n.order_ref)]
        wanted = [n for n in wanted if self.model.pinned(n) > 0] or wanted if self.chance(40) else wanted
        if not wanted:
            self.reserve()
            return
        giving = self.pick(wanted)
        step = self.model.state.products[giving.sku].step
        parts = [part for part in self.model.parts_of(giving.order_ref) if part.sku == giving.sku]
        left = giving.shipped + self.pick([ZERO, ZERO, step, giving.reserved - step])
        places = [giving.warehouse] if self.chance(50) else self.model.sources(giving.sku)
        there = sum((max(self.model.level(giving.sku, place)["available"], ZERO) for place in places), ZERO)
        more = there + self.had(parts, giving.line) - left + self.pick([ZERO, ZERO, step, -step])
        sure = {part.line for part in parts if isinstance(part, OrderLine) and part.wish.many and part.line != giving.line}
        others = sorted(sure if sure and giving.wish.many and self.chance(70) else {part.line for part in parts if part.line != giving.line})
        lines: list[Line] = [{"line": giving.line, "qty": left}]
        if others and self.chance(60):
            number = self.pick(others)
            lines.append({"line": number, "qty": more + self.had(parts, number)})
        else:
            lines.append({"sku": giving.sku, "line": max(part.line for part in parts) + self.number(1, 2), "qty": max(more, step)})
        if len(places) == 1:
            lines[1]["warehouse"] = giving.warehouse
        self.random.shuffle(lines)
        self.do("amend", order_ref=giving.order_ref, lines=lines, **self.how_to_amend())

    def outlive(self) -> None:
        """An order is changed of which something has ended, or takes less of a queue in which something has."""
        held = [part for part in self.parts if self.model.live(part) and part.expires_at is not None]
        waiting = [(one, other) for one in held for other in self.model.state.waiting
                   if isinstance(one, Waiting) and one.sku == other.sku and one is not other and self.model.live(other)]  # fmt: skip
        if waiting and self.chance(40):
            ending, staying = self.pick(waiting)
            assert ending.expires_at is not None
            self.let_time_go_by(ending.expires_at)
            parts = [part for part in self.model.parts_of(staying.order_ref) if part.sku == staying.sku]
            step = self.model.state.products[staying.sku].step
            self.do("amend", order_ref=staying.order_ref, lines=[{"line": staying.line, "qty": max(self.had(parts, staying.line) - step, ZERO)}])
            return
        if not held:
            self.reserve()
            return
        hold = self.pick(held)
        assert hold.expires_at is not None
        if not any(self.model.live(part) and part.expires_at != hold.expires_at for part in self.model.parts_of(hold.order_ref)):
            longer: Line = {"ttl": hold.expires_at - self.model.now + timedelta(hours=1)} if self.chance(40) else {}
            self.do("reserve", order_ref=hold.order_ref, lines=[{"sku": self.pick([hold.sku, self.sku()]), "qty": 1}], on_shortage=self.pick(["partial", "backorder"]), **longer)
        self.let_time_go_by(hold.expires_at)
        self.amend(hold.order_ref)

    def had(self, parts: list[Part], line: int) -> Decimal:
        """What a line has, and what was shipped of it."""
        mine = [part for part in parts if part.line == line]
        return sum((part.open for part in mine if self.model.live(part)), ZERO) + sum((n.shipped for n in mine if isinstance(n, OrderLine)), ZERO)

    def naming(self, line: int, sku: str, order_ref: str) -> Line:
        """How an entry names a line: by its number, by its product, or both; seldom wrongly."""
        only = len({part.line for part in self.model.parts_of(order_ref) if part.sku == sku and part.open > 0}) == 1
        if only and self.chance(40):
            return {"sku": sku}
        return {"line": line} | ({"sku": sku if self.chance(97) else self.sku()} if self.chance(40) else {})

    def what_it_is_to_be(self, order_ref: str, line: int, sku: str) -> Decimal:
        """Less than it is, all that it is, or more."""
        parts = [part for part in self.model.parts_of(order_ref) if part.sku == sku]
        had, step = self.had(parts, line), self.model.state.products[sku].step
        there = sum((max(self.model.level(sku, place)["available"], ZERO) for place in self.model.sources(sku)), ZERO)
        way = self.number(1, 100)
        if way <= 40:
            return max(had - self.qty(sku, had), ZERO)
        if way <= 60:
            return self.pick([ZERO, had, had, sum((n.shipped for n in parts if isinstance(n, OrderLine) and n.line == line), ZERO)])
        return had + (there + self.pick([ZERO, step, -step]) if self.chance(30) else self.qty(sku, there))

    def how_to_amend(self) -> Line:
        """What if there is not enough, and why."""
        said: Line = {"on_shortage": self.pick(["partial", "backorder", "backorder", "error"])} if self.chance(45) else {}
        if self.chance(15):
            said |= self.sourcing()
            if said["strategy"] == "ship_complete" and self.chance(95):
                said.pop("on_shortage", None)
        return said | ({"reason": "changed my mind"} if self.chance(20) else {})

"""Calls that promise, let wait, give back, hold and confirm."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from .calls_for_certain_units import CertainUnits
from .state import ZERO, Line, OrderLine


class OrderCalls(CertainUnits):
    """reserve, release, cancel, extend, confirm, expire_reservations, fill_backorders."""

    holding: int
    """Percentage of reservations that are holds."""

    def reservation(self, many: int, *, named: int) -> Line:
        """A request to reserve: so many lines, that percentage of them at a named warehouse."""
        request: Line = {"order_ref": self.order(open_only=self.chance(85)) if self.chance(30) else self.new_order(), "lines": []}
        certain = self.chance(20)
        seller = self.through()
        if seller is not None:
            request["channel"] = seller
        free = {key: self.model.free_now(key, seller if seller in self.model.state.channels else None) for key in self.model.state.entries}
        sellable = sorted({sku for (sku, _), qty in free.items() if qty > 0})
        for _ in range(many):
            previous: list[Line] = request["lines"]
            repeated = bool(previous) and self.chance(25)
            line: Line = {"sku": previous[-1]["sku"] if repeated else self.pick(sellable) if sellable and self.chance(93) else self.sku()}
            if self.chance(named):
                line["warehouse"] = self.warehouse()
            there = [key for key in self.model.state.entries if key[0] == line["sku"] and key[1] == line.get("warehouse", key[1])]
            levels = [free[key] for key in there if free[key] > 0]
            most = self.pick([*levels, sum(levels, ZERO)]) if levels else ZERO
            line["qty"] = self.qty(line["sku"], most / many / self.pick([1, 2]) if self.chance(70) else most)
            if certain and self.chance(70):
                line |= self.wish(line["sku"], line.get("warehouse"))
            if self.chance(12):
                line["line"] = self.number(1, 9) * 10 + len(previous)
            previous.append(line)
        if self.chance(10):
            request["warehouse"] = self.warehouse()
        if self.chance(40):
            request["on_shortage"] = self.pick(["error", "reject", "partial", "partial", "backorder"])
        if self.chance(20):
            request |= self.sourcing()
            if request["strategy"] == "ship_complete" and self.chance(95):
                request["on_shortage"] = self.pick(["reject", "reject", "error"])
        if self.chance(self.holding):
            request["ttl"] = self.ttl()
        return request | self.details()

    def details(self) -> Line:
        """What an application says of an order."""
        said: Line = {}
        if self.chance(35):
            said["priority"] = self.pick([-1, 0, 1, 1, 5])
        if self.chance(25):
            said["promised_at"] = datetime(2026, 1, self.number(1, 3), tzinfo=UTC)
        if self.chance(15):
            said["metadata"] = {self.pick("abc"): self.number(1, 9)}
        return said

    def ttl(self) -> timedelta:
        """A time to live; seldom a wrong one."""
        if self.chance(1):
            return self.pick([timedelta(0), -timedelta(minutes=1), timedelta(days=3654)])
        return self.pick([timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=5), timedelta(days=1), timedelta(days=3, minutes=5)])

    def reserve(self) -> None:
        """A promise, wherever there is stock or partly at warehouses that the lines name."""
        ended = [n for n in self.model.state.lines if self.model.ended(n)]
        if ended and self.chance(25 if len(ended) == 1 else 40):
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
        self.do("reserve", order_ref=self.new_order(), lines=lines, **({"on_shortage": "backorder"} if len(lines) == 1 and self.chance(25) else {}))

    def reserve_beyond(self, seller: str | None = None) -> None:
        """More than there is; up to the unit that may wait, or one more or less; sometimes a product that has no stock besides."""
        sku = self.pick(self.skus)
        product = self.model.state.products[sku]
        waiting = [w.order_ref for w in self.model.state.waiting if w.sku == sku and self.model.live(w)]
        request: Line = {"order_ref": self.new_order(), "on_shortage": "backorder"}
        if self.chance(30):
            request["order_ref"] = self.pick(waiting) if waiting and self.chance(60) else self.order()
        seller = seller or self.through()
        line: Line = {"sku": sku}
        places = self.model.sources(sku)
        if self.chance(35):
            line |= {"warehouse": self.pick(self.places)} | (self.wish(sku) if self.chance(15) else {})
            places = [place for place in places if place == line["warehouse"]]
        if seller is not None:
            request["channel"] = seller
        there = sum((max(self.model.free_now((sku, place), seller if seller in self.model.state.channels else None), ZERO) for place in places), ZERO)
        more = Decimal(self.number(1, 5))
        if product.backorder_limit is not None and self.chance(60):
            more = product.backorder_limit - self.model.waits(sku) + self.pick([ZERO, ZERO, product.step, -product.step])
        qty = (there if self.chance(60) else ZERO) + more
        line["qty"] = max(qty - qty % product.step, product.step)
        lines = [line]
        if self.chance(20):
            lines.append({"sku": self.sku(), "qty": Decimal(self.number(1, 5))})
        if self.chance(15):
            request["on_shortage"] = "partial"
        if self.chance(min(self.holding, 45)):
            request["ttl"] = self.ttl()
        self.do("reserve", **request, lines=lines, **self.details())

    def fill_backorders(self) -> None:
        """What came free goes to who waits."""
        max_rows = 0 if self.chance(2) else self.pick([1, 1, 2, 3, 1000, 1000])
        self.do("fill_backorders", anonymously=self.chance(30), max_rows=max_rows)

    def release(self, order_ref: str | None = None) -> None:
        """A promise given back, in whole or in part; often by an order that waits for a product more than once."""
        waiting = Counter((w.order_ref, w.sku) for w in self.model.state.waiting if self.model.live(w))
        several = [key for key, parts in waiting.items() if parts > 1 and order_ref in (None, key[0])]
        if several and self.chance(60):
            ref, sku = self.pick(several)
            most = sum((w.backordered for w in self.model.waiting_of(ref) if w.sku == sku), ZERO)
            self.do("release", order_ref=ref, lines=[{"sku": sku, "qty": self.qty(sku, most)}])
            return
        order_ref = order_ref or self.order()
        lines = self.lines_of(order_ref)
        self.do("release", order_ref=order_ref, **({} if lines is None else {"lines": lines}))

    def extend(self, order_ref: str | None = None) -> None:
        """Holds that last longer."""
        self.do("extend", order_ref=order_ref or self.order(held=self.chance(90)), ttl=self.ttl())

    def confirm(self, order_ref: str | None = None) -> None:
        """Holds that become promises without end: in their order, a new one or one that is there."""
        request: Line = {"order_ref": order_ref or self.order(held=self.chance(90))}
        new = self.new_order("AS")
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

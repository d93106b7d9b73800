"""What reserve does."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from .returns import Returns
from .state import ZERO, LevelKey, Line, OrderLine, Refused, Row, Waiting, plain

PartKey = tuple[int, str, str]


class Promises(Returns):
    """reserve."""

    def _reserve(
        self,
        order_ref: str,
        lines: list[Line],
        warehouse: str | None = None,
        on_shortage: str = "reject",
        ttl: timedelta | None = None,
        priority: int | None = None,
        promised_at: datetime | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> list[Row]:
        if ttl is not None:
            self._check_ttl(ttl)
        self._check_numbers(lines, "line")
        for n, line in enumerate(lines, 1):
            product = self.state.products.get(line["sku"])
            place = line.get("warehouse", warehouse)
            if product is None:
                raise Refused("OS101", n)
            if not product.active:
                raise Refused("OS102", n)
            if place is not None and place not in self.state.warehouses:
                raise Refused("OS103", n)
            if place is not None and not self.state.warehouses[place].active:
                raise Refused("OS104", n)
            if line["qty"] <= 0 or not product.fits(line["qty"]):
                raise Refused("OS110", n)
        wanted = self._wanted(order_ref, lines, warehouse)
        levels = [key for key in self.state.entries if any(key[0] == w["sku"] and w["warehouse"] in (None, key[1]) for w in wanted)]
        parts = self._source(wanted)
        if any(self._due_bins(*key) for key in levels) or self._missing(wanted, parts):
            units: dict[str, Decimal] = defaultdict(Decimal)
            for w in wanted:
                units[w["sku"]] += w["qty"]
            self._make_room(units, levels, self._ended_waiting(units) if on_shortage == "backorder" else [])
            parts = self._source(wanted)

        missing = self._missing(wanted, parts)
        waiting: list[Line] = []
        if missing and on_shortage == "backorder":
            short: dict[str, Decimal] = defaultdict(Decimal)
            for w in missing:
                short[w["sku"]] += w["qty"]
            waiting = missing if self._may_wait(short) else []
        if not missing or waiting or (on_shortage == "partial" and parts):
            rows = self._promise(order_ref, wanted, parts, waiting, None if ttl is None else self.now + ttl)
            order = self.state.orders[order_ref]
            order.priority = order.priority if priority is None else priority
            order.promised_at = promised_at or order.promised_at
            order.metadata |= metadata or {}
            return rows + ([] if waiting else [self._short_row(order_ref, w, "short", ZERO) for w in missing])
        if on_shortage == "error":
            raise Refused("OS201")
        if on_shortage == "partial":
            return [self._short_row(order_ref, w, "short", ZERO) for w in wanted]
        found = {w["line"]: sum((qty for (line, _, _), qty in parts.items() if line == w["line"]), ZERO) for w in wanted}
        return [self._short_row(order_ref, w, "rejected", found[w["line"]]) for w in wanted]

    def _wanted(self, order_ref: str, lines: list[Line], warehouse: str | None) -> list[Line]:
        """The lines of the call, those without a number that ask for the same as one; numbered after the order's."""
        wanted: list[Line] = []
        for line in lines:
            ask = {"line": line.get("line"), "sku": line["sku"], "warehouse": line.get("warehouse", warehouse)}
            same = [w for w in wanted if all(w[key] == ask[key] for key in ask)]
            if same:
                same[0]["qty"] += line["qty"]
            else:
                wanted.append(ask | {"qty": line["qty"]})

        self._check_is_open(order_ref)
        numbers = [part.line for part in self.parts_of(order_ref)]
        if any(w["line"] in numbers for w in wanted):
            raise Refused("OS304")
        highest = max([0, *numbers, *(w["line"] for w in wanted if w["line"])])
        for w in wanted:
            if w["line"] is None:
                highest += 1
                w["line"] = highest
        return wanted

    def _promise(
        self, order_ref: str, wanted: list[Line], parts: dict[PartKey, Decimal], waiting: list[Line], until: datetime | None
    ) -> list[Row]:
        """Write what is promised, then what waits, line by line."""
        self._order(order_ref)
        rows = []
        numbers = [w["line"] for w in wanted]
        in_turn = sorted(parts, key=lambda p: (numbers.index(p[0]), self.state.warehouses[p[2]].priority, p[2]))
        ages = {part: next(self._ages) for part in in_turn}
        for part in sorted(parts, key=lambda p: (p[0], ages[p])):
            number, sku, place = part
            new = OrderLine(order_ref, number, sku, place, ages[part], self.now, parts[part], parts[part], expires_at=until)
            self.state.lines.append(new)
            self._write_promise("RESERVE", new, new.reserved, expires_at=until)
            rows.append(self._row(new, "reserved"))
        for w in sorted(waiting, key=lambda w: w["line"]):
            queued = Waiting(
                order_ref, w["line"], w["sku"], w["warehouse"], next(self._ages), self.now, self.now, w["qty"], expires_at=until
            )
            self.state.waiting.append(queued)
            self._write("BACKORDER", queued, backordered_delta=queued.backordered, expires_at=until)
            rows.append(self._row(queued, "backordered"))
        return rows

    @staticmethod
    def _missing(wanted: list[Line], parts: dict[PartKey, Decimal]) -> list[Line]:
        """What of the lines no part covers."""
        rest = [w | {"qty": w["qty"] - sum((qty for (line, _, _), qty in parts.items() if line == w["line"]), ZERO)} for w in wanted]
        return [w for w in rest if w["qty"] > 0]

    def _asked(self, wanted: Line) -> list[str]:
        """The warehouses that a line asks, first choice first."""
        return [code for code in self.sources(wanted["sku"]) if wanted["warehouse"] in (None, code)]

    def _source(self, wanted: list[Line]) -> dict[PartKey, Decimal]:
        """Which warehouse promises how much to each line: unit by unit."""
        left: dict[LevelKey, Decimal] = {}
        parts: dict[PartKey, Decimal] = defaultdict(Decimal)
        for w in sorted(wanted, key=lambda w: w["warehouse"] is None):
            step, need = self.state.products[w["sku"]].step, w["qty"]
            for place in self._asked(w):
                key = w["sku"], place
                left.setdefault(key, self.booked(*key)["available"])
                while need > 0 and left[key] >= step:
                    left[key] -= step
                    need -= step
                    parts[w["line"], w["sku"], place] += step
        return dict(parts)

    def _short_row(self, order_ref: str, w: Line, outcome: str, found: Decimal) -> Row:
        """What is not promised of a line, and what the warehouses asked have."""
        levels = {place: self.level(w["sku"], place) for place in self._asked(w)}
        offers = [{"warehouse": place, "available": at["available"]} for place, at in levels.items() if at["available"] > 0]
        return {
            "order_ref": order_ref,
            "line": w["line"],
            "sku": w["sku"],
            "warehouse": w["warehouse"],
            "outcome": outcome,
            "qty_ordered": w["qty"],
            "qty_reserved": ZERO,
            "qty_backordered": ZERO,
            "qty_short": w["qty"] - found,
            "qty_released": ZERO,
            "expires_at": None,
            **{key: sum((at[key] for at in levels.values()), ZERO) for key in ("on_hand", "blocked", "reserved")},
            "available": sum((max(at["available"], ZERO) for at in levels.values()), ZERO),
            "offers": plain(offers),
            "replayed": False,
        }

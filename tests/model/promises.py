"""What the functions for orders do."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from .holds import Holds
from .state import ZERO, Bin, BinKey, Entry, LevelKey, Line, OrderLine, Refused, Row


class Promises(Holds):
    """reserve, release, cancel, allocate, ship."""

    def _reserve(
        self,
        order_ref: str,
        lines: list[Line],
        warehouse: str | None = None,
        on_shortage: str = "reject",
        ttl: timedelta | None = None,
    ) -> list[Row]:
        if ttl is not None:
            self._check_ttl(ttl)
        self._check_numbers(lines)
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
        wanted: list[Line] = []
        for line in lines:
            ask = {"line": line.get("line"), "sku": line["sku"], "warehouse": line.get("warehouse", warehouse)}
            same = [w for w in wanted if all(w[key] == ask[key] for key in ask)]
            if same:
                same[0]["qty"] += line["qty"]
            else:
                wanted.append(ask | {"qty": line["qty"]})

        self._check_is_open(order_ref)
        numbers = [n.line for n in self.lines_of(order_ref)]
        if any(w["line"] in numbers for w in wanted):
            raise Refused("OS304")
        highest = max([0, *numbers, *(w["line"] for w in wanted if w["line"])])
        for w in wanted:
            if w["line"] is None:
                highest += 1
                w["line"] = highest

        levels = [key for key in self.state.entries if any(key[0] == w["sku"] and w["warehouse"] in (None, key[1]) for w in wanted)]
        asked = sum((w["qty"] for w in wanted), ZERO)
        parts = self._source(wanted)
        if any(self._due_bins(*key) for key in levels) or asked > sum(parts.values(), ZERO):
            self._make_room(wanted, levels)
            parts = self._source(wanted)
        if asked > sum(parts.values(), ZERO):
            if on_shortage == "error":
                raise Refused("OS201")
            return [self._rejected(order_ref, w, parts) for w in wanted]
        rows = []
        until = None if ttl is None else self.now + ttl
        numbers = [w["line"] for w in wanted]
        in_turn = sorted(parts, key=lambda p: (numbers.index(p[0]), self.state.warehouses[p[2]].priority, p[2]))
        ages = {part: next(self._ages) for part in in_turn}
        for part in sorted(parts, key=lambda p: (p[0], ages[p])):
            number, sku, place = part
            new = OrderLine(order_ref, number, sku, place, ages[part], parts[part], parts[part], until)
            self.state.lines.append(new)
            self._promise("RESERVE", new, number, new.reserved, expires_at=until)
            rows.append(self._reservation_row(new, "reserved"))
        return rows

    @staticmethod
    def _check_numbers(lines: list[Line], *keys: str) -> None:
        """Each line number is given once, or once with each warehouse."""
        numbers = [tuple(line.get(key) for key in keys or ["line"]) for line in lines if "line" in line]
        if len(numbers) > len(set(numbers)):
            raise Refused("22023")

    def _asked(self, wanted: Line) -> list[str]:
        """The warehouses that a line asks, first choice first."""
        active = [
            w.code
            for w in sorted(self.state.warehouses.values(), key=lambda w: (w.priority, w.code))
            if w.active and (wanted["sku"], w.code) in self.state.entries
        ]
        return [code for code in active if wanted["warehouse"] in (None, code)]

    def _source(self, wanted: list[Line]) -> dict[tuple[int, str, str], Decimal]:
        """Which warehouse promises how much to each line: unit by unit."""
        left: dict[LevelKey, Decimal] = {}
        parts: dict[tuple[int, str, str], Decimal] = defaultdict(Decimal)
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

    def _rejected(self, order_ref: str, w: Line, parts: dict[tuple[int, str, str], Decimal]) -> Row:
        levels = [self.level(w["sku"], place) for place in self._asked(w)]
        found = sum((qty for (line, _, _), qty in parts.items() if line == w["line"]), ZERO)
        return {
            "order_ref": order_ref,
            "line": w["line"],
            "sku": w["sku"],
            "warehouse": w["warehouse"],
            "outcome": "rejected",
            "qty_ordered": w["qty"],
            "qty_reserved": ZERO,
            "qty_short": w["qty"] - found,
            "qty_released": ZERO,
            "expires_at": None,
            **{key: sum((at[key] for at in levels), ZERO) for key in ("on_hand", "blocked", "reserved")},
            "available": sum((max(at["available"], ZERO) for at in levels), ZERO),
            "replayed": False,
        }

    def _release(self, order_ref: str, lines: list[Line] | None = None) -> list[Row]:
        return self._give_back(order_ref, lines, "released", None)

    def _cancel(self, order_ref: str, reason: str | None = None) -> list[Row]:
        return self._give_back(order_ref, None, "cancelled", reason or "cancelled")

    def _give_back(self, order_ref: str, lines: list[Line] | None, outcome: str, reason: str | None) -> list[Row]:
        rows = []
        taken = self._take(order_ref, lines)
        for line, qty in taken:
            bins = self._bins_of(line)
            pinned = sum((b.pins[line] for b in bins), ZERO)
            step = self.state.products[line.sku].step
            while pinned > line.reserved - qty:
                self._unpin(line, bins[-1], step)
                pinned -= step
                if line not in bins[-1].pins:
                    bins.pop()
        for line, qty in taken:
            line.reserved -= qty
            line.released += qty
            self._promise("RELEASE", line, line.line, -qty, reason=reason)
            rows.append(self._reservation_row(line, outcome, qty))
        return rows

    def _take(self, order_ref: str, lines: list[Line] | None) -> list[tuple[OrderLine, Decimal]]:
        """How much a release or a shipment takes of each open line of an order."""
        self._check_numbers(lines or [], "line", "warehouse")
        self._check_something_is_open(order_ref)
        open_lines = sorted(self.open_lines(order_ref), key=lambda n: (n.line, n.rank))
        self._settle((n.sku, n.warehouse) for n in self.lines_of(order_ref) if n.reserved > 0)
        if lines is None:
            return [(n, n.reserved) for n in open_lines]

        asked: dict[tuple[Any, ...], list[tuple[int, Decimal | None]]] = {}
        for n, line in enumerate(lines, 1):
            asked.setdefault((line.get("line"), line.get("sku"), line.get("warehouse")), []).append((n, line.get("qty")))
        matched = {
            key: [n for n in open_lines if all(k in (None, v) for k, v in zip(key, (n.line, n.sku, n.warehouse), strict=True))]
            if key[:2] != (None, None)
            else []
            for key in asked
        }
        taken = []
        for key, amounts in asked.items():
            n = amounts[0][0]
            if key[0] is None and key[1] is None:
                raise Refused("22023", n)
            given = [qty for _, qty in amounts if qty is not None]
            if given and min(given) <= 0:
                raise Refused("OS110", n)
            total = sum(given, ZERO) if len(given) == len(amounts) else None
            if total is not None and not all(self.state.products[m.sku].fits(total) for m in matched[key]):
                raise Refused("OS110", n)
            if any(m in others for m in matched[key] for other, others in matched.items() if other != key):
                raise Refused("22023", n)
            reserved = sum((m.reserved for m in matched[key]), ZERO)
            if not matched[key] or (total is not None and total > reserved):
                raise Refused("OS303", n)
            left = reserved if total is None else total
            for m in matched[key]:
                if left > 0:
                    taken.append((m, min(left, m.reserved)))
                    left -= min(left, m.reserved)
        return taken

    def _allocate(self, order_ref: str, removal: str | None = None, on_shortage: str | None = "partial") -> list[Row]:
        self._check_something_is_open(order_ref)
        needs = {n: n.reserved - sum((b.pins[n] for b in self._bins_of(n)), ZERO) for n in self.open_lines(order_ref)}
        needs = {n: need for n, need in needs.items() if need > 0}
        picks = self._pick(needs, removal)
        if sum(picks.values(), ZERO) < sum(needs.values(), ZERO) and self._free_pins(needs):
            picks = self._pick(needs, removal)
        if sum(picks.values(), ZERO) < sum(needs.values(), ZERO):
            if on_shortage == "error":
                raise Refused("OS201")
            if on_shortage == "reject":
                picks = {}
        rows = []
        for line in sorted(needs, key=lambda n: (n.line, n.rank)):
            bins = [self.state.bins[key] for owner, key in picks if owner is line]
            bins.sort(key=lambda b: self._pick_order(b, removal or self.state.products[b.sku].removal))
            for place in bins:
                rows.append(self._allocation_row(line, place, "allocated", picks[line, self._key_of(place)]))
            missing = needs[line] - sum((qty for (owner, _), qty in picks.items() if owner is line), ZERO)
            if missing > 0:
                rows.append(self._allocation_row(line, None, "short", missing))
        for (line, key), qty in picks.items():
            self._pin(line, self.state.bins[key], qty)
            self.state.first_pinned_at.setdefault((line, key), (self._calls, 0))
        return rows

    def _allocation_row(self, line: OrderLine, place: Bin | None, outcome: str, qty: Decimal) -> Row:
        lot = self.lot_of(place) if place else None
        return {
            "order_ref": line.order_ref,
            "line": line.line,
            "sku": line.sku,
            "warehouse": line.warehouse,
            "location": place.location if place else None,
            "lot": place.lot if place else None,
            "expires_on": lot.expires_on if lot else None,
            "outcome": outcome,
            "qty": qty,
            "replayed": False,
        }

    def _ship(self, order_ref: str, lines: list[Line] | None = None) -> list[Row]:
        taken = self._take(order_ref, lines)
        pinned: dict[tuple[OrderLine, BinKey], Decimal] = defaultdict(Decimal)
        needs: dict[OrderLine, Decimal] = {}
        for line, qty in taken:
            step, need = self.state.products[line.sku].step, qty
            for place in self._bins_of(line):
                key = self._key_of(place)
                while need > 0 and pinned[line, key] < place.pins[line]:
                    pinned[line, key] += step
                    need -= step
            if need > 0:
                needs[line] = need
        free = self._pick(needs, None)
        if sum(free.values(), ZERO) < sum(needs.values(), ZERO) and self._free_pins(needs):
            free = self._pick(needs, None)
        if sum(free.values(), ZERO) < sum(needs.values(), ZERO):
            raise Refused("OS201")

        leaving = [(line, key, qty, True) for (line, key), qty in pinned.items() if qty > 0]
        leaving += [(line, key, qty, False) for (line, key), qty in free.items()]
        leaving.sort(key=lambda part: (part[0].line, part[0].rank, not part[3], self.state.bins[part[1]].rank))
        rows = []
        for line, key, qty, was_pinned in leaving:
            place = self.state.bins[key]
            if was_pinned:
                self._unpin(line, place, qty)
            line.reserved -= qty
            line.shipped += qty
            row = self._apply(Entry(line.line, place, -qty, "SHIP"))
            del row["status"], row["event_type"]
            rows.append({"order_ref": line.order_ref} | row | {"qty": qty})
        return rows

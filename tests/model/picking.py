"""What the functions do that pin units to bins and send them out."""

from __future__ import annotations

import pickle
from collections import defaultdict
from decimal import Decimal

from .amendments import Amendments
from .orders import total
from .state import ZERO, Bin, BinKey, Entry, Line, OrderLine, Refused, Row

Needs = dict[OrderLine, Decimal]
Picks = dict[tuple[OrderLine, BinKey], Decimal]


class Picking(Amendments):
    """allocate, allocate_next, deallocate, short_pick, ship."""

    # --- pinning -----------------------------------------------------------------------------------------------------

    def _allocate(self, order_ref: str, removal: str | None = None, on_shortage: str | None = "partial") -> list[Row]:
        self._check_something_is_open(order_ref)
        needs = self._needs(self.open_lines(order_ref))
        picks = self._find(needs, removal)
        if total(picks) < total(needs):
            if on_shortage == "error":
                raise Refused("OS201")
            if on_shortage == "reject":
                picks = {}
        return self._pin_all(needs, picks, removal)

    def _needs(self, lines: list[OrderLine]) -> Needs:
        """What of the lines is not pinned; the oldest line is served first."""
        needs = {line: line.reserved - self.pinned(line) for line in sorted(lines, key=lambda line: line.rank)}
        return {line: need for line, need in needs.items() if need > 0}

    def _pin_all(self, needs: Needs, picks: Picks, removal: str | None) -> list[Row]:
        """Pin what was found; the rows tell it line by line, order by order as they are served."""
        orders = list(dict.fromkeys(line.order_ref for line in needs))
        rows = []
        for line in sorted(needs, key=lambda n: (orders.index(n.order_ref), n.line, n.rank)):
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

    # --- the next orders ---------------------------------------------------------------------------------------------

    def _allocate_next(
        self, warehouse: str, max_orders: int = 10, removal: str | None = None, on_shortage: str = "partial"
    ) -> list[Row]:
        if not 1 <= max_orders <= 1000:
            raise Refused("22023")
        self._warehouse(warehouse, must_be_active=False)
        work = self._work(warehouse)
        while work:
            orders, work = work[:max_orders], work[max_orders:]
            before = pickle.dumps((self.state, self.journal))
            needs, picks = self._serve(orders, warehouse, removal, whole=on_shortage == "reject")
            if picks:
                return self._pin_all(needs, picks, removal)
            self.state, self.journal = pickle.loads(before)
        return []

    def _firm(self, order_ref: str, warehouse: str) -> list[OrderLine]:
        return [n for n in self.lines_of(order_ref) if n.warehouse == warehouse and n.reserved > 0 and n.expires_at is None]

    def _work(self, warehouse: str) -> list[str]:
        """The orders with firm units at a warehouse that are not pinned and that some bin may have, those to be worked on first first.

        A bin whose lot has expired counts until that is booked: who looks does not read the lots. Holds that have ended need not be
        booked.
        """
        orders = []
        for ref, order in self.state.orders.items():
            lines = self._needs(self._firm(ref, warehouse))
            if any(self._may_have_some(b) for line in lines for b in self.bins_at(line.sku, warehouse)):
                orders.append(order)
        orders.sort(key=lambda o: (-o.priority, o.promised_at is None, o.promised_at or self.now, o.created_at, o.rank))
        return [order.order_ref for order in orders]

    def _may_have_some(self, place: Bin) -> bool:
        return place.on_hand > 0 and not place.booked and (place.free > 0 or any(self.ended(line) for line in place.pins))

    def _serve(self, orders: list[str], warehouse: str, removal: str | None, *, whole: bool) -> tuple[Needs, Picks]:
        """What these orders need and get, the first first; those that get nothing, or not everything where asked, leave it to the others."""
        hopeful = orders
        while True:
            before = pickle.dumps((self.state, self.journal))
            needs = {ref: self._needs(self._firm(ref, warehouse)) for ref in orders}
            picks = self._find({line: need for ref in orders for line, need in needs[ref].items()}, removal)
            if not whole or not orders or total(picks) == sum(map(total, needs.values()), ZERO):
                break
            # If all who seemed to get all they need ask for units that are not there, those whom they stood before are tried.
            served = _whole(needs, picks)
            hopeful = hopeful if served else [ref for ref in hopeful if ref not in orders]
            orders = served or hopeful
            self.state, self.journal = pickle.loads(before)
        lucky = {line.order_ref for line, _ in picks}
        return {line: need for ref in orders if ref in lucky for line, need in needs[ref].items()}, picks

    # --- pins that come off ------------------------------------------------------------------------------------------

    def _deallocate(self, order_ref: str, lines: list[Line] | None = None, reason: str | None = None) -> list[Row]:  # noqa: ARG002
        self._check_numbers(lines or [], "line", "warehouse", "sku")
        self._check_something_is_open(order_ref)
        open_lines = self.open_lines(order_ref)
        self._settle((n.sku, n.warehouse) for n in self.lines_of(order_ref) if n.reserved > 0)
        pinned = [(line, self.pinned(line)) for line in open_lines if self.pinned(line) > 0 and (lines is not None or not line.wish.many)]
        taken = pinned if lines is None else self._match(order_ref, pinned, lines)
        kept = [line.line for line, _ in taken if isinstance(line, OrderLine) and line.wish.many]
        if kept:
            raise Refused("22023", order_line=min(kept))
        freed: list[tuple[OrderLine, Bin, Decimal]] = []
        for line, qty in taken:
            assert isinstance(line, OrderLine)
            before = [(place, place.pins[line]) for place in self._bins_of(line)]
            self._unpin_newest(line, qty)
            freed += [(line, place, had - place.pins.get(line, ZERO)) for place, had in before]
        freed.sort(key=lambda item: (item[0].line, item[1].rank))
        return [self._allocation_row(line, place, "deallocated", qty) for line, place, qty in freed if qty > 0]

    def _short_pick(self, order_ref: str, lines: list[Line], reason: str | None = None) -> list[Row]:  # noqa: ARG002
        self._check_something_is_open(order_ref)
        self._settle((n.sku, n.warehouse) for n in self.lines_of(order_ref) if n.reserved > 0)
        missing = self._match_pins(order_ref, lines)
        needs: Needs = {}
        for (line, _), qty in sorted(missing.items(), key=lambda item: item[0][0].rank):
            needs[line] = needs.get(line, ZERO) + qty
        picks = self._find(needs, None, {key for _, key in missing})

        sources = [(line, self.state.bins[key], qty) for (line, key), qty in missing.items()]
        held = [(*self._key_of(place)[:4], "hold") for _, place, _ in sources]
        self._make_bins(held)
        for key in set(held):
            if self.state.bins[key].on_hand == 0:
                self.state.bins[key].arrived = min(place.arrived for (_, place, _), target in zip(sources, held, strict=True) if target == key)
        for (line, place, qty), key in zip(sources, held, strict=True):
            self._unpin(line, place, qty)
            self._apply(Entry(line.line, place, -qty, "STATUS"))
            self._apply(Entry(line.line, self.state.bins[key], qty, "STATUS"))
        rows = [self._allocation_row(line, place, "deallocated", qty) for line, place, qty in sources]
        rows += [
            self._allocation_row(line, self.state.bins[key], "held", qty) for (line, _, qty), key in zip(sources, held, strict=True)
        ]
        return rows + self._pin_all(needs, picks, None)

    def _match_pins(self, order_ref: str, lines: list[Line]) -> Picks:
        """Which pins of an order are missing: of those that an entry names the newest."""
        pins = [(line, place, qty) for line in self.open_lines(order_ref) for place in self._bins_of(line) for qty in [place.pins[line]]]
        pins.sort(key=lambda pin: (pin[0].line, pin[0].rank, pin[1].rank))
        named = [
            [
                (line, place, qty)
                for line, place, qty in pins
                if (asked.get("line") is not None or asked.get("sku") is not None)
                and asked.get("line") in (None, line.line)
                and asked.get("sku") in (None, line.sku)
                and asked.get("warehouse") in (None, line.warehouse)
                and asked["location"] == place.location
                and asked.get("lot") in (None, place.lot)
            ]
            for asked in lines
        ]
        missing: Picks = {}
        for n, (asked, mine) in enumerate(zip(lines, named, strict=True), 1):
            if asked.get("line") is None and asked.get("sku") is None:
                raise Refused("22023", n)
            if asked["qty"] <= 0 or not all(self.state.products[line.sku].fits(asked["qty"]) for line, _, _ in mine):
                raise Refused("OS110", n)
            if len({line.sku for line, _, _ in mine}) > 1 or any(pin in others for pin in mine for others in named[: n - 1] + named[n:]):
                raise Refused("22023", n)
            if asked["qty"] > sum((qty for _, _, qty in mine), ZERO):
                raise Refused("OS303", n)
            left = asked["qty"]
            by_rank = sorted(mine, key=lambda pin: pin[1].rank)
            for line, place, qty in sorted(
                by_rank, key=lambda pin: (self.state.pinned_at[pin[0], self._key_of(pin[1])], pin[0].rank), reverse=True
            ):
                if left > 0:
                    missing[line, self._key_of(place)] = min(left, qty)
                    left -= min(left, qty)
        return {
            (line, self._key_of(place)): missing[line, self._key_of(place)]
            for line, place, _ in pins
            if (line, self._key_of(place)) in missing
        }

    # --- goods out ---------------------------------------------------------------------------------------------------

    def _ship(self, order_ref: str, lines: list[Line] | None = None) -> list[Row]:
        taken = [(part, qty) for part, qty in self._take(order_ref, lines) if isinstance(part, OrderLine)]
        pinned: Picks = defaultdict(Decimal)
        needs: Needs = {}
        for line, qty in sorted(taken, key=lambda item: item[0].rank):
            step, need = self.state.products[line.sku].step, qty
            for place in self._bins_of(line):
                key = self._key_of(place)
                while need > 0 and pinned[line, key] < place.pins[line]:
                    pinned[line, key] += step
                    need -= step
            if need > 0:
                needs[line] = need
        free = self._find(needs, None)
        if total(free) < total(needs):
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


def _whole(needs: dict[str, Needs], picks: Picks) -> list[str]:
    """The orders that could get all they need if what was found of each product for those that ask for nothing certain would do for any of these; and those
    that lack certain units which one before them leaves, perhaps.
    """
    found: dict[OrderLine, Decimal] = defaultdict(Decimal)
    left: dict[str, Decimal] = defaultdict(Decimal)
    for (line, _), qty in picks.items():
        found[line] += qty
        left[line.sku] += ZERO if line.wish.many else qty
    served, freed = [], set[str]()
    for ref, lines in needs.items():
        asked: dict[str, Decimal] = defaultdict(Decimal)
        for line, need in lines.items():
            asked[line.sku] += ZERO if line.wish.many else need
        lacking = {line.sku for line, need in lines.items() if line.wish.many and found[line] < need}
        possible = all(left[sku] >= qty for sku, qty in asked.items())
        if possible and (not lacking or lacking & freed):
            served.append(ref)
        else:
            freed |= {line.sku for line in lines if line.wish.many and found[line] > 0}
        if possible and not lacking:
            for sku, qty in asked.items():
                left[sku] -= qty
    return served

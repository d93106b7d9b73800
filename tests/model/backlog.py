"""Who may wait for stock, and how what comes in or comes free gets to who waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from .holds import Holds
from .state import ZERO, LevelKey, OrderLine, Refused, Row, Waiting


class Backlog(Holds):
    """fill_backorders, and the waiting part of reserve and receive."""

    def waits(self, sku: str) -> Decimal:
        """What counts against a product's limit: all that waits, holds too, but those that have ended."""
        return sum((w.backordered for w in self.state.waiting if w.sku == sku and self.live(w)), ZERO)

    def _may_wait(self, missing: dict[str, Decimal]) -> bool:
        """Whether the policy of each product lets so many more units of it wait."""
        for sku, qty in missing.items():
            product = self.state.products[sku]
            if product.backorder == "none":
                return False
            if product.backorder_limit is not None and self.waits(sku) + qty > product.backorder_limit:
                return False
        return True

    def _fill_backorders(self, max_rows: int = 1000) -> list[Row]:
        if not 1 <= max_rows <= 10000:
            raise Refused("22023")
        # A product is looked at where somebody waits for it and an active warehouse has some, or a hold there has ended.
        skus = {w.sku for w in self.state.waiting if w.backordered > 0}
        offering = [(sku, place) for sku in skus for place in self.sources(sku) if self._may_offer(sku, place)]
        skus = {sku for sku, _ in offering}
        head = [w for sku in skus for w in self.queue(sku) if any(self._may_serve(place, w) for place in self.sources(sku))]
        head.sort(key=lambda w: (-self.state.orders[w.order_ref].priority, w.queued_at, w.rank))
        wanted: dict[str, Decimal] = defaultdict(Decimal)
        for w in self.state.waiting:
            wanted[w.sku] += w.backordered
        # Holds that have ended are booked only for who may be served now, and no hold that waits may.
        callers = {w.channel for w in self.state.waiting if w.backordered > 0 and w.expires_at is None and w.sku in skus}
        levels = [key for key in self.state.entries if key[0] in skus]
        self._make_room({key: wanted[key[0]] for key in levels}, levels, self._ended_waiting(skus), callers)
        return self._fill([(sku, place) for sku in skus for place in self.sources(sku)], head[:max_rows])

    def _may_offer(self, sku: str, warehouse: str) -> bool:
        next_end = self.state.next_end.get((sku, warehouse))
        due = next_end is not None and next_end <= self.now
        return due or self.booked(sku, warehouse)["available"] > 0 or any(self._may_serve(warehouse, w) for w in self.queue(sku))

    def _may_serve(self, warehouse: str, w: Waiting) -> bool:
        """Whether a warehouse has some for who waits, or may have when holds that have ended are booked."""
        next_end = self.state.next_end.get((w.sku, warehouse))
        due = next_end is not None and next_end <= self.now
        return w.warehouse in (None, warehouse) and (due or self.booked(w.sku, warehouse)["available"] > 0 or self.free((w.sku, warehouse), w.channel) > 0)

    def _fill(self, levels: Iterable[LevelKey], chosen: list[Waiting] | None = None) -> list[Row]:
        """Give what these levels have to the chosen of those who wait, or to all: unit by unit, always to the first in the queue that may
        have it, who takes it from the first warehouse, of its channel's quota first. Units of who is not chosen are kept for them.
        """
        levels = list(levels)
        given: dict[tuple[Waiting, str], Decimal] = defaultdict(Decimal)
        for sku in sorted({sku for sku, _ in levels}):
            left = {place: self.booked(sku, place)["available"] for place in self.sources(sku) if (sku, place) in levels}
            kept = {(channel, place): qty for (channel, product, place), qty in self.state.quotas.items() if product == sku}
            step = self.state.products[sku].step
            for w in self.queue(sku):
                need, safety = w.backordered, self.safety(sku, w.channel)
                for place in left:
                    own = str(w.channel), place
                    while need > 0 and left[place] + kept.get(own, ZERO) + safety >= step and w.warehouse in (None, place):
                        if kept.get(own, ZERO) >= step:
                            kept[own] -= step
                        else:
                            left[place] -= step
                        need -= step
                        if chosen is None or w in chosen:
                            given[w, place] += step
        return self._book_fill(given)

    def _book_fill(self, given: dict[tuple[Waiting, str], Decimal]) -> list[Row]:
        """What is filled becomes part of the order's line at that warehouse; of new lines the one of who is first in the queue is the oldest."""
        grown: dict[OrderLine, Decimal] = defaultdict(Decimal)
        for (w, place), qty in given.items():
            same = [n for n in self.lines_of(w.order_ref) if (n.line, n.sku, n.warehouse) == (w.line, w.sku, place)]
            if not same:
                new = OrderLine(w.order_ref, w.line, w.sku, place, next(self._ages), self.now, ZERO, ZERO, channel=w.channel)
                new.kit, new.each = self.kits_reserved().get((w.order_ref, w.line, w.sku), (None, ZERO))
                self.state.lines.append(new)
                same = [new]
            grown[same[0]] += qty
        for w in sorted({w for w, _ in given}, key=lambda w: w.rank):
            qty = sum((units for (waiting, _), units in given.items() if waiting is w), ZERO)
            w.backordered -= qty
            self._write("BACKORDER", w, backordered_delta=-qty, reason="filled")
        rows = []
        for line in sorted(grown, key=lambda n: (self.state.orders[n.order_ref].rank, n.line, n.rank)):
            assert line.reserved == 0 or line.expires_at is None, "a line of which some is a hold and some is not"
            line.ordered += grown[line]
            line.reserved += grown[line]
            line.expires_at = None
            # What waited through no channel takes nothing of a quota, though the line may have a channel; one that has none gets that of what waited.
            through = {w.channel for w, place in given if (w.order_ref, w.line, w.sku, place) == (line.order_ref, line.line, line.sku, line.warehouse)} - {None}
            line.channel = line.channel or next(iter(through), None)
            used = self._use_quota(line, grown[line]) if through else ZERO
            self._write_promise("RESERVE", line, grown[line], reason="filled", quota_delta=-used)
            rows.append(self._row(line, "filled"))
        return rows

"""What can be told of the state, and the few ways in which calls change it: entries, bins and pins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from .state import ZERO, Bin, BinKey, Entry, LevelKey, Lot, Order, OrderLine, Part, Row, State, Waiting, Wish

TICK = timedelta(microseconds=1)  # between the entries of a level


class Books:
    """A tenant's stock, counted whenever it is asked for; `now` is the server's time (UTC), `journal` what the last call wrote of promises."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.state = State()
        self.journal: list[Row] = []
        self._calls = 0
        self._ages = count(1)
        self._entries = count(1)

    # --- what there is -----------------------------------------------------------------------------------------------

    @property
    def today(self) -> date:
        """The server's date."""
        return self.now.date()

    def expired(self, lot: Lot | None) -> bool:
        """Whether a lot's last day is over."""
        return lot is not None and lot.expires_on is not None and lot.expires_on < self.today

    def lot_of(self, place: Bin) -> Lot | None:
        """The lot that a bin holds units of."""
        return self.state.lots[place.sku, place.lot] if place.lot is not None else None

    def blocked(self, place: Bin) -> bool:
        """Whether units in a bin cannot be promised."""
        return self.withheld(place) or self.expired(self.lot_of(place))

    def withheld(self, place: Bin) -> bool:
        """Whether they cannot be promised, whatever the day."""
        kind, lot = self.state.locations[place.warehouse, place.location].kind, self.lot_of(place)
        return place.status != "available" or kind == "quarantine" or (lot is not None and lot.quality != "released")

    def bins_at(self, sku: str, warehouse: str) -> list[Bin]:
        """The bins of a stock level."""
        return [b for b in self.state.bins.values() if b.sku == sku and b.warehouse == warehouse]

    def level(self, sku: str, warehouse: str) -> Row:
        """The balances of a product at a warehouse, counted: what has ended counts for nothing, whether or not it is booked."""
        blocked = sum((b.on_hand for b in self.bins_at(sku, warehouse) if self.blocked(b)), ZERO)
        return self._balances(sku, warehouse, blocked, [n for n in self.state.lines if self.live(n)])

    def booked(self, sku: str, warehouse: str) -> Row:
        """The balances as the ledger has them: what has ended counts until that is booked."""
        blocked = sum((b.on_hand for b in self.bins_at(sku, warehouse) if b.booked), ZERO)
        return self._balances(sku, warehouse, blocked, self.state.lines)

    def _balances(self, sku: str, warehouse: str, blocked: Decimal, lines: list[OrderLine]) -> Row:
        on_hand = sum((b.on_hand for b in self.bins_at(sku, warehouse)), ZERO)
        reserved = sum((n.reserved for n in lines if n.sku == sku and n.warehouse == warehouse), ZERO)
        available = on_hand - blocked - reserved - self.state.products[sku].safety
        return {"on_hand": on_hand, "blocked": blocked, "reserved": reserved, "available": available}

    def ended(self, part: Part) -> bool:
        """Whether it is a hold that is over, and that is not booked."""
        return part.open > 0 and part.expires_at is not None and part.expires_at <= self.now

    def live(self, part: Part) -> bool:
        """Whether it has something promised now, or waits."""
        return part.open > 0 and not self.ended(part)

    def lines_of(self, order_ref: str) -> list[OrderLine]:
        """What warehouses promise to an order, by line and age."""
        return sorted((n for n in self.state.lines if n.order_ref == order_ref), key=lambda n: (n.line, n.rank))

    def waiting_of(self, order_ref: str) -> list[Waiting]:
        """What an order waits for, by age."""
        return sorted((w for w in self.state.waiting if w.order_ref == order_ref), key=lambda w: w.rank)

    def parts_of(self, order_ref: str) -> list[Part]:
        """All that an order's lines are made of: line by line, what is promised before what waits."""
        return sorted([*self.lines_of(order_ref), *self.waiting_of(order_ref)], key=lambda part: part.line)

    def open_lines(self, order_ref: str) -> list[OrderLine]:
        """The lines of an order that have something promised now."""
        return [n for n in self.lines_of(order_ref) if self.live(n)]

    def pinned(self, line: OrderLine) -> Decimal:
        """How many units of a line are pinned to bins."""
        return sum((b.pins.get(line, ZERO) for b in self.bins_at(line.sku, line.warehouse)), ZERO)

    def queue(self, sku: str) -> list[Waiting]:
        """Who waits for a product, the first to be served first; holds are not among them."""
        waiting = [w for w in self.state.waiting if w.sku == sku and w.backordered > 0 and w.expires_at is None]
        return sorted(waiting, key=lambda w: (-self.state.orders[w.order_ref].priority, w.queued_at, w.rank))

    def sources(self, sku: str) -> list[str]:
        """The warehouses that may promise a product, first choice first."""
        active = sorted((w for w in self.state.warehouses.values() if w.active), key=lambda w: (w.priority, w.code))
        return [w.code for w in active if (sku, w.code) in self.state.entries]

    # --- entries ------------------------------------------------------------------------------------------------------

    def _apply(self, entry: Entry) -> Row:
        """Book an entry and answer with the balances after it."""
        place = entry.bin
        place.on_hand += entry.qty
        now = (self._calls, next(self._entries))
        place.first_entry = place.first_entry or now
        if entry.pinned_to is not None and not (entry.qty > 0 and self.blocked(place)):
            self.state.first_pinned_at.setdefault((entry.pinned_to, self._key_of(place)), now)
        self._count(place.sku, place.warehouse)
        return {
            "line": entry.line,
            "sku": place.sku,
            "warehouse": place.warehouse,
            "location": place.location,
            "lot": place.lot,
            "status": place.status,
            "event_type": entry.event_type,
            "qty": entry.qty,
            **self.booked(place.sku, place.warehouse),
            "replayed": False,
        }

    def _count(self, sku: str, warehouse: str) -> datetime:
        """One more entry that changes a level, and its time."""
        key = sku, warehouse
        self.state.entries[key] = self.state.entries.get(key, 0) + 1
        self.state.recorded[key] = max(self.now, self.state.recorded[key] + TICK) if key in self.state.recorded else self.now
        return self.state.recorded[key]

    def _settle(self, levels: Iterable[LevelKey]) -> None:
        """Book what has expired at these levels: its units are nobody's any more."""
        for sku, warehouse in set(levels):
            for place in self._due_bins(sku, warehouse):
                for line in list(place.pins):
                    self._unpin(line, place, place.pins[line])
                place.booked = True
                self._count(sku, warehouse)

    def _due_bins(self, sku: str, warehouse: str) -> list[Bin]:
        """The bins of a level whose units have expired, and that is not booked."""
        return [b for b in self.bins_at(sku, warehouse) if b.on_hand > 0 and self.blocked(b) and not b.booked]

    def lots_are_due(self, sku: str) -> bool:
        """Whether units of a product have expired anywhere, and that is not booked."""
        return any(self._due_bins(*key) for key in self.state.entries if key[0] == sku)

    def settle_all(self) -> None:
        """openstock_admin.block_expired_lots."""
        self._settle(self.state.entries)

    # --- pinned units ------------------------------------------------------------------------------------------------

    @staticmethod
    def _key_of(place: Bin) -> BinKey:
        return place.sku, place.warehouse, place.location, place.lot, place.status

    def _pin(self, line: OrderLine, place: Bin, qty: Decimal) -> None:
        if line not in place.pins:
            self.state.pinned_at[line, self._key_of(place)] = (self._calls, 0)
        place.pins[line] = place.pins.get(line, ZERO) + qty

    @staticmethod
    def _unpin(line: OrderLine, place: Bin, qty: Decimal) -> None:
        place.pins[line] -= qty
        if place.pins[line] == 0:
            del place.pins[line]

    def _pins(self, place: Bin) -> list[OrderLine]:
        """The lines that have units of a bin, those that give way first last: holds that have ended, then who asks for least of them, then the
        newest allocation.
        """
        return sorted(
            place.pins,
            key=lambda line: (self.ended(line), -line.wish.many, self.state.pinned_at[line, self._key_of(place)], line.rank),
        )

    def _stack(self, place: Bin) -> list[OrderLine | None]:
        """The bin's units, one by one; those that leave first are last."""
        step = self.state.products[place.sku].step
        units: list[OrderLine | None] = []
        for line in self._pins(place):
            units += [line] * int(place.pins[line] / step)
        return units + [None] * int(place.free / step)

    def _bins_of(self, line: OrderLine) -> list[Bin]:
        """The bins that hold a line's pinned units, oldest allocation first."""
        bins = [b for b in self.bins_at(line.sku, line.warehouse) if line in b.pins]
        return sorted(bins, key=lambda b: (self.state.pinned_at[line, self._key_of(b)], b.rank))

    def _pick_order(self, place: Bin, removal: str) -> tuple[Any, ...]:
        lot = self.lot_of(place)
        expires_on = lot.expires_on if lot and lot.expires_on else date.max
        location = self.state.locations[place.warehouse, place.location]
        return (
            expires_on if removal == "fefo" else None,
            -place.free if removal == "fewest_bins" else None,
            (-place.arrived[0], -place.arrived[1]) if removal == "lifo" else None,
            place.arrived,
            location.pick_order,
            place.rank,
        )

    def _pick(
        self, needs: dict[OrderLine, Decimal], removal: str | None, avoided: Iterable[BinKey] = (), gone: dict[BinKey, Decimal] | None = None
    ) -> dict[tuple[OrderLine, BinKey], Decimal]:
        """Free units for lines, the first line first, unit by unit from the bin whose turn it is; some are gone already."""
        taken: dict[BinKey, Decimal] = defaultdict(Decimal, gone or {})
        picks: dict[tuple[OrderLine, BinKey], Decimal] = defaultdict(Decimal)
        for line, need in needs.items():
            product = self.state.products[line.sku]
            candidates = [b for b in self.bins_at(line.sku, line.warehouse) if b.on_hand > 0 and not self.blocked(b)]
            candidates = [b for b in candidates if self._key_of(b) not in avoided]
            candidates.sort(key=lambda b: self._pick_order(b, removal or product.removal), reverse=True)
            while need > 0 and candidates:
                key = self._key_of(candidates[-1])
                if candidates[-1].free - taken[key] <= 0:
                    candidates.pop()
                    continue
                taken[key] += product.step
                picks[line, key] += product.step
                need -= product.step
        return dict(picks)

    # --- repair ------------------------------------------------------------------------------------------------------

    def look_again(self) -> None:
        """After a repair: levels know exactly when their next hold ends."""
        for sku, warehouse in self.state.entries:
            self._look_again(sku, warehouse)

    def _look_again(self, sku: str, warehouse: str) -> None:
        ends = [n.expires_at for n in self.state.lines if (n.sku, n.warehouse) == (sku, warehouse) and n.reserved > 0 and n.expires_at]
        self.state.next_end.pop((sku, warehouse), None)
        if ends:
            self.state.next_end[sku, warehouse] = min(ends)

    def forget(self) -> None:
        """After the projections were torn down and rebuilt: ages are those of first entries. What is in no entry is not known any more:
        details of orders and what they became, orders without lines, which warehouse is waited for, through which channel, which units a
        line asked for, and of which kit it is. What is kept for channels is in no entry either, and is not lost; a level that has nothing else is not either.
        """

        def place_of(item: tuple[BinKey, Bin]) -> tuple[Any, ...]:
            (sku, warehouse, location, lot, status), _ = item
            return self.state.locations[warehouse, location].rank, sku, self.state.lots[sku, lot].rank if lot else 0, status

        for _, place in sorted(self.state.bins.items(), key=place_of):
            place.rank = next(self._ages)
            assert place.first_entry is not None, "a bin without an entry"
            place.arrived = place.first_entry
        fenced = {key[1:] for key in self.state.quotas}
        self.state.entries = {key: entries for key, entries in self.state.entries.items() if entries > 0 or key in fenced}
        self.state.pinned_at = dict(self.state.first_pinned_at)
        for line in self.state.lines:
            assert line.recorded_at is not None, "a line without an entry"
            line.created_at = line.recorded_at
            line.wish = Wish()
            line.channel = line.kit = None
        for waiting in self.state.waiting:
            waiting.warehouse = waiting.channel = None
        born: dict[str, tuple[bool, datetime]] = {}
        for part in [*self.state.lines, *self.state.waiting]:
            by_entry = isinstance(part, Waiting), part.created_at
            born[part.order_ref] = min(by_entry, born.get(part.order_ref, by_entry))
        self.state.orders = {
            ref: Order(ref, next(self._ages), created_at) for ref, (_, created_at) in sorted(born.items(), key=lambda item: (item[1], item[0]))
        }
        self.look_again()

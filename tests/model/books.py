"""What can be told of the state, and the few ways in which calls change it: entries, bins and pins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from .state import ZERO, Bin, BinKey, Entry, LevelKey, Lot, OrderLine, Row, State


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
        kind = self.state.locations[place.warehouse, place.location].kind
        return place.status != "available" or kind == "quarantine" or self.expired(self.lot_of(place))

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

    def ended(self, line: OrderLine) -> bool:
        """Whether a line is a hold that is over, and that is not booked."""
        return line.reserved > 0 and line.expires_at is not None and line.expires_at <= self.now

    def live(self, line: OrderLine) -> bool:
        """Whether a line has something promised now."""
        return line.reserved > 0 and not self.ended(line)

    def lines_of(self, order_ref: str) -> list[OrderLine]:
        """The lines of an order."""
        return [n for n in self.state.lines if n.order_ref == order_ref]

    def open_lines(self, order_ref: str) -> list[OrderLine]:
        """The lines of an order that have something promised now."""
        return [n for n in self.lines_of(order_ref) if self.live(n)]

    def stock(self) -> dict[LevelKey, Row]:
        """openstock.stock."""
        return {
            (sku, warehouse): self.level(sku, warehouse)
            | {"safety_stock": self.state.products[sku].safety, "version": entries}
            for (sku, warehouse), entries in self.state.entries.items()
        }

    def bins(self) -> dict[BinKey, Row]:
        """openstock.bins."""
        return {
            key: {
                "expires_on": lot.expires_on if (lot := self.lot_of(b)) else None,
                "on_hand": b.on_hand,
                "blocked": b.on_hand if self.blocked(b) else ZERO,
                "allocated": sum((qty for line, qty in b.pins.items() if not self.ended(line)), ZERO),
            }
            for key, b in self.state.bins.items()
            if b.on_hand > 0
        }

    def reservations(self) -> dict[tuple[str, int, str, str], Row]:
        """openstock.reservations."""
        return {
            (n.order_ref, n.line, n.sku, n.warehouse): {
                "ordered": n.ordered,
                "reserved": n.reserved if self.live(n) else ZERO,
                "allocated": sum((b.pins.get(n, ZERO) for b in self.state.bins.values()), ZERO) if self.live(n) else ZERO,
                "backordered": ZERO,
                "shipped": n.shipped,
                "released": n.released,
                "expired": n.expired + (n.reserved if self.ended(n) else ZERO),
                "expires_at": n.expires_at,
            }
            for n in self.state.lines
        }

    def snapshot(self) -> dict[LevelKey, Row]:
        """openstock_dw.current_stock, where what has ended counts until that is booked."""
        return {
            (sku, warehouse): {
                **{key: value for key, value in self.booked(sku, warehouse).items() if key != "available"},
                "allocated": sum((b.pinned for b in self.bins_at(sku, warehouse)), ZERO),
            }
            for sku, warehouse in self.state.entries
        }

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

    def _count(self, sku: str, warehouse: str) -> None:
        """One more entry that changes a level."""
        self.state.entries[sku, warehouse] = self.state.entries.get((sku, warehouse), 0) + 1

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
        """The lines that have units of a bin, those that give way first last: holds that have ended, then the newest allocation."""
        return sorted(place.pins, key=lambda line: (self.ended(line), self.state.pinned_at[line, self._key_of(place)], line.rank))

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
            (-place.arrived[0], -place.arrived[1]) if removal == "lifo" else None,
            place.arrived,
            location.pick_order,
            place.rank,
        )

    def _pick(self, needs: dict[OrderLine, Decimal], removal: str | None) -> dict[tuple[OrderLine, BinKey], Decimal]:
        """Free units for lines, the oldest line first, unit by unit from the bin whose turn it is."""
        taken: dict[BinKey, Decimal] = defaultdict(Decimal)
        picks: dict[tuple[OrderLine, BinKey], Decimal] = defaultdict(Decimal)
        for line in sorted(needs, key=lambda line: line.rank):
            product = self.state.products[line.sku]
            candidates = [b for b in self.bins_at(line.sku, line.warehouse) if b.on_hand > 0 and not self.blocked(b)]
            candidates.sort(key=lambda b: self._pick_order(b, removal or product.removal), reverse=True)
            need = needs[line]
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

    def forget(self) -> None:
        """After the projections were torn down and rebuilt: ages of bins and allocations are those of their first entries, and which
        order became another is not known any more.
        """

        def place_of(item: tuple[BinKey, Bin]) -> tuple[Any, ...]:
            (sku, warehouse, location, lot, status), _ = item
            return self.state.locations[warehouse, location].rank, sku, self.state.lots[sku, lot].rank if lot else 0, status

        for _, place in sorted(self.state.bins.items(), key=place_of):
            place.rank = next(self._ages)
            assert place.first_entry is not None, "a bin without an entry"
            place.arrived = place.first_entry
        self.state.pinned_at = dict(self.state.first_pinned_at)
        self.state.became = {}

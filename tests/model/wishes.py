"""Lines that ask for certain units: which bins will do, and which are chosen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .shares import Shares
from .state import ZERO, Bin, BinKey, LevelKey, OrderLine, Wish
from .views import Views

Picks = dict[tuple[OrderLine, BinKey], Decimal]


@dataclass(frozen=True)
class Asking:
    """Units that a line asks for; `key` is what tells it from others."""

    key: Any
    sku: str
    warehouse: str | None
    wish: Wish
    qty: Decimal


class Wishes(Views):
    """What reserve, amend and all that pins units do for such lines."""

    def certain_bins(self, sku: str, warehouse: str | None, wish: Wish) -> list[Bin]:
        """The bins whose units will do for such a wish, free or not. A lot without a last day has days left for ever."""
        return [
            b
            for b in self.state.bins.values()
            if b.sku == sku and warehouse in (None, b.warehouse) and b.on_hand > 0 and not self.blocked(b)
            and wish.location in (None, b.location) and wish.lot in (None, b.lot)
            and (wish.min_days_left is None or self._days_left(b) >= wish.min_days_left)
        ]  # fmt: skip

    def _days_left(self, place: Bin) -> float:
        lot = self.lot_of(place)
        return (lot.expires_on - self.today).days if lot and lot.expires_on else float("inf")

    def _choose(
        self,
        asking: list[Asking],
        levels: Iterable[LevelKey],
        removal: str | None,
        available: dict[LevelKey, Decimal] | None = None,
        avoided: Iterable[BinKey] = (),
        unpinned: dict[BinKey, Decimal] | None = None,
        served: dict[OrderLine, Decimal] | None = None,
    ) -> tuple[dict[tuple[Any, BinKey], Decimal], dict[BinKey, Decimal]]:
        """Units for lines that ask for certain ones: the most narrow wish first, each from the bins that fewest of them could use, of these by
        the place of their warehouse (where warehouses are chosen: those that have something available, first choice first) and the removal rule; last bins with nothing free but what is about to lose its pins.
        Where one comes up short, those before it use others that will do for them. And the units that are left to other lines at these levels, which lack them: these choose before what is newly promised, and after what is promised as they are.
        """
        claims = self._claims(levels, served or {})
        bins = {ask: [b for b in self.certain_bins(ask.sku, ask.warehouse, ask.wish) if self._key_of(b) not in avoided] for ask in asking + claims}
        could = Counter(self._key_of(b) for mine in bins.values() for b in mine)
        could_new = Counter(self._key_of(b) for ask in asking for b in bins[ask])
        free = {self._key_of(b): b.free + (unpinned or {}).get(self._key_of(b), ZERO) for mine in bins.values() for b in mine}
        shares = Shares(free, dict(available or {}))
        for ask in sorted(bins, key=lambda ask: ((ask in claims) == (available is None), _breadth(ask.wish))):
            new = available is not None and ask not in claims
            places = [place for sku, place in available or {} if sku == ask.sku]
            mine = [b for b in bins[ask] if not new or (b.sku, b.warehouse) in shares.available]
            mine.sort(key=lambda b: (0, self._pick_order(b, removal or self.state.products[b.sku].removal)) if b.free > 0 else (1, (b.rank,)))
            mine.sort(key=lambda b: places.index(b.warehouse) if new else 0)
            mine.sort(key=lambda b: (could_new if new else could)[self._key_of(b)])
            shares.serve(ask, ask.qty, [self._key_of(b) for b in mine], new)
        chosen = {(ask.key, key): units for (ask, key), units in shares.units.items() if units > 0 and ask not in claims}
        claimed: dict[BinKey, Decimal] = defaultdict(Decimal)
        for (ask, key), units in shares.units.items():
            claimed[key] += units if ask in claims else ZERO
        return chosen, claimed

    def _claims(self, levels: Iterable[LevelKey], served: dict[OrderLine, Decimal]) -> list[Asking]:
        """What lines that ask for certain units lack at these levels, since it was lost, besides what is served or given back of them: those that ask for the same as one, the oldest first."""
        lines = sorted((n for n in self.state.lines if (n.sku, n.warehouse) in levels and n.wish.many and self.live(n)), key=lambda n: n.rank)
        claims: dict[tuple[str, str, Wish], Decimal] = defaultdict(Decimal)
        for n in lines:
            lack = n.reserved - self._well_pinned(n) - served.get(n, ZERO)
            if lack > 0:
                claims[n.sku, n.warehouse, n.wish] += lack
        return [Asking(("claim", *ask), *ask, qty) for ask, qty in claims.items()]

    def _well_pinned(self, line: OrderLine) -> Decimal:
        """What of a line is pinned, but for units of lots that have expired."""
        return sum((b.pins[line] for b in self.state.bins.values() if line in b.pins and not self.blocked(b)), ZERO)

    def _pick_anywhere(self, needs: dict[OrderLine, Decimal], removal: str | None, avoided: Iterable[BinKey] = ()) -> Picks:
        """Free units for lines; those that ask for certain ones choose before all others, and what others that ask for certain ones lack is left to them."""
        asking = [Asking(line, line.sku, line.warehouse, line.wish, need) for line, need in needs.items() if line.wish.many]
        chosen, gone = self._choose(asking, {(line.sku, line.warehouse) for line in needs}, removal, None, avoided, served=needs)
        for (_, key), qty in chosen.items():
            gone[key] += qty
        return chosen | self._pick({line: need for line, need in needs.items() if not line.wish.many}, removal, avoided, gone)

    def _pick_near(self, needs: dict[OrderLine, Decimal], removal: str | None, avoided: Iterable[BinKey] = ()) -> Picks:
        """The same from the bins alone that the removal rule would empty for these needs, none of which is for certain units: others are looked at only if
        these do not suffice, so that pickers do not wait for each other.
        """
        far: set[BinKey] = set(avoided)
        for sku, warehouse in {(line.sku, line.warehouse) for line in needs}:
            need = sum((qty for line, qty in needs.items() if (line.sku, line.warehouse) == (sku, warehouse)), ZERO)
            free = [b for b in self.bins_at(sku, warehouse) if b.free > 0 and not self.blocked(b)]
            for place in sorted(free, key=lambda b: self._pick_order(b, removal or self.state.products[sku].removal)):
                if need <= 0:
                    far.add(self._key_of(place))
                need -= place.free
        return self._pick_anywhere(needs, removal, far)


def _breadth(wish: Wish) -> tuple[int, float]:
    """A location and a lot are narrower than one of them, and that than none; then more days than fewer, and than none."""
    named = (wish.location is not None) + (wish.lot is not None)
    return -named, -wish.min_days_left if wish.min_days_left is not None else 1

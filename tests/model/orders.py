"""What the functions for orders have in common: when an order is open, rows of answers, entries, and how holds end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from .state import ZERO, BinKey, LevelKey, Order, OrderLine, Part, Refused, Row, Waiting
from .wishes import Wishes

NOTHING: Row = {"on_hand": None, "blocked": None, "reserved": None, "available": None}


class Anything:
    """Equal to whatever it is compared with: what the documentation leaves open."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "anything"


class Orders(Wishes):
    """Orders, their parts, and what is written of them."""

    # --- an order ----------------------------------------------------------------------------------------------------

    def _order(self, order_ref: str) -> Order:
        """The order, made if it is new."""
        if order_ref not in self.state.orders:
            self.state.orders[order_ref] = Order(order_ref, next(self._ages), self.now)
        return self.state.orders[order_ref]

    def _check_is_known(self, order_ref: str) -> None:
        if order_ref not in self.state.orders:
            raise Refused("OS301")

    def _check_is_open(self, order_ref: str) -> None:
        """Whether something may be promised to an order: one whose holds have ended is not over."""
        order, parts = self.state.orders.get(order_ref), self.parts_of(order_ref)
        if order is not None and order.became is not None:
            raise Refused("OS302")
        if parts and not any(part.open > 0 or part.expired > 0 for part in parts):
            raise Refused("OS302")

    def _check_something_is_open(self, order_ref: str, *, waiting_too: bool = False) -> None:
        """Whether something is promised to an order now; what has ended is the same error before and after it is booked."""
        self._check_is_known(order_ref)
        parts = self.parts_of(order_ref) if waiting_too else self.lines_of(order_ref)
        if not any(self.live(part) for part in parts):
            if self.state.orders[order_ref].became is None:
                if self._ended_rows(order_ref):
                    raise Refused("OS305")
                if any(self.live(part) for part in self.parts_of(order_ref)):
                    raise Refused("OS303")
            raise Refused("OS302")

    def _highest_line(self, order_ref: str) -> int:
        return max((part.line for part in self.parts_of(order_ref)), default=0)

    # --- rows of answers ---------------------------------------------------------------------------------------------

    def _row(self, part: Part, outcome: str, released: Decimal = ZERO, balances: Row | None = None) -> Row:
        """A part of an order as an answer tells of it; what waits is at no level."""
        promised = isinstance(part, OrderLine)
        if balances is None:
            balances = self.booked(part.sku, part.warehouse) if isinstance(part, OrderLine) else NOTHING
        return {
            "order_ref": part.order_ref,
            "line": part.line,
            "sku": part.sku,
            "warehouse": part.warehouse,
            "outcome": outcome,
            "qty_ordered": part.ordered,
            "qty_reserved": part.open if promised else ZERO,
            "qty_backordered": ZERO if promised else part.open,
            "qty_short": ZERO,
            "qty_released": released,
            "expires_at": part.expires_at,
            **balances,
            "offers": None,
            "kit": self.kit_of(part),
            "replayed": False,
        }

    def _ended_rows(self, order_ref: str) -> list[Row]:
        """What of an order has ended, booked or not."""
        rows = []
        for part in self.parts_of(order_ref):
            units = part.expired + (part.open if self.ended(part) else ZERO)
            if units > 0:
                rows.append(self._row(part, "expired", units, NOTHING) | {"qty_reserved": ZERO, "qty_backordered": ZERO})
        return rows

    # --- how holds end -----------------------------------------------------------------------------------------------

    @staticmethod
    def _end_of(part: Part) -> tuple[Any, int]:
        return part.expires_at, part.rank

    def _end(self, lines: Iterable[OrderLine], waiting: Iterable[Waiting] = ()) -> list[Row]:
        """Book these holds as ended: their units are nobody's any more."""
        rows = []
        lines = sorted(lines, key=lambda line: line.rank)
        for line in lines:
            for place in self._bins_of(line):
                self._unpin(line, place, place.pins[line])
        for line in lines:
            units, line.reserved = line.reserved, ZERO
            line.expired += units
            self._write_promise("EXPIRE", line, -units, number=0, reason="expired", quota_delta=self._return_to_quota(line, units))
            rows.append(self._row(line, "expired", units))
        for part in sorted(waiting, key=lambda part: part.rank):
            units, part.backordered = part.backordered, ZERO
            part.expired += units
            self._write("EXPIRE", part, number=0, backordered_delta=-units, reason="expired")
            rows.append(self._row(part, "expired", units))
        for sku, warehouse in {(line.sku, line.warehouse) for line in lines}:
            self._look_again(sku, warehouse)
        return rows

    def _ended_waiting(self, skus: Iterable[str]) -> list[Waiting]:
        """Holds that waited for these products until they ended."""
        return [w for w in self.state.waiting if w.sku in set(skus) and self.ended(w)]

    def _choose_due(self, missing: dict[LevelKey, Decimal], units: Callable[[OrderLine], Decimal]) -> list[OrderLine]:
        """Holds that have ended, the oldest of each level first, until they have the units that are missing there."""
        chosen = []
        for (sku, warehouse), need in missing.items():
            ended = [n for n in self.state.lines if (n.sku, n.warehouse) == (sku, warehouse) and self.ended(n)]
            for line in sorted(ended, key=self._end_of):
                if need > 0 and units(line) > 0:
                    chosen.append(line)
                    need -= units(line)
        return chosen

    def _make_room(
        self,
        needs: dict[LevelKey, Decimal],
        levels: Iterable[LevelKey],
        waiting: Iterable[Waiting],
        callers: Iterable[str | None] = (None,),
        also: Iterable[OrderLine] = (),
        freed: dict[LevelKey, Decimal] | None = None,
    ) -> None:
        """Book what is due at levels: lots that have expired, and of the holds that have ended as many as it takes until each of these channels, or who has
        none, could have what is needed of each level, besides what is given back there, as it is booked, and these besides; and the holds that waited until they ended.
        """
        callers = list(callers)
        due = self._due_for_quotas(needs, callers)
        for caller in callers:
            missing = {}
            for key, units in needs.items():
                lots = sum((b.on_hand for b in self._due_bins(*key)), ZERO)
                missing[key] = units - (freed or {}).get(key, ZERO) - self.free(key, caller) + lots

            def comes_free(line: OrderLine, caller: str | None = caller) -> Decimal:
                return line.reserved - (self.goes_back(line, line.reserved) if line.channel != caller else ZERO)

            due += self._choose_due(missing, comes_free)
        self._end({*due, *also}, waiting)
        self._settle(levels)

    def _due_for_quotas(self, needs: dict[LevelKey, Decimal], callers: Iterable[str | None]) -> list[OrderLine]:
        """Holds that have ended which took from the quotas that would be used now, until the quotas have what is needed."""
        due: list[OrderLine] = []
        for caller in callers:
            missing = {key: units - self.kept(caller, *key) for key, units in needs.items()}
            due += self._choose_due(
                missing, lambda line, caller=caller: self.goes_back(line, line.reserved) if caller is not None and line.channel == caller else ZERO
            )
        return due

    def _free_pins(self, needs: dict[OrderLine, Decimal], avoided: Iterable[BinKey] = ()) -> bool:
        """Book holds that have ended and keep units pinned that these lines could be served with, until they have as many as the
        lines of their level need.
        """
        missing: dict[LevelKey, Decimal] = {}
        for line, need in needs.items():
            missing[line.sku, line.warehouse] = missing.get((line.sku, line.warehouse), ZERO) + need

        def useful(line: OrderLine) -> Decimal:
            bins = [b for b in self._bins_of(line) if not self.blocked(b) and self._key_of(b) not in avoided]
            return sum((b.pins[line] for b in bins), ZERO)

        due = self._choose_due(missing, useful)
        if due:
            self._end(due)
            self._settle(missing)
        return bool(due)

    def _find(
        self, needs: dict[OrderLine, Decimal], removal: str | None, avoided: Iterable[BinKey] = ()
    ) -> dict[tuple[OrderLine, BinKey], Decimal]:
        """Units in bins for lines; what holds that have ended keep pinned is taken where there is nothing else."""
        certain = any(line.wish.many for line in needs)
        picks = self._pick_anywhere(needs, removal, avoided) if certain else self._pick_near(needs, removal, avoided)
        if total(picks) < total(needs):
            picks = self._pick_anywhere(needs, removal, avoided)
        if total(picks) < total(needs) and self._free_pins(needs, avoided):
            picks = self._pick_anywhere(needs, removal, avoided)
        return picks

    # --- the ledger --------------------------------------------------------------------------------------------------

    def _write_promise(self, event_type: str, line: OrderLine, delta: Decimal, **more: Any) -> None:
        """An entry that changes what is reserved at a level; the line is changed already."""
        recorded_at = self._count(line.sku, line.warehouse)
        if event_type == "RESERVE":
            line.recorded_at = line.recorded_at or recorded_at
            key = line.sku, line.warehouse
            if line.expires_at is not None:
                self.state.next_end[key] = min(line.expires_at, self.state.next_end.get(key, line.expires_at))
        after = self.booked(line.sku, line.warehouse)["reserved"]
        self._write(event_type, line, **{"reserved_delta": delta, "reserved_after": after} | more)

    def _write(self, event_type: str, part: Part, *, number: int | None = None, **more: Any) -> None:
        self.journal.append(
            {
                "event_type": event_type,
                "line": part.line if number is None else number,
                "order_ref": part.order_ref,
                "sku": part.sku,
                # Entries of what waits change no level.
                "warehouse": part.warehouse if isinstance(part, OrderLine) else Anything(),
                "reserved_delta": ZERO,
                "reserved_after": None,
                "backordered_delta": ZERO,
                "quota_delta": ZERO,
                "expires_at": None,
                "reference": None,
                "reason": None,
            }
            | more
        )


def total(amounts: dict[Any, Decimal]) -> Decimal:
    return sum(amounts.values(), ZERO)

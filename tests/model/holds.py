"""What the functions for holds do, and how holds end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from .books import Books
from .state import ZERO, LevelKey, Line, OrderLine, Refused, Row

NOTHING: Row = {"on_hand": None, "blocked": None, "reserved": None, "available": None}
LONGEST = timedelta(days=3653)


class Holds(Books):
    """extend, confirm, expire_reservations; and what the functions for orders have in common."""

    # --- the calls ---------------------------------------------------------------------------------------------------

    def _extend(self, order_ref: str, ttl: timedelta) -> list[Row]:
        self._check_ttl(ttl)
        held = self._held(order_ref)
        rows = []
        for line in held:
            assert line.expires_at is not None
            line.expires_at = max(line.expires_at, self.now + ttl)
            self._write("EXTEND", line, line.line, expires_at=line.expires_at)
            rows.append(self._reservation_row(line, "extended", balances=NOTHING))
        return rows + self._ended_rows(order_ref)

    def _confirm(self, order_ref: str, new_order_ref: str | None = None, on_expired: str = "error") -> list[Row]:
        held = self._held(order_ref)
        if self._ended_rows(order_ref) and on_expired != "skip":
            raise Refused("OS305")
        if new_order_ref not in (None, order_ref):
            self._check_is_open(new_order_ref)
            highest = max((n.line for n in self.lines_of(new_order_ref)), default=0)
            numbers = sorted({line.line for line in held})
            for line in held:
                line.order_ref = new_order_ref
                line.line = highest + numbers.index(line.line) + 1
            if not any(n.reserved > 0 and n.expires_at is None for n in self.lines_of(order_ref)):
                self.state.became[order_ref] = new_order_ref
        rows = []
        for line in held:
            line.expires_at = None
            self._write("CONFIRM", line, line.line, reference=order_ref if line.order_ref != order_ref else None)
            rows.append(self._reservation_row(line, "confirmed", balances=NOTHING))
        return rows

    def _expire_reservations(self, max_lines: int = 1000) -> list[Row]:
        if not 1 <= max_lines <= 10000:
            raise Refused("22023")
        due = sorted(filter(self.ended, self.state.lines), key=self._end_of)[:max_lines]
        rows = self._end(due)
        self._settle((line.sku, line.warehouse) for line in due)
        return rows

    @staticmethod
    def _check_ttl(ttl: timedelta) -> None:
        if not timedelta(0) < ttl <= LONGEST:
            raise Refused("22023")

    # --- an order ----------------------------------------------------------------------------------------------------

    def _check_is_known(self, order_ref: str) -> None:
        if order_ref not in self.state.became and not self.lines_of(order_ref):
            raise Refused("OS301")

    def _check_is_open(self, order_ref: str) -> None:
        """Whether something may be promised to an order: one whose holds have ended is not over."""
        lines = self.lines_of(order_ref)
        if order_ref in self.state.became or (lines and not any(n.reserved > 0 or n.expired > 0 for n in lines)):
            raise Refused("OS302")

    def _check_something_is_open(self, order_ref: str) -> None:
        """Whether something is promised to an order now; what has ended is the same error before and after it is booked."""
        self._check_is_known(order_ref)
        if not self.open_lines(order_ref):
            raise Refused("OS302" if order_ref in self.state.became else "OS305" if self._ended_rows(order_ref) else "OS303")

    def _held(self, order_ref: str) -> list[OrderLine]:
        """The holds of an order that have not ended."""
        self._check_something_is_open(order_ref)
        held = [n for n in self.open_lines(order_ref) if n.expires_at is not None]
        if not held:
            raise Refused("OS306")
        return sorted(held, key=lambda n: (n.line, n.rank))

    def _ended_rows(self, order_ref: str) -> list[Row]:
        """What of an order has ended, booked or not."""
        rows = []
        for line in sorted(self.lines_of(order_ref), key=lambda n: (n.line, n.rank)):
            units = line.expired + (line.reserved if self.ended(line) else ZERO)
            if units > 0:
                rows.append(self._reservation_row(line, "expired", units, NOTHING) | {"qty_reserved": ZERO})
        return rows

    def _reservation_row(self, line: OrderLine, outcome: str, released: Decimal = ZERO, balances: Row | None = None) -> Row:
        return {
            "order_ref": line.order_ref,
            "line": line.line,
            "sku": line.sku,
            "warehouse": line.warehouse,
            "outcome": outcome,
            "qty_ordered": line.ordered,
            "qty_reserved": line.reserved,
            "qty_short": ZERO,
            "qty_released": released,
            "expires_at": line.expires_at,
            **(balances or self.booked(line.sku, line.warehouse)),
            "replayed": False,
        }

    # --- how holds end -----------------------------------------------------------------------------------------------

    @staticmethod
    def _end_of(line: OrderLine) -> tuple[object, int]:
        return line.expires_at, line.rank

    def _end(self, lines: list[OrderLine]) -> list[Row]:
        """Book these holds as ended: their units are nobody's any more."""
        rows = []
        for line in sorted(lines, key=lambda line: line.rank):
            for place in self._bins_of(line):
                self._unpin(line, place, place.pins[line])
        for line in sorted(lines, key=lambda line: line.rank):
            units, line.reserved = line.reserved, ZERO
            line.expired += units
            self._promise("EXPIRE", line, 0, -units, reason="expired")
            rows.append(self._reservation_row(line, "expired", units))
        return rows

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

    def _make_room(self, wanted: list[Line], levels: list[LevelKey]) -> None:
        """Book what is due at levels: lots that have expired, and of the holds that have ended as many as the call may need at each level."""
        missing = {}
        for sku, warehouse in levels:
            lots = sum((b.on_hand for b in self._due_bins(sku, warehouse)), ZERO)
            units = sum((w["qty"] for w in wanted if w["sku"] == sku), ZERO)
            missing[sku, warehouse] = units - self.booked(sku, warehouse)["available"] + lots
        self._end(self._choose_due(missing, lambda line: line.reserved))
        self._settle(levels)

    def _free_pins(self, needs: dict[OrderLine, Decimal]) -> bool:
        """Book holds that have ended and keep units pinned that these lines could be served with, until they have as many as the
        lines of their level need.
        """
        missing: dict[LevelKey, Decimal] = {}
        for line, need in needs.items():
            missing[line.sku, line.warehouse] = missing.get((line.sku, line.warehouse), ZERO) + need
        due = self._choose_due(
            missing, lambda line: sum((b.pins[line] for b in self._bins_of(line) if not self.blocked(b)), ZERO)
        )
        if due:
            self._end(due)
            self._settle(missing)
        return bool(due)

    # --- the ledger --------------------------------------------------------------------------------------------------

    def _promise(self, event_type: str, line: OrderLine, number: int, delta: Decimal, **more: object) -> None:
        """An entry that changes what is reserved at a level; the line is changed already."""
        self._count(line.sku, line.warehouse)
        after = self.booked(line.sku, line.warehouse)["reserved"]
        self._write(event_type, line, number, **{"reserved_delta": delta, "reserved_after": after} | more)

    def _write(self, event_type: str, line: OrderLine, number: int, **more: object) -> None:
        self.journal.append(
            {
                "event_type": event_type,
                "line": number,
                "order_ref": line.order_ref,
                "sku": line.sku,
                "warehouse": line.warehouse,
                "reserved_delta": ZERO,
                "reserved_after": None,
                "expires_at": None,
                "reference": None,
                "reason": None,
            }
            | more
        )

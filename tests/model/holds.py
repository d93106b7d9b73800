"""What the functions for holds do."""

from __future__ import annotations

from datetime import timedelta

from .orders import NOTHING, Orders
from .state import OrderLine, Part, Refused, Row, Waiting

LONGEST = timedelta(days=3653)


class Holds(Orders):
    """extend, confirm, expire_reservations."""

    def _extend(self, order_ref: str, ttl: timedelta) -> list[Row]:
        self._check_ttl(ttl)
        rows = []
        for part in self._held(order_ref):
            assert part.expires_at is not None
            part.expires_at = max(part.expires_at, self.now + ttl)
            self._write("EXTEND", part, expires_at=part.expires_at)
            rows.append(self._row(part, "extended", balances=NOTHING))
        return rows + self._ended_rows(order_ref)

    def _confirm(self, order_ref: str, new_order_ref: str | None = None, on_expired: str = "error") -> list[Row]:
        held = self._held(order_ref)
        if self._ended_rows(order_ref) and on_expired != "skip":
            raise Refused("OS305")
        if new_order_ref not in (None, order_ref):
            self._move_holds(held, order_ref, new_order_ref)
        rows = []
        for part in held:
            part.expires_at = None
            if isinstance(part, Waiting):
                part.queued_at = self.now
            self._write("CONFIRM", part, reference=order_ref if part.order_ref != order_ref else None)
            rows.append(self._row(part, "confirmed", balances=NOTHING))
        return rows

    def _move_holds(self, held: list[Part], order_ref: str, new_order_ref: str) -> None:
        """Make them the last lines of another order; the parts of a line stay parts of one line."""
        self._check_is_open(new_order_ref)
        old, new = self.state.orders[order_ref], self._order(new_order_ref)
        highest = self._highest_line(new_order_ref)
        numbers = sorted({part.line for part in held})
        for part in held:
            part.order_ref = new_order_ref
            part.line = highest + numbers.index(part.line) + 1
        if not any(part.open > 0 and part.expires_at is None for part in self.parts_of(order_ref)):
            old.became = new_order_ref
        new.priority = new.priority or old.priority
        new.promised_at = new.promised_at or old.promised_at
        new.metadata = old.metadata | new.metadata

    def _expire_reservations(self, max_lines: int = 1000) -> list[Row]:
        if not 1 <= max_lines <= 10000:
            raise Refused("22023")
        lines = sorted(filter(self.ended, self.state.lines), key=self._end_of)[:max_lines]
        waiting = sorted(filter(self.ended, self.state.waiting), key=self._end_of)[: max_lines - len(lines)]
        rows = self._end(lines, waiting)
        self._settle((line.sku, line.warehouse) for line in lines)
        return rows

    @staticmethod
    def _check_ttl(ttl: timedelta) -> None:
        if not timedelta(0) < ttl <= LONGEST:
            raise Refused("22023")

    def _held(self, order_ref: str) -> list[Part]:
        """The holds of an order that have not ended: what is promised, then what waits."""
        self._check_something_is_open(order_ref, waiting_too=True)
        held = [part for part in self.parts_of(order_ref) if self.live(part) and part.expires_at is not None]
        if not held:
            raise Refused("OS306")
        lines = [part for part in held if isinstance(part, OrderLine)]
        return [*lines, *sorted((part for part in held if isinstance(part, Waiting)), key=lambda part: part.rank)]

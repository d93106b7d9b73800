"""What release and cancel do, and how a request names parts of an order."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from .goods import Goods
from .state import ZERO, Line, OrderLine, Part, Refused, Row, Waiting


class Returns(Goods):
    """release, cancel."""

    def _release(self, order_ref: str, lines: list[Line] | None = None) -> list[Row]:
        return self._give_back(order_ref, lines, "released", None)

    def _cancel(self, order_ref: str, reason: str | None = None) -> list[Row]:
        return self._give_back(order_ref, None, "cancelled", reason or "cancelled")

    def _give_back(self, order_ref: str, lines: list[Line] | None, outcome: str, reason: str | None) -> list[Row]:
        taken = self._take(order_ref, lines, waiting_too=True)
        promised = [(part, qty) for part, qty in taken if isinstance(part, OrderLine)]
        rows = []
        for line, qty in promised:
            surplus = self.pinned(line) - (line.reserved - qty)
            if surplus > 0:
                self._unpin_newest(line, surplus)
        for line, qty in promised:
            line.reserved -= qty
            line.released += qty
            self._write_promise("RELEASE", line, -qty, reason=reason)
            rows.append(self._row(line, outcome, qty))
        queued = [(part, qty) for part, qty in taken if isinstance(part, Waiting)]
        for part, qty in sorted(queued, key=lambda item: item[0].rank):
            part.backordered -= qty
            part.released += qty
            self._write("RELEASE", part, backordered_delta=-qty, reason=reason)
            rows.append(self._row(part, outcome, qty))
        return rows

    def _unpin_newest(self, line: OrderLine, qty: Decimal) -> None:
        """Take so many pins off a line, one by one, the newest first."""
        step = self.state.products[line.sku].step
        bins = self._bins_of(line)
        while qty > 0:
            self._unpin(line, bins[-1], step)
            qty -= step
            if line not in bins[-1].pins:
                bins.pop()

    def _take(self, order_ref: str, lines: list[Line] | None, *, waiting_too: bool = False) -> list[tuple[Part, Decimal]]:
        """How much a request takes of each open part of an order."""
        self._check_numbers(lines or [], "line", "warehouse")
        self._check_something_is_open(order_ref, waiting_too=waiting_too)
        self._settle((n.sku, n.warehouse) for n in self.lines_of(order_ref) if n.reserved > 0)
        parts = self.parts_of(order_ref) if waiting_too else self.lines_of(order_ref)
        available = [(part, part.open) for part in parts if self.live(part)]
        return available if lines is None else self._match(available, lines)

    def _match(self, available: Sequence[tuple[Part, Decimal]], lines: list[Line]) -> list[tuple[Part, Decimal]]:
        """How much entries take of what is available of an order's parts: of what they name first what waits, the youngest before
        the older. Entries that name the same are one.
        """
        asked: dict[tuple[int | None, str | None, str | None], list[tuple[int, Decimal | None]]] = {}
        for n, line in enumerate(lines, 1):
            asked.setdefault((line.get("line"), line.get("sku"), line.get("warehouse")), []).append((n, line.get("qty")))
        matched = {
            key: [(part, units) for part, units in available if key[:2] != (None, None) and _named(part, *key)] for key in asked
        }
        taken: list[tuple[Part, Decimal]] = []
        for key, amounts in asked.items():
            n = amounts[0][0]
            if key[0] is None and key[1] is None:
                raise Refused("22023", n)
            given = [qty for _, qty in amounts if qty is not None]
            if given and min(given) <= 0:
                raise Refused("OS110", n)
            total = sum(given, ZERO) if len(given) == len(amounts) else None
            if total is not None and not all(self.state.products[part.sku].fits(total) for part, _ in matched[key]):
                raise Refused("OS110", n)
            if any(one in others for one in matched[key] for other, others in matched.items() if other != key):
                raise Refused("22023", n)
            there = sum((units for _, units in matched[key]), ZERO)
            if not matched[key] or (total is not None and total > there):
                raise Refused("OS303", n)
            left = there if total is None else total
            mine: dict[Part, Decimal] = {}
            for part, units in sorted(matched[key], key=lambda item: (-item[0].rank if isinstance(item[0], Waiting) else 1, item[0].line, item[0].rank)):
                if left > 0:
                    mine[part] = min(left, units)
                    left -= mine[part]
            taken += [(part, mine[part]) for part, _ in matched[key] if part in mine]
        return taken

    @staticmethod
    def _check_numbers(lines: list[Line], *keys: str) -> None:
        """Each line number is given once, or once with each warehouse."""
        numbers = [tuple(line.get(key) for key in keys) for line in lines if "line" in line]
        if len(numbers) > len(set(numbers)):
            raise Refused("22023")


def _named(part: Part, line: int | None, sku: str | None, warehouse: str | None) -> bool:
    return line in (None, part.line) and sku in (None, part.sku) and warehouse in (None, part.warehouse)

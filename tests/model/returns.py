"""What release and cancel do, and how a request names parts of an order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from .goods import Goods
from .state import ZERO, BinKey, Line, OrderLine, Part, Refused, Row, Waiting

Named = tuple[int | None, str | None, str | None, Decimal | None]


class Returns(Goods):
    """release, cancel."""

    def _release(self, order_ref: str, lines: list[Line] | None = None) -> list[Row]:
        return self._give_back(order_ref, lines, "released", None)

    def _cancel(self, order_ref: str, reason: str | None = None) -> list[Row]:
        return self._give_back(order_ref, None, "cancelled", reason or "cancelled")

    def _give_back(self, order_ref: str, lines: list[Line] | None, outcome: str, reason: str | None) -> list[Row]:
        return self._hand_back(self._take(order_ref, lines, waiting_too=True), outcome, reason)

    def _hand_back(self, taken: list[tuple[Part, Decimal]], outcome: str, reason: str | None) -> list[Row]:
        """Write that these units are promised no more, and then that those wait no more; pins go last."""
        promised = [(part, qty) for part, qty in taken if isinstance(part, OrderLine)]
        rows = []
        for line, qty in promised:
            surplus = self.pinned(line) - (line.reserved - qty)
            if surplus > 0:
                self._unpin_newest(line, surplus)
        for line, qty in promised:
            line.reserved -= qty
            line.released += qty
            self._write_promise("RELEASE", line, -qty, reason=reason, quota_delta=self._return_to_quota(line, qty))
            rows.append(self._row(line, outcome, qty))
        queued = [(part, qty) for part, qty in taken if isinstance(part, Waiting)]
        for part, qty in sorted(queued, key=lambda item: item[0].rank):
            part.backordered -= qty
            part.released += qty
            self._write("RELEASE", part, backordered_delta=-qty, reason=reason)
            rows.append(self._row(part, outcome, qty))
        return rows

    def _pins_coming_off(self, taken: list[tuple[Part, Decimal]]) -> dict[BinKey, Decimal]:
        """How many units of which bin will lose their pins when these are handed back."""
        off: dict[BinKey, Decimal] = defaultdict(Decimal)
        for line, qty in taken:
            if isinstance(line, OrderLine):
                surplus = self.pinned(line) - (line.reserved - qty)
                for place in reversed(self._bins_of(line)):
                    units = min(place.pins[line], max(surplus, ZERO))
                    off[self._key_of(place)] += units
                    surplus -= units
        return off

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
        self._check_numbers(lines or [], "line", "warehouse", "sku")
        self._check_something_is_open(order_ref, waiting_too=waiting_too)
        self._settle((n.sku, n.warehouse) for n in self.lines_of(order_ref) if n.reserved > 0)
        parts = self.parts_of(order_ref) if waiting_too else self.lines_of(order_ref)
        available = [(part, part.open) for part in parts if self.live(part)]
        return available if lines is None else self._match(order_ref, available, lines)

    def _match(self, order_ref: str, available: Sequence[tuple[Part, Decimal]], lines: list[Line]) -> list[tuple[Part, Decimal]]:
        """How much entries take of what is available of an order's parts: of what they name first what waits, the youngest before
        the older. Entries that name the same are one; those that name a line of kits count kits.
        """
        kits = self.kit_lines(order_ref)
        asked: dict[Named, list[tuple[int, Decimal | None]]] = {}
        for n, line in self._split(order_ref, lines, {part.line for part, _ in available}):
            asked.setdefault((line.get("line"), line.get("sku"), line.get("warehouse"), line.get("each")), []).append((n, line.get("qty")))
        matched = {
            key: [
                (part, units)
                for part, units in available
                if key[:2] != (None, None) and _named(part, *key[:3]) and (key[0] is not None or part.line not in kits)
            ]
            for key in asked
        }
        problems: dict[int, list[str]] = {}
        for key, amounts in asked.items():
            named_twice = any(one in others for one in matched[key] for other, others in matched.items() if other != key)
            problem = self._what_is_wrong(key, [qty for _, qty in amounts], matched[key], named_twice=named_twice)
            if problem is not None:
                problems.setdefault(amounts[0][0], []).append(problem)
        if problems:
            n = min(problems)
            raise Refused(problems[n][0], n, problems[n])
        return [item for key, amounts in asked.items() for item in self._take_of([qty for _, qty in amounts], matched[key])]

    def _what_is_wrong(
        self, key: Named, amounts: list[Decimal | None], matched: list[tuple[Part, Decimal]], *, named_twice: bool
    ) -> str | None:
        if key[0] is None and key[1] is None:
            return "22023"
        total = _total(amounts)
        if min((qty for qty in amounts if qty is not None), default=1) <= 0:
            return "OS110"
        if total is not None and not all(self.state.products[part.sku].fits(total) for part, _ in matched):
            return "OS110"
        if named_twice:
            return "22023"
        if not matched or (total is not None and total > sum((units for _, units in matched), ZERO)):
            return "OS303"
        return None

    @staticmethod
    def _take_of(amounts: list[Decimal | None], matched: list[tuple[Part, Decimal]]) -> list[tuple[Part, Decimal]]:
        total = _total(amounts)
        left = sum((units for _, units in matched), ZERO) if total is None else total
        mine: dict[Part, Decimal] = {}
        for part, units in sorted(matched, key=lambda item: (-item[0].rank if isinstance(item[0], Waiting) else 1, item[0].line, item[0].rank)):
            if left > 0:
                mine[part] = min(left, units)
                left -= mine[part]
        return [(part, mine[part]) for part, _ in matched if part in mine]

    @staticmethod
    def _check_numbers(lines: list[Line], *keys: str) -> None:
        """Each line number is given once, or once with each warehouse and product."""
        numbers = [tuple(line.get(key) for key in keys) for line in lines if "line" in line]
        if len(numbers) > len(set(numbers)):
            raise Refused("22023")


def _total(amounts: list[Decimal | None]) -> Decimal | None:
    """What entries that name the same ask for together; None: all."""
    given = [qty for qty in amounts if qty is not None]
    return sum(given, ZERO) if len(given) == len(amounts) else None


def _named(part: Part, line: int | None, sku: str | None, warehouse: str | None) -> bool:
    return line in (None, part.line) and sku in (None, part.sku) and warehouse in (None, part.warehouse)

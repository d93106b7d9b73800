"""What amend does."""

from __future__ import annotations

import pickle
from collections import defaultdict
from decimal import Decimal
from functools import partial

from .promises import Promises
from .state import ZERO, LevelKey, Line, OrderLine, Part, Refused, Row


class Amendments(Promises):
    """amend."""

    def _amend(
        self,
        order_ref: str,
        lines: list[Line],
        on_shortage: str = "reject",
        reason: str | None = None,
        strategy: str = "priority",
        destination: Row | None = None,
    ) -> list[Row]:
        self._check_sourcing(strategy, destination, on_shortage)
        self._check_numbers(lines, "line")
        self._check_something_is_open(order_ref, waiting_too=True)
        alive = [part for part in self.parts_of(order_ref) if self.live(part)]
        ends = {part.line: part.expires_at for part in alive if part.expires_at is not None}
        until = max(ends.values()) if all(part.expires_at is not None for part in alive) else None
        more, less = self._compare(order_ref, lines)
        taken = self._match(order_ref, [(part, part.open) for part in alive], less)
        grown = {line.get("line") for _, line in more}
        channel = self._common_channel([part for part in self.parts_of(order_ref) if part in alive or part.line in grown]) if more else None
        self._open_channel(channel)
        wanted = self._alike_as_one([part for n, line in more for part in self._read(n, line)], None)
        self._number(order_ref, wanted)
        if not (wanted or taken):
            return []

        freed: dict[LevelKey, Decimal] = defaultdict(Decimal)
        for part, qty in taken:
            if isinstance(part, OrderLine):
                freed[part.sku, part.warehouse] += qty - (self.goes_back(part, qty) if part.channel != channel else ZERO)
        own = [n for n in self.lines_of(order_ref) if n.reserved > 0]
        levels = {*self._levels_asked(wanted), *((n.sku, n.warehouse) for n in own)}
        ask, may_wait = partial(self._ask_by, strategy, destination), on_shortage == "backorder"
        also = self._ended_with(own, [part for part, _ in taken])
        found = self._find_stock(wanted, levels, channel, ask, may_wait=may_wait, freed=freed, taken=taken, also=also)
        before = pickle.dumps((self.state, self.journal))
        rows = self._hand_back(taken, "released", reason)
        if wanted:
            gained = self._promise_or_refuse(order_ref, wanted, found, on_shortage, channel, until, ends)
            if gained[0]["outcome"] == "rejected":
                self.state, self.journal = pickle.loads(before)
                return gained
            rows += gained
        return rows

    @staticmethod
    def _common_channel(parts: list[Part]) -> str | None:
        """The channel that all of these came through, if they have one in common."""
        channels = {part.channel for part in parts}
        return channels.pop() if len(channels) == 1 else None

    def _ended_with(self, own: list[OrderLine], taken_from: list[Part]) -> list[OrderLine]:
        """Of holds that have ended those of the order itself, and those with pins in a bin of a line that gives back."""
        bins = [b for part in taken_from if isinstance(part, OrderLine) for b in self._bins_of(part)]
        return [n for n in self.state.lines if self.ended(n) and (n in own or any(n in b.pins for b in bins))]

    def _compare(self, order_ref: str, lines: list[Line]) -> tuple[list[tuple[int, Line]], list[Line]]:
        """What entries want more, each with its place, and less, than the order's lines have: now, and what was shipped."""
        present: dict[tuple[int, str], tuple[Decimal, Decimal]] = {}
        for part in self.parts_of(order_ref):
            still, shipped = present.get((part.line, part.sku), (ZERO, ZERO))
            still += part.open if self.live(part) else ZERO
            present[part.line, part.sku] = still, shipped + (part.shipped if isinstance(part, OrderLine) else ZERO)

        still_open = {part.line for part in self.parts_of(order_ref) if self.live(part) or (isinstance(part, OrderLine) and part.shipped > 0)}
        entries, kits = self._split(order_ref, lines, still_open, ZERO), self.kit_lines(order_ref)
        meant = [
            [key for key, amounts in present.items() if _means(line, *key, sum(amounts)) and (_names(line, *key) or key[0] not in kits)]
            for _, line in entries
        ]
        problems: dict[int, list[str]] = {}
        changes: list[tuple[int, Line, Decimal]] = []
        for place, ((n, line), keys) in enumerate(zip(entries, meant, strict=True)):
            named_twice = any(keys[0] in others for others in meant[:place] + meant[place + 1 :] if keys)
            still, shipped = present[keys[0]] if keys else (ZERO, ZERO)
            changes.append((n, line, line["qty"] - still - shipped))
            problem = self._what_is_wrong_to_amend(line, keys, changes[-1][2], shipped, named_twice=named_twice)
            if problem is not None:
                problems.setdefault(n, []).append(problem)
        for n in {n for n, _ in entries}:
            kits_more = [change / line["each"] for at, line, change in changes if at == n and "each" in line]
            # Components of which not the same is wanted more make up no kits.
            if any(kit > 0 for kit in kits_more) and len(set(kits_more)) > 1:
                problems.setdefault(n, []).append("22023")
        if problems:
            raise Refused(problems[min(problems)][0], min(problems), problems[min(problems)])

        more, less = [], []
        for (n, line, change), keys in zip(changes, meant, strict=True):
            number, sku = keys[0] if keys else (line.get("line"), line["sku"])
            about = {"sku": sku} | ({"line": number} if number is not None else {})
            if change > 0:
                given = {key: line[key] for key in ("warehouse", "kit", "each") if key in line}
                more.append((n, self._wish_of_line(order_ref, number) | about | {"qty": change} | given))
            elif change < 0:
                less.append(about | {"qty": -change})
        return more, less

    def _what_is_wrong_to_amend(
        self, line: Line, keys: list[tuple[int, str]], change: Decimal, shipped: Decimal, *, named_twice: bool
    ) -> str | None:
        """What is wrong with an entry that means these lines."""
        sku = line.get("sku")
        if sku is None and ("line" not in line or not keys):
            return "22023"
        if len(keys) > 1 or named_twice or (keys and (sku not in (None, keys[0][1]) or (self.is_kit(keys[0][1]) and change > 0))):
            return "22023"
        step = self.state.products[keys[0][1]].step if keys else Decimal("0.000001")
        if line["qty"] < 0 or line["qty"] % step != 0:
            return "OS110"
        return "OS303" if line["qty"] < shipped else None

    def _wish_of_line(self, order_ref: str, number: int | None) -> Line:
        """What a line that is to have more asks for: such units as it has, and where it asks for a location, at its warehouse."""
        parts = [n for n in self.lines_of(order_ref) if n.line == number and n.wish.many]
        if not parts:
            return {}
        last = max(parts, key=lambda n: self.state.warehouses[n.warehouse].rank)
        return {key: value for key, value in vars(last.wish).items() if value is not None} | ({"warehouse": last.warehouse} if last.wish.location else {})


def _means(entry: Line, line: int, sku: str, units: Decimal) -> bool:
    """Whether an entry is about a line that has, or had shipped, so many units: by its number, or by a sku of which something is left."""
    return entry["line"] == line if "line" in entry else entry.get("sku") == sku and units > 0


def _names(entry: Line, line: int, sku: str) -> bool:
    """Whether an entry names a product of a line."""
    return (entry.get("line"), entry.get("sku")) == (line, sku)

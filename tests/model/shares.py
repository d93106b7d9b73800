"""Units in bins, shared out to lines that not all bins will do for."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from .state import ZERO, BinKey, LevelKey


class Step(NamedTuple):
    """A line takes units in one bin, and leaves as many in another, unless it had none."""

    line: Hashable
    takes: BinKey
    leaves: BinKey | None


class Shares:
    """What is left in bins and of levels, and who has how many units where. No line ever gets less than it was served."""

    def __init__(self, free: dict[BinKey, Decimal], available: dict[LevelKey, Decimal]) -> None:
        self.free = free
        self.available = available
        self.units: dict[tuple[Hashable, BinKey], Decimal] = {}
        self._bins: dict[Hashable, list[BinKey]] = {}

    def serve(self, line: Hashable, need: Decimal, bins: list[BinKey], bounded: bool) -> None:
        """The most that the line can have beside what those before it have, from the first of these bins where it need not move them; of a level no more
        than is available, if it is bounded.
        """
        self._bins[line] = bins
        for key in bins:
            units = min(need, self._spare(key, bounded))
            self.units[line, key] = max(units, ZERO)
            if units > 0:
                self._take(key, units, bounded)
                need -= units
        while need > 0 and (way := self._way(line, bounded)):
            end = way[-1].takes
            units = min(need, self._spare(end, bounded))
            for before, step in pairwise(way):
                assert step.leaves is not None
                units = min(units, self.units[step.line, step.leaves])
                if step.leaves != before.takes:
                    units = min(units, self.free[before.takes])
            self._take(end, units, bounded)
            self.units[line, way[0].takes] += units
            for before, step in pairwise(way):
                assert step.leaves is not None
                self.units[step.line, step.leaves] -= units
                self.units[step.line, step.takes] += units
                self.free[step.leaves] += units
                self.free[before.takes] -= units
            need -= units

    def _spare(self, key: BinKey, bounded: bool) -> Decimal:
        return min(self.free[key], self.available[_level(key)]) if bounded else self.free[key]

    def _take(self, key: BinKey, units: Decimal, bounded: bool) -> None:
        self.free[key] -= units
        if bounded:
            self.available[_level(key)] -= units

    def _way(self, line: Hashable, bounded: bool) -> list[Step]:
        """The shortest way to units that are left: from bin to bin, each time by who could go on; who leaves a level makes room there as well."""
        came: dict[Hashable, tuple[BinKey | None, list[Step]]] = {line: (None, [])}
        seen: set[BinKey] = set()
        queue = deque([line])
        while queue:
            mover = queue.popleft()
            leaves, before = came[mover]
            for key in self._bins[mover]:
                if key in seen:
                    continue
                seen.add(key)
                way = [*before, Step(mover, key, leaves)]
                if self._spare(key, bounded) > 0:
                    return way
                full = self.free[key] <= 0
                for (other, place), units in self.units.items():
                    if units > 0 and other not in came and (place == key if full else _level(place) == _level(key)):
                        came[other] = (place, way)
                        queue.append(other)
        return []


def _level(key: BinKey) -> LevelKey:
    return key[0], key[1]

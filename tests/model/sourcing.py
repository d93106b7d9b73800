"""Which warehouses an order is sent from, and in which order they are asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from math import asin, cos, inf, radians, sin, sqrt
from typing import Any

from .returns import Returns
from .state import ZERO, LevelKey, Line, Refused, Row

UNKNOWN = Decimal(999_999_999_999)  # a cost that is dearer than any
SETS = ("least_cost", "fewest_splits", "ship_complete")


class Sourcing(Returns):
    """The strategies of reserve and amend."""

    @staticmethod
    def _check_sourcing(strategy: str, destination: Row | None, on_shortage: str) -> None:
        if strategy == "nearest" and "latitude" not in (destination or {}):
            raise Refused("22023")
        if strategy == "ship_complete" and on_shortage in ("partial", "backorder"):
            raise Refused("22023")

    def _ask_by(self, strategy: str, destination: Row | None, wanted: list[Line], available: dict[LevelKey, Decimal]) -> dict[LevelKey, Decimal]:
        """What these levels have available, those that are asked, in the order in which they are."""
        keys = [(sku, place) for sku, place in available if self.state.warehouses[place].active]
        keys.sort(key=lambda key: (key[0], *self._by_priority(key[1])))
        if strategy == "most_stock":
            keys.sort(key=lambda key: -available[key])
        elif strategy == "nearest":
            keys.sort(key=lambda key: self._distance(key[1], destination or {}))
        elif strategy in SETS:
            zone = (destination or {}).get("zone")
            chosen = self._choose_warehouses(strategy, wanted, {key: available[key] for key in keys}, zone)
            keys = sorted((key for key in keys if key[1] in chosen), key=lambda key: chosen.index(key[1]))
        return {key: available[key] for key in keys}

    def _by_priority(self, place: str) -> tuple[int, str]:
        return self.state.warehouses[place].priority, place

    def _distance(self, place: str, destination: Row) -> float:
        """Along the great circle; who is nowhere is farthest."""
        here = self.state.warehouses[place]
        if here.latitude is None or here.longitude is None:
            return inf
        way = [radians(destination["latitude"] - here.latitude), radians(destination["longitude"] - here.longitude)]
        shrunk = cos(radians(here.latitude)) * cos(radians(destination["latitude"]))
        return asin(sqrt(sin(way[0] / 2) ** 2 + shrunk * sin(way[1] / 2) ** 2))

    def _choose_warehouses(self, strategy: str, wanted: list[Line], available: dict[LevelKey, Decimal], zone: str | None) -> list[str]:
        """Those that lines name send anyway, and cost nothing more. Of the others the one or two that together cost least, or one after the other by the share
        that it serves for its cost, if that costs less or no two have all; ship_complete wants one that has all.
        """
        if any(w["warehouse"] is None and (w["wish"].lot is not None or w["wish"].min_days_left is not None) for w in wanted):
            raise Refused("22023")
        named = sorted({w["warehouse"] for w in wanted if w["warehouse"] is not None}, key=self._by_priority)
        left: dict[str, dict[str, Decimal]] = defaultdict(dict)
        for (sku, place), qty in available.items():
            rest = qty - sum((w["qty"] for w in wanted if (w["sku"], w["warehouse"]) == (sku, place)), ZERO)
            if rest > 0:
                left[place][sku] = rest
        needs: dict[str, Decimal] = {}
        for sku in {w["sku"] for w in wanted if w["warehouse"] is None}:
            need = sum((w["qty"] for w in wanted if w["sku"] == sku and w["warehouse"] is None), ZERO)
            need -= sum((left[place].get(sku, ZERO) for place in named), ZERO)
            if need > 0:
                needs[sku] = need
        others = sorted(set(left) - set(named), key=self._by_priority)

        def serve(*places: str) -> bool:
            return all(sum((left[place].get(sku, ZERO) for place in places), ZERO) >= need for sku, need in needs.items())

        def cost(place: str) -> Decimal:
            here = self.state.warehouses[place]
            own = here.shipping_cost_by_zone.get(zone or "", here.shipping_cost)
            return Decimal(1) if strategy == "fewest_splits" else UNKNOWN if own is None else Decimal(str(own))

        if strategy == "ship_complete":
            if named:
                return named if len(named) == 1 and not needs else []
            return [place for place in others if serve(place)][:1]
        chosen = self._one_after_the_other(needs, {place: left[place] for place in others}, cost)
        if len(chosen) > 1:
            cheap = sorted(others, key=lambda place: (cost(place), *self._by_priority(place)))
            few = [places for many in (1, 2) for places in combinations(cheap, many) if serve(*places)]
            best = min(few, key=lambda places: sum(map(cost, places)), default=None)
            if best is not None and sum(map(cost, best)) <= sum(map(cost, chosen)):
                chosen = list(best)
        return named + chosen

    @staticmethod
    def _one_after_the_other(needs: dict[str, Decimal], left: dict[str, dict[str, Decimal]], cost: Any) -> list[str]:
        lacking, chosen = dict(needs), list[str]()

        def share(place: str) -> Fraction:
            served: Iterable[Fraction] = (Fraction(min(left[place].get(sku, ZERO), lack)) / Fraction(needs[sku]) for sku, lack in lacking.items())
            return sum(served, Fraction(0)) / Fraction(max(cost(place), Decimal("0.000001")))

        while useful := [place for place in left if place not in chosen and share(place) > 0]:
            best = max(useful, key=share)
            chosen.append(best)
            lacking = {sku: max(lack - left[best].get(sku, ZERO), ZERO) for sku, lack in lacking.items()}

        def spared(place: str) -> bool:
            return all(
                left[place].get(sku, ZERO) <= sum((left[other].get(sku, ZERO) for other in chosen), ZERO) - need
                for sku, need in needs.items() if left[place].get(sku, ZERO) > 0
            )  # fmt: skip

        # `left` is by priority: of several that cost the same, the last one goes.
        while superfluous := [place for place in reversed(list(left)) if place in chosen and spared(place)]:
            chosen.remove(max(superfluous, key=cost))
        return chosen

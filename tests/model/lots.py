"""What put_lots does: whether the units of a lot may be promised."""

from __future__ import annotations

from decimal import Decimal

from .backlog import Backlog
from .state import ZERO, Bin, Line, Lot, Refused, Row


class Lots(Backlog):
    """put_lots."""

    def _put_lots(self, lines: list[Line], reason: str | None = None) -> list[Row]:  # noqa: ARG002 - as the database takes it
        named = [(line["sku"], line["lot"]) for line in lines]
        for n, (line, key) in enumerate(zip(lines, named, strict=True), 1):
            if line["sku"] not in self.state.products:
                raise Refused("OS101", n)
            if self.state.products[line["sku"]].tracking != "lot":
                raise Refused("OS108", n)
            if line.get("quality", "hold") not in ("released", "hold", "rejected") or named.count(key) > 1:
                raise Refused("22023", n)
        for n, (line, key) in enumerate(zip(lines, named, strict=True), 1):
            if key in self.state.lots and line.get("expires_on") not in (None, self.state.lots[key].expires_on):
                raise Refused("OS108", n)
        given = dict(zip(named, lines, strict=True))
        created = sorted(given.keys() - self.state.lots.keys())
        for key in created:
            self.state.lots[key] = Lot(key[1], next(self._ages), given[key].get("expires_on"), given[key].get("quality", "released"))
        changed = [key for key in named if given[key].get("quality", self.state.lots[key].quality) != self.state.lots[key].quality]
        bins = [b for b in self.state.bins.values() if b.on_hand > 0 and b.lot is not None and (b.sku, b.lot) in changed]
        self._settle((b.sku, b.warehouse) for b in bins)
        before = {key: self._units(key, bins) for key in changed}
        for key in changed:
            self.state.lots[key].quality = given[key]["quality"]
        for place in bins:
            self._judge(place)
        rows = []
        for n, key in enumerate(named, 1):
            lot, (blocked, pinned) = self.state.lots[key], before.get(key, (ZERO, ZERO))
            blocked_now, pinned_now = self._units(key, bins) if key in changed else (ZERO, ZERO)
            rows.append({
                "line": n, "sku": key[0], "lot": lot.code, "expires_on": lot.expires_on, "quality": lot.quality,
                "outcome": "created" if key in created else "updated" if key in changed else "unchanged",
                "qty_blocked": blocked_now - blocked, "qty_deallocated": pinned - pinned_now, "replayed": False,
            })  # fmt: skip
        return rows

    @staticmethod
    def _units(key: tuple[str, str], bins: list[Bin]) -> tuple[Decimal, Decimal]:
        """Of a lot, the units that are booked as blocked, and those that are pinned."""
        of_it = [b for b in bins if (b.sku, b.lot) == key]
        return sum((b.on_hand for b in of_it if b.booked), ZERO), sum((b.pinned for b in of_it), ZERO)

    def _judge(self, place: Bin) -> None:
        """Book what the quality of its lot makes of a bin; of a lot that has expired, its release and its end."""
        if place.booked != self.withheld(place):
            for line in list(place.pins):
                self._unpin(line, place, place.pins[line])
            place.booked = not place.booked
            self._count(place.sku, place.warehouse)
        if self.blocked(place) and not place.booked:
            place.booked = True
            self._count(place.sku, place.warehouse)

    def lots(self) -> dict[tuple[str, str], Row]:
        """openstock.lots."""
        return {key: {"expires_on": lot.expires_on, "quality": lot.quality} for key, lot in self.state.lots.items()}

"""What reserve does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from .sourcing import Sourcing
from .state import ZERO, BinKey, LevelKey, Line, OrderLine, Part, Refused, Row, Waiting, Wish, plain
from .wishes import Asking

PartKey = tuple[int, str, str]
Ask = Callable[[list[Line], dict[LevelKey, Decimal]], dict[LevelKey, Decimal]]


@dataclass
class Found:
    """What lines can be promised: by line, product and warehouse, and which bins the units are pinned to that a line asked for."""

    parts: dict[PartKey, Decimal]
    pins: dict[tuple[PartKey, BinKey], Decimal]


class Promises(Sourcing):
    """reserve."""

    def _reserve(
        self,
        order_ref: str,
        lines: list[Line],
        warehouse: str | None = None,
        on_shortage: str = "reject",
        ttl: timedelta | None = None,
        priority: int | None = None,
        promised_at: datetime | None = None,
        metadata: dict[str, Any] | None = None,
        channel: str | None = None,
        strategy: str = "priority",
        destination: Row | None = None,
    ) -> list[Row]:
        self._check_sourcing(strategy, destination, on_shortage)
        self._open_channel(channel)
        if ttl is not None:
            self._check_ttl(ttl)
        if any(line.get("min_days_left", 0) < 0 for line in lines):
            raise Refused("22023")
        self._check_numbers(lines, "line")
        wanted = self._alike_as_one([part for n, line in enumerate(lines, 1) for part in self._read(n, line, warehouse)], warehouse)
        self._check_is_open(order_ref)
        numbers = [part.line for part in self.parts_of(order_ref)]
        if any(w["line"] in numbers for w in wanted):
            raise Refused("OS304")
        self._number(order_ref, wanted)
        levels = self._levels_asked(wanted)
        found = self._find_stock(wanted, levels, channel, partial(self._ask_by, strategy, destination), may_wait=on_shortage == "backorder")
        rows = self._promise_or_refuse(order_ref, wanted, found, on_shortage, channel, None if ttl is None else self.now + ttl)
        if rows[0]["outcome"] in ("reserved", "backordered"):
            order = self.state.orders[order_ref]
            order.priority = order.priority if priority is None else priority
            order.promised_at = promised_at or order.promised_at
            order.metadata |= metadata or {}
        return rows

    def _promise_or_refuse(
        self,
        order_ref: str,
        wanted: list[Line],
        found: Found,
        on_shortage: str,
        channel: str | None,
        until: datetime | None,
        ends: dict[int, datetime] | None = None,
    ) -> list[Row]:
        """Promise what was found, and let the rest wait, be short, or the whole be refused. Some lines have ends of their own."""
        missing = self._missing(wanted, found.parts)
        waiting: list[Line] = []
        if missing and on_shortage == "backorder":
            never = any(w["wish"].many or w["kit"] for w in missing)
            waiting = missing if not never and self._may_wait(units_of(missing)) else []
        if not missing or waiting or (on_shortage == "partial" and found.parts):
            rows = self._promise(order_ref, wanted, found, waiting, defaultdict(lambda: until, ends or {}), channel)
            return rows + ([] if waiting else self._short_rows(order_ref, missing, "short", {}, channel))
        if on_shortage == "error":
            raise Refused("OS201")
        if on_shortage == "partial":
            return self._short_rows(order_ref, wanted, "short", {}, channel)
        return self._short_rows(order_ref, wanted, "rejected", found.parts, channel)

    def _read(self, n: int, line: Line, warehouse: str | None = None) -> list[Line]:
        """A line that may be promised; of kits one for each component."""
        self._check_wanted(n, line, line.get("warehouse", warehouse))
        return self._expand(n, line)

    def _check_wanted(self, n: int, line: Line, warehouse: str | None) -> None:
        """Whether this may be promised at all."""
        product = self.state.products.get(line["sku"])
        if product is None:
            raise Refused("OS101", n)
        if not product.active:
            raise Refused("OS102", n)
        if warehouse is not None and warehouse not in self.state.warehouses:
            raise Refused("OS103", n)
        if warehouse is not None and not self.state.warehouses[warehouse].active:
            raise Refused("OS104", n)
        if self.is_kit(line["sku"]) and wish_of(line).many:
            raise Refused("22023", n)
        if line.get("location") is not None and warehouse is None:
            raise Refused("22023", n)
        if line.get("location") is not None and (warehouse, line["location"]) not in self.state.locations:
            raise Refused("OS105", n)
        if product.tracking == "none" and (line.get("lot") is not None or line.get("min_days_left") is not None):
            raise Refused("OS108", n)
        if line.get("lot") is not None and (line["sku"], line["lot"]) not in self.state.lots:
            raise Refused("OS107", n)
        # Kits are sold whole.
        if line["qty"] <= 0 or (line["qty"] % 1 if self.is_kit(line["sku"]) else not product.fits(line["qty"])):
            raise Refused("OS110", n)

    @staticmethod
    def _alike_as_one(lines: list[Line], warehouse: str | None) -> list[Line]:
        """The lines of the call, those without a number that ask for the same as one."""
        wanted: list[Line] = []
        for line in lines:
            ask = {"line": line.get("line"), "sku": line["sku"], "warehouse": line.get("warehouse", warehouse), "wish": wish_of(line)}
            ask |= {"kit": line.get("kit"), "each": line.get("each", ZERO)}
            same = [w for w in wanted if all(w[key] == ask[key] for key in ask)]
            if same:
                same[0]["qty"] += line["qty"]
            else:
                wanted.append(ask | {"qty": line["qty"]})
        return wanted

    def _number(self, order_ref: str, wanted: list[Line]) -> None:
        """What has no number comes after all lines of the order and the call; the components of a kit are parts of one line."""
        highest = max([self._highest_line(order_ref), *(w["line"] for w in wanted if w["line"])])
        for w in wanted:
            if w["line"] is None:
                about = [w["kit"] or w["sku"], w["warehouse"], w["wish"]]
                alike = [other for other in wanted if other["line"] is None and about == [other["kit"] or other["sku"], other["warehouse"], other["wish"]]]
                highest += 1
                for part in alike:
                    part["line"] = highest

    def _levels_asked(self, wanted: list[Line]) -> list[LevelKey]:
        """The levels of their products at the warehouses that they name, or at all."""
        return [key for key in self.state.entries if any(key[0] == w["sku"] and w["warehouse"] in (None, key[1]) for w in wanted)]

    def _promise(
        self,
        order_ref: str,
        wanted: list[Line],
        found: Found,
        waiting: list[Line],
        ends: dict[int, datetime | None],
        channel: str | None,
    ) -> list[Row]:
        """Write what is promised, then what waits, line by line. A part that the order has there already grows, and keeps its end if it has units: all of a line ends together."""
        self._order(order_ref)
        rows = []
        numbers = [(w["line"], w["sku"]) for w in wanted]
        wishes = {w["line"]: w["wish"] for w in wanted}
        kits = {(order_ref, w["line"], w["sku"]): (w["kit"], w["each"]) for w in wanted} | self.kits_reserved()
        parts = found.parts
        in_turn = sorted(parts, key=lambda p: numbers.index(p[:2]))
        certain = sorted((p for p in parts if wishes[p[0]].many), key=lambda p: (numbers.index(p[:2]), self.state.warehouses[p[2]].rank))
        there = {(n.line, n.sku, n.warehouse): n for n in self.lines_of(order_ref)}
        in_turn = list(dict.fromkeys([*certain, *in_turn]))
        used = self._shares_of_quotas(in_turn, parts, channel)
        for number, sku, place in in_turn:
            if (number, sku, place) not in there:
                new = OrderLine(order_ref, number, sku, place, next(self._ages), self.now, ZERO, ZERO, wish=wishes[number])
                new.kit, new.each = kits[order_ref, number, sku]
                self.state.lines.append(new)
                there[number, sku, place] = new
        for part in sorted(parts, key=lambda p: (p[0], there[p].rank)):
            line = there[part]
            line.expires_at = ends[line.line] if line.reserved == 0 else line.expires_at
            line.ordered += parts[part]
            line.reserved += parts[part]
            line.channel = line.channel or channel
            self._use_quota(line, used[part])
            self._write_promise("RESERVE", line, parts[part], expires_at=line.expires_at, quota_delta=-used[part])
            rows.append(self._row(line, "reserved"))
        for (part, key), qty in found.pins.items():
            line = there[part]
            self._pin(line, self.state.bins[key], qty)
            # Entries of one level in one call follow one another by a microsecond, those of pins do not.
            line.recorded_at = min(line.recorded_at or self.now, self.now)
            self.state.first_pinned_at.setdefault((line, key), (self._calls, 0))
        for w in sorted(waiting, key=lambda w: w["line"]):
            until = ends[w["line"]]
            queued = Waiting(
                order_ref, w["line"], w["sku"], w["warehouse"], next(self._ages), self.now, self.now, w["qty"], expires_at=until, channel=channel
            )
            self.state.waiting.append(queued)
            self._write("BACKORDER", queued, backordered_delta=queued.backordered, expires_at=until)
            rows.append(self._row(queued, "backordered"))
        return rows

    def _shares_of_quotas(self, in_turn: list[PartKey], parts: dict[PartKey, Decimal], channel: str | None) -> dict[PartKey, Decimal]:
        """What each part takes of the channel's quotas, the first part first."""
        left: dict[LevelKey, Decimal] = {}
        used = {}
        for part in in_turn:
            key = part[1], part[2]
            used[part] = min(parts[part], left.setdefault(key, self.kept(channel, *key)))
            left[key] -= used[part]
        return used

    @staticmethod
    def _missing(wanted: list[Line], parts: dict[PartKey, Decimal]) -> list[Line]:
        """What of the lines no part covers."""
        rest = [w | {"qty": w["qty"] - sum((qty for part, qty in parts.items() if part[:2] == (w["line"], w["sku"])), ZERO)} for w in wanted]
        return [w for w in rest if w["qty"] > 0]

    def _asked(self, wanted: Line) -> list[str]:
        """The warehouses that a line asks, first choice first."""
        return [code for code in self.sources(wanted["sku"]) if wanted["warehouse"] in (None, code)]

    def _find_stock(
        self,
        wanted: list[Line],
        levels: Iterable[LevelKey],
        channel: str | None,
        ask: Ask,
        *,
        may_wait: bool,
        freed: dict[LevelKey, Decimal] | None = None,
        taken: list[tuple[Part, Decimal]] | None = None,
        also: Iterable[OrderLine] = (),
    ) -> Found:
        """What warehouses can promise, where holds that have ended count as gone; then those of them are booked that this takes. Lines that ask for certain
        units choose when that is done, and so take what all lines might. The queues are looked at where something may come to wait, or leaves them.
        """
        units, freed = units_of(wanted), freed or {}
        given = {part: qty for part, qty in taken or [] if isinstance(part, OrderLine)}
        certain = any(w["wish"].many for w in wanted)
        found = Found({}, {}) if certain else self._source(wanted, levels, channel, ask, freed)
        takes = {key: units[key[0]] if certain else sum((qty for part, qty in found.parts.items() if part[1:] == key), ZERO) for key in levels if key[0] in units}
        needs = {key: qty for key, qty in takes.items() if qty > 0}
        leaving = {part.sku for part, _ in taken or [] if isinstance(part, Waiting)}
        queues = {*leaving, *units} if leaving or (may_wait and self._missing(wanted, found.parts)) else set()
        self._make_room(needs, levels, self._ended_waiting(queues), [channel], [*also, *self._ended_in_certain_bins(wanted, levels, given)], freed)
        return self._source(wanted, levels, channel, ask, freed, self._pins_coming_off(taken or []), given) if certain else found

    def _source(
        self,
        wanted: list[Line],
        levels: Iterable[LevelKey],
        channel: str | None,
        ask: Ask,
        freed: dict[LevelKey, Decimal] | None = None,
        unpinned: dict[BinKey, Decimal] | None = None,
        given: dict[OrderLine, Decimal] | None = None,
    ) -> Found:
        """Which warehouse promises how much to each line: unit by unit, also of what is about to come free, or to lose its pins. Lines that ask for certain units
        are served before those that do not; of kits whole ones are promised, and what one cannot use is there for the next.
        """
        left = ask(wanted, {key: max(self.free_now(key, channel) + (freed or {}).get(key, ZERO), ZERO) for key in levels})
        asking = [Asking(w["line"], w["sku"], w["warehouse"], w["wish"], w["qty"]) for w in wanted if w["wish"].many]
        pins: dict[tuple[PartKey, BinKey], Decimal] = {}
        parts: dict[PartKey, Decimal] = defaultdict(Decimal)
        for (line, key), qty in self._choose(asking, set(left), None, left, unpinned=unpinned, served=given)[0].items():
            part = line, key[0], key[1]
            pins[part, key] = qty
            parts[part] += qty
            left[key[:2]] -= qty
        for group in sorted(self.groups(w for w in wanted if not w["wish"].many), key=lambda group: group[0]["warehouse"] is None):
            asked = {w["sku"]: [key for key in left if key[0] == w["sku"] and w["warehouse"] in (None, key[1])] for w in group}
            there = {sku: sum((left[key] for key in keys), ZERO) for sku, keys in asked.items()}
            whole = self.fitting(group, there) if group[0]["kit"] else None
            for w in group:
                step, need = self.state.products[w["sku"]].step, w["qty"] if whole is None else whole * w["each"]
                for key in asked[w["sku"]]:
                    while need > 0 and left[key] >= step:
                        left[key] -= step
                        need -= step
                        parts[w["line"], *key] += step
        return Found(dict(parts), pins)

    def _ended_in_certain_bins(
        self, wanted: list[Line], levels: Iterable[LevelKey], given: dict[OrderLine, Decimal]
    ) -> list[OrderLine]:
        """Holds that have ended and have pins in bins that will do for lines that ask for certain units, or may be left to others that lack such, or that lack
        certain units themselves: all of them are booked.
        """
        asking = [(w["sku"], w["warehouse"], w["wish"]) for w in wanted if w["wish"].many]
        claims = [(claim.sku, claim.warehouse, claim.wish) for claim in self._claims(levels, given)] if asking else []
        bins = [b for ask in asking + claims for b in self.certain_bins(*ask)]
        return [
            n
            for n in self.state.lines
            if self.ended(n) and (any(n in b.pins for b in bins) or (asking and n.wish.many and (n.sku, n.warehouse) in levels and n.reserved > self._well_pinned(n)))
        ]  # fmt: skip

    def _short_rows(
        self, order_ref: str, wanted: list[Line], outcome: str, parts: dict[PartKey, Decimal], channel: str | None
    ) -> list[Row]:
        """A row for each line: of kits one for all components, which counts kits."""
        rows = [[self._short_row(order_ref, w, outcome, parts, channel) for w in group] for group in self.groups(wanted)]
        return [self._fold(group, told) if group[0]["kit"] else told[0] for group, told in zip(self.groups(wanted), rows, strict=True)]

    def _short_row(self, order_ref: str, w: Line, outcome: str, parts: dict[PartKey, Decimal], channel: str | None) -> Row:
        """What is not promised of a line, and what the warehouses asked have for the channel: of certain units what they could promise."""
        levels = {place: self.level(w["sku"], place) | {"available": self.free_now((w["sku"], place), channel)} for place in self._asked(w)}
        offers = {place: at["available"] for place, at in levels.items() if at["available"] > 0}
        mine = {place: qty for (line, sku, place), qty in parts.items() if (line, sku) == (w["line"], w["sku"])}
        if w["wish"].many:
            offers = {place: mine[place] for place in levels if place in mine}
        return {
            "order_ref": order_ref,
            "line": w["line"],
            "sku": w["sku"],
            "warehouse": w["warehouse"],
            "outcome": outcome,
            "qty_ordered": w["qty"],
            "qty_reserved": ZERO,
            "qty_backordered": ZERO,
            "qty_short": w["qty"] - sum(mine.values(), ZERO),
            "qty_released": ZERO,
            "expires_at": None,
            **{key: sum((at[key] for at in levels.values()), ZERO) for key in ("on_hand", "blocked", "reserved")},
            "available": sum(offers.values(), ZERO),
            "offers": plain([{"warehouse": place, "available": qty} for place, qty in offers.items()]),
            "kit": None,
            "replayed": False,
        }


def wish_of(line: Line) -> Wish:
    """Which units a line of a call asks for."""
    return Wish(line.get("location"), line.get("lot"), line.get("min_days_left"))


def units_of(wanted: list[Line]) -> dict[str, Decimal]:
    """How many units of each product."""
    units: dict[str, Decimal] = defaultdict(Decimal)
    for w in wanted:
        units[w["sku"]] += w["qty"]
    return units

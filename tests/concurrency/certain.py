"""What lay in each bin at each moment of a storm, and where each piece was: whether who asked for certain units could have had them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from .kept import NOTHING

BIN_ENTRIES = """
    select e.recorded_at, p.sku::text as sku, w.code::text as warehouse, c.code::text as location, t.code::text as lot, t.expires_on,
      e.location_id, e.lot_id, e.handling_unit_id, e.status, e.reservation_line_id,
      e.qty_delta::numeric as qty_delta, e.blocked_delta::numeric as blocked_delta, e.allocated_delta::numeric as allocated_delta,
      array(select u.serial::text from openstock_core.ledger_serial s join openstock_core.serial_unit u using (tenant_id, serial_id)
            where s.tenant_id = e.tenant_id and s.recorded_at = e.recorded_at and s.entry_id = e.entry_id) as serials
    from openstock_core.ledger e
    join openstock_core.product p using (tenant_id, product_id)
    join openstock_core.warehouse w using (tenant_id, warehouse_id)
    join openstock_core.location c using (tenant_id, location_id)
    left join openstock_core.lot t on t.tenant_id = e.tenant_id and t.lot_id = e.lot_id
    where e.tenant_id = %s
    order by e.entry_id
"""

# Pieces that a line got, or gave back, it asks for no more: in the ledger they stand.
WISHES = """
    select l.reservation_line_id, p.sku::text as sku, w.code::text as warehouse, c.code::text as location, t.code::text as lot, l.min_days_left,
      case when l.serial_ids is not null then array(
        select u.serial::text from openstock_core.serial_unit u where u.tenant_id = l.tenant_id and u.serial_id = any (l.serial_ids)
        union
        select u.serial::text
        from openstock_core.ledger e
        join openstock_core.ledger_serial s using (tenant_id, recorded_at, entry_id)
        join openstock_core.serial_unit u using (tenant_id, serial_id)
        where e.tenant_id = l.tenant_id and e.reservation_line_id = l.reservation_line_id) end as serials
    from openstock_core.reservation_line l
    join openstock_core.product p using (tenant_id, product_id)
    join openstock_core.warehouse w using (tenant_id, warehouse_id)
    left join openstock_core.location c on c.tenant_id = l.tenant_id and c.location_id = l.location_id
    left join openstock_core.lot t on t.tenant_id = l.tenant_id and t.lot_id = l.lot_id
    where l.tenant_id = %s and num_nonnulls(l.location_id, l.lot_id, l.min_days_left, l.serial_ids) > 0
"""

Ended = Callable[[int], bool]
"""Whether a reservation line, by its id, is a hold that has ended for sure."""


def distinct(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of a request: the same ones are one."""
    found: list[dict[str, Any]] = []
    for line in request["lines"]:
        kind = {key: value for key, value in line.items() if key != "qty" or "serials" in line}
        if kind not in found:
            found.append(kind)
    return found


@dataclass
class Stack:
    """The units of one bin, or one piece, over time."""

    where: dict[str, Any]
    times: list[datetime] = field(default_factory=list)
    on_hand: list[Decimal] = field(default_factory=lambda: [NOTHING])
    blocked: list[Decimal] = field(default_factory=lambda: [NOTHING])
    pins: list[dict[int, Decimal]] = field(default_factory=lambda: [{}])

    def add(self, entry: Mapping[str, Any], shares: int) -> None:
        """An entry; its units are of so many of these."""
        # Entries that change a level are a microsecond apart, and those of one call that change none are not.
        self.times.append(max([entry["recorded_at"], *self.times[-1:]]))
        self.on_hand.append(self.on_hand[-1] + entry["qty_delta"] / shares)
        self.blocked.append(self.blocked[-1] + entry["blocked_delta"] / shares)
        pins = dict(self.pins[-1])
        if entry["allocated_delta"]:
            line = entry["reservation_line_id"]
            pins[line] = pins.get(line, NOTHING) + entry["allocated_delta"] / shares
        self.pins.append(pins)

    def free(self, moment: datetime, ended: Ended) -> Decimal:
        """The least that nobody had pinned: who has ended for sure pins nothing, booked or not."""
        n = bisect_right(self.times, moment)
        pinned = sum((qty for line, qty in self.pins[n].items() if qty and not ended(line)), NOTHING)
        return NOTHING if self.blocked[n] > 0 else self.on_hand[n] - pinned

    def told(self, began: datetime, ended: datetime) -> list[tuple[str, ...]]:
        """What it was at each of its entries, from the last one before."""
        first, last = (bisect_right(self.times, at) for at in (began, ended))
        return [(str(self.times[n - 1]) if n else "", str(self.on_hand[n]), str(self.blocked[n]), str(self.pins[n])) for n in range(first, last + 1)]


class Bins:
    """All bins and pieces of a tenant."""

    def __init__(self, db: psycopg.Connection, tenant: UUID) -> None:
        self.stacks: defaultdict[tuple[str, str], dict[Any, Stack]] = defaultdict(dict)
        self.pieces: defaultdict[str, dict[str, Stack]] = defaultdict(dict)
        self.times: list[datetime] = []
        with db.cursor(row_factory=dict_row) as cursor:
            for entry in cursor.execute(BIN_ENTRIES, [tenant]):
                self.times.append(entry["recorded_at"])
                key = entry["location_id"], entry["lot_id"], entry["handling_unit_id"], entry["status"]
                self.stacks[entry["sku"], entry["warehouse"]].setdefault(key, Stack(entry)).add(entry, 1)
                for serial in entry["serials"]:
                    piece = self.pieces[serial].setdefault(entry["warehouse"], Stack(entry))
                    piece.add(entry, len(entry["serials"]))
            self.wishes: defaultdict[tuple[str, str], dict[int, dict[str, Any]]] = defaultdict(dict)
            for row in cursor.execute(WISHES, [tenant]):
                wish = {name: value for name, value in row.items() if value is not None and name not in ("reservation_line_id", "warehouse")}
                self.wishes[row["sku"], row["warehouse"]][row["reservation_line_id"]] = wish
        self.times.sort()

    def free(self, line: Mapping[str, Any], warehouse: str, moment: datetime, today: date, ended: Ended) -> Decimal:
        """The least that a warehouse could have given to a line at a moment."""
        return sum((stack.free(moment, ended) for stack in self.suitable(line, warehouse, today)), NOTHING)

    def suitable(self, line: Mapping[str, Any], warehouse: str, today: date) -> list[Stack]:
        """The bins, or pieces, that a line asks for."""
        if serials := line.get("serials"):
            return [self.pieces[serial][warehouse] for serial in serials if warehouse in self.pieces[serial]]
        return [stack for stack in self.stacks[line["sku"], warehouse].values() if will_do(stack, line, today)]

    def pinned(self, line_id: int, key: tuple[str, str], moment: datetime, today: date) -> Decimal:
        """What a line of a level had pinned, but for units of lots that have expired."""
        good = [stack for stack in self.stacks[key].values() if will_do(stack, {}, today)]
        return sum((stack.pins[bisect_right(stack.times, moment)].get(line_id, NOTHING) for stack in good), NOTHING)

    def claimed(self, line: Mapping[str, Any], claim: tuple[Mapping[str, Any], Decimal], warehouse: str, moment: datetime, today: date, ended: Ended) -> Decimal:
        """The most of the units that a line asks for at a warehouse that a claim may be left: of pieces any, where only one of the two names them."""
        wish, lack = claim
        mine = self.suitable(line, warehouse, today)
        both = mine if ("serials" in wish) != ("serials" in line) else [stack for stack in self.suitable(wish, warehouse, today) if any(stack is own for own in mine)]
        return min(lack, sum((stack.free(moment, ended) for stack in both), NOTHING))


def will_do(stack: Stack, line: Mapping[str, Any], today: date) -> bool:
    """Whether the bin is one that the line asks for."""
    last: date | None = stack.where["expires_on"]
    lives = last is None or (last - today).days >= line.get("min_days_left", 0)
    return lives and all(line.get(name) in (None, stack.where[name]) for name in ("location", "lot"))

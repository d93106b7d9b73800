"""What the views show, counted from what there is."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from .kits import Kits
from .state import ZERO, BinKey, LevelKey, OrderLine, Part, Row, Wish


class Views(Kits):
    """The views of schema openstock, and the snapshot."""

    def stock(self) -> dict[LevelKey, Row]:
        """openstock.stock."""
        return {
            (sku, warehouse): self.level(sku, warehouse)
            | {"safety_stock": self.state.products[sku].safety, "version": entries}
            | {"fenced": self.fenced(sku, warehouse) + self.coming_back(sku, warehouse)}
            for (sku, warehouse), entries in self.state.entries.items()
        }

    def bins(self) -> dict[BinKey, Row]:
        """openstock.bins."""
        return {
            key: {
                "expires_on": lot.expires_on if (lot := self.lot_of(b)) else None,
                "on_hand": b.on_hand,
                "blocked": b.on_hand if self.blocked(b) else ZERO,
                "allocated": sum((qty for line, qty in b.pins.items() if not self.ended(line)), ZERO),
            }
            for key, b in self.state.bins.items()
            if b.on_hand > 0
        }

    def reservations(self) -> list[Row]:
        """openstock.reservations: a row for each warehouse that promises, and one for each part that waits or ended waiting."""
        parts: list[Part] = [*self.state.lines, *(w for w in self.state.waiting if w.ordered > 0)]
        kits = self.kits_reserved()
        return [
            {
                "order_ref": part.order_ref,
                "line": part.line,
                "sku": part.sku,
                "warehouse": part.warehouse,
                "channel": part.channel,
                **self._quantities(part),
                "expires_at": part.expires_at,
                **vars(part.wish if isinstance(part, OrderLine) else Wish()),
                "created_at": part.created_at,
                "kit": kits.get((part.order_ref, part.line, part.sku), (None, ZERO))[0],
            }
            for part in parts
        ]

    def _quantities(self, part: Part) -> dict[str, Decimal]:
        live = part.open if self.live(part) else ZERO
        promised = isinstance(part, OrderLine)
        return {
            "ordered": part.ordered,
            "reserved": live if promised else ZERO,
            "allocated": self.pinned(part) if isinstance(part, OrderLine) and live else ZERO,
            "backordered": ZERO if promised else live,
            "shipped": part.shipped if isinstance(part, OrderLine) else ZERO,
            "released": part.released,
            "expired": part.expired + (part.open if self.ended(part) else ZERO),
        }

    def orders(self) -> dict[str, Row]:
        """openstock.orders."""
        rows: dict[str, Row] = {}
        for ref, order in self.state.orders.items():
            parts = self.parts_of(ref)
            sums = self._sums(parts)
            live = [part for part in parts if self.live(part)]
            held = sum((part.open for part in live if part.expires_at is not None), ZERO)
            rows[ref] = {
                "status": self._status(ref, sums, held),
                **sums,
                "held": held,
                "has_backorder": sums["backordered"] > 0,
                "priority": order.priority,
                "promised_at": order.promised_at,
                "expires_at": _first(live),
                "became": order.became,
                "metadata": order.metadata,
                "created_at": order.created_at,
            }
        return rows

    def _sums(self, parts: list[Part]) -> dict[str, Decimal]:
        keys = ("ordered", "reserved", "allocated", "backordered", "shipped", "released", "expired")
        rows = [self._quantities(part) for part in parts]
        return {key: sum((row[key] for row in rows), ZERO) for key in keys}

    def _status(self, order_ref: str, sums: dict[str, Decimal], held: Decimal) -> str:
        still_open = sums["reserved"] + sums["backordered"]
        if still_open == 0 and self.state.orders[order_ref].became is not None:
            return "confirmed"
        if sums["shipped"] > 0:
            return "part-shipped" if still_open > 0 else "shipped"
        if still_open == 0:
            return "expired" if sums["expired"] > 0 else "cancelled"
        if held == still_open:
            return "held"
        return "allocated" if sums["allocated"] == still_open else "open"

    def order_lines(self) -> dict[tuple[str, int, str], Row]:
        """openstock.order_lines."""
        kits = self.kits_reserved()
        lines: dict[tuple[str, int, str], list[Part]] = defaultdict(list)
        for part in [*self.state.lines, *(w for w in self.state.waiting if w.ordered > 0)]:
            lines[part.order_ref, part.line, part.sku].append(part)
        return {
            key: self._sums(parts)
            | {"expires_at": _first([part for part in parts if self.live(part)]), "warehouses": self._serving(parts)}
            | {"channel": min((part.channel for part in parts if part.channel is not None), default=None)}
            | {"kit": kits.get(key, (None, ZERO))[0]}
            for key, parts in lines.items()
        }

    def _serving(self, parts: list[Part]) -> list[Row]:
        rows: list[Row] = [{"warehouse": part.warehouse, **self._quantities(part)} for part in parts]
        rows = [row for row in rows if row["reserved"] + row["shipped"] > 0]
        rows.sort(key=lambda row: row["warehouse"])
        return [{key: row[key] for key in ("warehouse", "reserved", "allocated", "shipped")} for row in rows]

    def backorders(self) -> dict[tuple[str, int], Row]:
        """openstock.backorders."""
        return {
            (sku, place): {
                "order_ref": w.order_ref,
                "line": w.line,
                "warehouse": w.warehouse,
                "channel": w.channel,
                "qty": w.backordered,
                "priority": self.state.orders[w.order_ref].priority,
                "queued_at": w.queued_at,
                "promised_at": self.state.orders[w.order_ref].promised_at,
            }
            for sku in self.state.products
            for place, w in enumerate(self.queue(sku), 1)
        }

    def shortages(self) -> dict[LevelKey, Row]:
        """openstock.shortages."""
        rows: dict[LevelKey, Row] = {}
        for sku, warehouse in self.state.entries:
            level = self.level(sku, warehouse)
            short = level["reserved"] - (level["on_hand"] - level["blocked"])
            if short <= 0:
                continue
            claims = [n for n in self.state.lines if (n.sku, n.warehouse) == (sku, warehouse) and self.live(n)]
            claims.sort(key=lambda n: (n.created_at, n.rank), reverse=True)
            claims.sort(key=lambda n: (self.state.orders[n.order_ref].priority, self.pinned(n) > 0))
            at_risk: list[dict[str, Any]] = []
            uncovered = short
            for line in claims:
                if uncovered > 0:
                    uncovered -= line.reserved
                    at_risk.append(
                        {
                            "order_ref": line.order_ref,
                            "line": line.line,
                            "reserved": line.reserved,
                            "allocated": self.pinned(line),
                            "priority": self.state.orders[line.order_ref].priority,
                        }
                    )
            rows[sku, warehouse] = {
                **{key: level[key] for key in ("on_hand", "blocked", "reserved")},
                "qty_short": short,
                "orders": at_risk,
            }
        return rows

    def snapshot(self) -> dict[LevelKey, Row]:
        """openstock_dw.current_stock, where what has ended counts until that is booked."""
        return {
            (sku, warehouse): {
                **{key: value for key, value in self.booked(sku, warehouse).items() if key != "available"},
                "allocated": sum((b.pinned for b in self.bins_at(sku, warehouse)), ZERO),
            }
            for (sku, warehouse), entries in self.state.entries.items()
            if entries > 0
        }


def _first(parts: list[Part]) -> datetime | None:
    return min((part.expires_at for part in parts if part.expires_at is not None), default=None)

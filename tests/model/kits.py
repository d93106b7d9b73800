"""Kits: sold as one, sent as their components."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from .channels import Channels
from .state import ZERO, LevelKey, Line, Part, Refused, Row, plain


class Kits(Channels):
    """What kits are made of, now and when they were reserved. Components stand in the order in which the products were made."""

    def is_kit(self, sku: str) -> bool:
        """Whether it has components now."""
        return bool(self.state.kits.get(sku))

    def age(self, sku: str) -> int:
        """A product's place among all of them."""
        return list(self.state.products).index(sku)

    def components(self, kit: str) -> list[tuple[str, Decimal]]:
        """What one of it is made of now."""
        return sorted(self.state.kits.get(kit, {}).items(), key=lambda item: self.age(item[0]))

    def kit_lines(self, order_ref: str) -> dict[int, tuple[str, dict[str, Decimal]]]:
        """The lines of an order that are of kits, with the kit and its components when it was reserved."""
        lines: dict[int, tuple[str, dict[str, Decimal]]] = {}
        for part in sorted(self.lines_of(order_ref), key=lambda part: self.age(part.sku)):
            if part.kit is not None:
                lines.setdefault(part.line, (part.kit, {}))[1][part.sku] = part.each
        return lines

    def kits_reserved(self) -> dict[tuple[str, int, str], tuple[str, Decimal]]:
        """Which lines of orders have which product as part of which kit, and how many units are in one."""
        return {(n.order_ref, n.line, n.sku): (n.kit, n.each) for n in self.state.lines if n.kit is not None}

    def kit_of(self, part: Part) -> str | None:
        """The kit that a part of an order belongs to; what waits for a component is of the same line."""
        return self.kits_reserved().get((part.order_ref, part.line, part.sku), (None, ZERO))[0]

    # --- asking for kits -------------------------------------------------------------------------------------------

    def _expand(self, n: int, line: Line) -> list[Line]:
        """A line of kits as one of each component."""
        if not self.is_kit(line["sku"]):
            return [line]
        parts = []
        for sku, each in self.components(line["sku"]):
            if not self.state.products[sku].active:
                raise Refused("OS102", n)
            if not self.state.products[sku].fits(line["qty"] * each):
                raise Refused("OS110", n)
            parts.append(line | {"sku": sku, "qty": line["qty"] * each, "kit": line["sku"], "each": each})
        return parts

    @staticmethod
    def groups(wanted: Iterable[Line]) -> list[list[Line]]:
        """What belongs together: the components of a line of kits, or a line of its own."""
        groups: dict[tuple[Any, ...], list[Line]] = {}
        for w in wanted:
            groups.setdefault((w["line"], w["kit"] or w["sku"], w["warehouse"]), []).append(w)
        return list(groups.values())

    @staticmethod
    def fitting(group: list[Line], left: dict[str, Decimal]) -> Decimal:
        """How many kits of a line there are: all that it asks for, which may make up its last kit, or as many whole ones as what is left of its components makes up."""
        return min(w["qty"] / w["each"] if left[w["sku"]] >= w["qty"] else left[w["sku"]] // w["each"] for w in group)

    def _fold(self, group: list[Line], rows: list[Row]) -> Row:
        """One row of those that tell what is short of each component: it counts kits."""
        kit = group[0]["kit"]
        offers: dict[str, list[Decimal]] = {}
        for w, row in zip(group, rows, strict=True):
            for offer in row["offers"]:
                offers.setdefault(offer["warehouse"], []).append(Decimal(str(offer["available"])) // w["each"])
        whole = [{"warehouse": place, "available": min(kits)} for place, kits in offers.items() if len(kits) == len(group) and min(kits) > 0]
        whole.sort(key=lambda offer: (self.state.warehouses[offer["warehouse"]].priority, offer["warehouse"]))
        return rows[0] | {
            "sku": kit,
            "kit": kit,
            "qty_ordered": max(row["qty_ordered"] / w["each"] for w, row in zip(group, rows, strict=True)),
            "qty_short": max(row["qty_short"] / w["each"] for w, row in zip(group, rows, strict=True)),
            **dict.fromkeys(("on_hand", "blocked", "reserved")),
            "available": min(row["available"] // w["each"] for w, row in zip(group, rows, strict=True)),
            "offers": plain(whole),
        }

    # --- naming kits that are reserved -------------------------------------------------------------------------------

    def _split(self, order_ref: str, lines: list[Line], still_open: Iterable[int], lowest: Decimal | None = None) -> list[tuple[int, Line]]:
        """Entries with their places; one that names a line of kits, by its number or by the kit's sku, counts kits and is one for each component
        then. At least `lowest`, or more than nothing.
        """
        kits, still_open = self.kit_lines(order_ref), set(still_open)
        entries: list[tuple[int, Line]] = []
        for n, line in enumerate(lines, 1):
            number, sku, qty = line.get("line"), line.get("sku"), line.get("qty")
            named = [
                of for of, (kit, _) in kits.items() if (of == number and sku in (None, kit)) or (number is None and sku == kit and of in still_open)
            ]
            if not named and number in kits and sku not in kits[number][1]:
                raise Refused("22023", n)
            if len(named) > 1 and qty is not None:
                raise Refused("22023", n)
            if named and qty is not None and (qty % 1 or qty < (lowest or ZERO) or (qty == 0 and lowest is None)):
                raise Refused("OS110", n)
            if not named:
                entries.append((n, line))
            for of in sorted(named):
                for component, each in kits[of][1].items():
                    part = line | {"line": of, "sku": component, "kit": kits[of][0], "each": each}
                    entries.append((n, part | ({} if qty is None else {"qty": qty * each})))
        return entries

    # --- views -------------------------------------------------------------------------------------------------------

    def kits(self) -> dict[tuple[str, str], Row]:
        """openstock.kits."""
        return {(kit, sku): {"qty": each} for kit, parts in self.state.kits.items() for sku, each in parts.items()}

    def availability(self, sku: str, warehouse: str | None = None, channel: str | None = None) -> dict[LevelKey, Row]:
        """openstock.availability, of kits too: as many as can be put together at a warehouse."""
        if not self.is_kit(sku):
            return super().availability(sku, warehouse, channel)
        parts = [(each, super(Kits, self).availability(component, warehouse, channel)) for component, each in self.components(sku)]
        active = self.state.products[sku].active
        rows: dict[LevelKey, Row] = {}
        for place in {place for _, levels in parts for _, place in levels}:
            there = [(each, row) for each, levels in parts for (_, code), row in levels.items() if code == place]
            whole = len(there) == len(parts)
            rows[sku, place] = {
                "on_hand": min(row["on_hand"] // each for each, row in there) if whole else ZERO,
                "available": max(min(row["available"] // each for each, row in there), ZERO) if whole and active else ZERO,
                **dict.fromkeys(("blocked", "reserved", "safety_stock", "fenced", "version"), ZERO),
            }
        return rows

"""What the functions for sales channels and kits do."""

from __future__ import annotations

from .picking import Picking
from .state import Channel, Line, Refused, Row


class Selling(Picking):
    """put_channels, put_quotas, put_kits."""

    def _put_channels(self, lines: list[Line]) -> list[Row]:
        outcomes = {}
        for line in lines:
            old = self.state.channels.get(line["code"])
            new = Channel(**(vars(old) if old else {"name": line["code"]}) | line)
            outcomes[new.code] = self._outcome(old, new)
            self.state.channels[new.code] = new
        return self._put_rows(lines, outcomes)

    def _put_quotas(self, warehouse: str, lines: list[Line]) -> list[Row]:
        self._warehouse(warehouse, must_be_active=False)
        named = [(line["channel"], line["sku"]) for line in lines]
        for n, line in enumerate(lines, 1):
            channel, product = self.state.channels.get(line["channel"]), self.state.products.get(line["sku"])
            if channel is None:
                raise Refused("OS116", n)
            if not channel.active and line["qty"] > 0:
                raise Refused("OS117", n)
            if product is None:
                raise Refused("OS101", n)
            if self.is_kit(line["sku"]):
                raise Refused("22023", n)
            if line["qty"] < 0 or not product.fits(line["qty"]):
                raise Refused("OS110", n)
            if named.count((line["channel"], line["sku"])) > 1:
                raise Refused("22023", n)
        for line in lines:
            self.state.entries.setdefault((line["sku"], warehouse), 0)
        # What ended holds took counts as kept from that moment on: it does not come on top of what is set.
        self._end(n for n in self.state.lines if self.ended(n) and n.used > 0 and n.warehouse == warehouse and (n.channel, n.sku) in named)
        self._settle((line["sku"], warehouse) for line in lines)
        for line in lines:
            key = line["channel"], line["sku"], warehouse
            if line["qty"] > 0 or key in self.state.quotas:
                self.state.quotas[key] = line["qty"]
        return [
            {"line": n, "channel": line["channel"], "sku": line["sku"], "warehouse": warehouse, "qty": line["qty"], "replayed": False}
            | self.booked(line["sku"], warehouse)
            | {"fenced": self.fenced(line["sku"], warehouse)}
            for n, line in enumerate(lines, 1)
        ]

    def _put_kits(self, lines: list[Line]) -> list[Row]:
        named = [line["sku"] for line in lines]
        for n, line in enumerate(lines, 1):
            self._check_kit(n, line, named)
            for part in line["components"]:
                self._check_component(n, part, line["components"], {one["sku"]: bool(one["components"]) for one in lines})
        outcomes = {}
        for line in lines:
            parts = {part["sku"]: part["qty"] for part in line["components"]}
            old = self.state.kits.get(line["sku"], {})
            outcomes[line["sku"]] = "unchanged" if old == parts else "updated" if old else "created"
            self.state.kits[line["sku"]] = parts
        return [{"line": n, "code": sku, "outcome": outcomes[sku], "replayed": False} for n, sku in enumerate(named, 1)]

    def _check_kit(self, n: int, line: Line, named: list[str]) -> None:
        """Whether a product may be a kit: it was never stocked, and is part of no other that stays what it is."""
        if named.count(line["sku"]) > 1:
            raise Refused("22023", n)
        if line["sku"] not in self.state.products:
            raise Refused("OS101", n)
        if line["components"] and not self.is_kit(line["sku"]) and any(sku == line["sku"] for sku, _ in self.state.entries):
            raise Refused("OS120", n)
        if line["components"] and any(line["sku"] in parts for kit, parts in self.state.kits.items() if kit not in named):
            raise Refused("22023", n)

    def _check_component(self, n: int, part: Line, parts: list[Line], becomes_a_kit: dict[str, bool]) -> None:
        product = self.state.products.get(part["sku"])
        if [other["sku"] for other in parts].count(part["sku"]) > 1:
            raise Refused("22023", n)
        if product is None:
            raise Refused("OS101", n)
        if becomes_a_kit.get(part["sku"], self.is_kit(part["sku"])):
            raise Refused("22023", n)
        if part["qty"] <= 0 or not product.fits(part["qty"]):
            raise Refused("OS110", n)

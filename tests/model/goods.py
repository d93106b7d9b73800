"""What the functions for products, warehouses, locations and the stock in bins do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from .lots import Lots
from .state import ZERO, Bin, BinKey, Entry, Line, Location, Lot, OrderLine, Product, Refused, Row, Warehouse


class Goods(Lots):
    """put_products, put_warehouses, put_locations, receive, adjust, move."""

    # --- master data -------------------------------------------------------------------------------------------------

    def _put_products(self, lines: list[Line]) -> list[Row]:
        rows = []
        for n, line in enumerate(lines, 1):
            old = self.state.products.get(line["sku"])
            if old is None and "name" not in line:
                raise Refused("22023", n)
            booked = any(sku == line["sku"] and entries > 0 for (sku, _), entries in self.state.entries.items())
            has_ledger = booked or any(w.sku == line["sku"] for w in self.state.waiting)
            policy = line.get("backorder", old.backorder if old else "none")
            limit = line.get("backorder_limit", old.backorder_limit if old else None)
            if policy not in ("none", "unlimited", "limited") or (policy == "limited") != (limit is not None) or (limit is not None and limit <= 0):
                raise Refused("22023", n)
            if old and has_ledger and line.get("tracking", old.tracking) != old.tracking:
                raise Refused("OS120", n)
            if old and has_ledger and line.get("decimals", old.decimals) < old.decimals:
                raise Refused("OS120", n)
            others = [qty for (_, sku, _), qty in self.state.quotas.items() if sku == line["sku"]]
            others += [parts[line["sku"]] for parts in self.state.kits.values() if line["sku"] in parts]
            if old and any(qty % Decimal(1).scaleb(-line.get("decimals", old.decimals)) for qty in others):
                raise Refused("OS120", n)
            given = {("safety" if key == "safety_stock" else key): value for key, value in line.items()}
            new = Product(**(vars(old) if old else {}) | given)
            if not new.fits(new.safety):
                raise Refused("22023", n)
            rows.append({"line": n, "code": new.sku, "outcome": self._outcome(old, new), "replayed": False})
            self.state.products[new.sku] = new
        return rows

    def _put_warehouses(self, lines: list[Line]) -> list[Row]:
        outcomes = {}
        for line in sorted(lines, key=lambda line: line["code"]):
            old = self.state.warehouses.get(line["code"])
            new = Warehouse(**(vars(old) if old else {"rank": next(self._ages)}) | line)
            outcomes[new.code] = self._outcome(old, new)
            self.state.warehouses[new.code] = new
            if old is None:
                self.state.locations[new.code, "DEFAULT"] = Location("DEFAULT", next(self._ages))
        return self._put_rows(lines, outcomes)

    def _put_locations(self, warehouse: str, lines: list[Line]) -> list[Row]:
        self._warehouse(warehouse, must_be_active=False)
        for n, line in enumerate(lines, 1):
            old = self.state.locations.get((warehouse, line["code"]))
            if old is None or not any(
                b.on_hand > 0 for b in self.state.bins.values() if (b.warehouse, b.location) == (warehouse, old.code)
            ):
                continue
            if line.get("kind", old.kind) != old.kind or (old.active and not line.get("active", True)):
                raise Refused("OS120", n)
        outcomes = {}
        for line in sorted(lines, key=lambda line: line["code"]):
            old = self.state.locations.get((warehouse, line["code"]))
            new = Location(**(vars(old) if old else {"rank": next(self._ages)}) | line)
            outcomes[new.code] = self._outcome(old, new)
            self.state.locations[warehouse, new.code] = new
        return self._put_rows(lines, outcomes)

    @staticmethod
    def _outcome(old: object, new: object) -> str:
        return "created" if old is None else "unchanged" if old == new else "updated"

    @staticmethod
    def _put_rows(lines: list[Line], outcomes: dict[str, str]) -> list[Row]:
        return [
            {"line": n, "code": line["code"], "outcome": outcomes[line["code"]], "replayed": False}
            for n, line in enumerate(lines, 1)
        ]

    def _warehouse(self, code: str, *, must_be_active: bool) -> None:
        if code not in self.state.warehouses:
            raise Refused("OS103")
        if must_be_active and not self.state.warehouses[code].active:
            raise Refused("OS104")

    # --- stock in bins -----------------------------------------------------------------------------------------------

    def _receive(self, warehouse: str, lines: list[Line], fill_backorders: bool | None = None) -> list[Row]:
        self._warehouse(warehouse, must_be_active=True)
        for n, line in enumerate(lines, 1):
            self._check_stock_line(n, warehouse, line, receiving=True)
            if line["qty"] <= 0 or not self.state.products[line["sku"]].fits(line["qty"]):
                raise Refused("OS110", n)
        new_lots: dict[tuple[str, str], set[date | None]] = defaultdict(set)
        for line in lines:
            if line.get("lot") is not None and (line["sku"], line["lot"]) not in self.state.lots:
                new_lots[line["sku"], line["lot"]].add(line.get("expires_on"))
        if any(len(expiries) > 1 for expiries in new_lots.values()):
            raise Refused("OS108")
        for (sku, code), (expires_on,) in sorted(new_lots.items(), key=lambda item: item[0]):
            self.state.lots[sku, code] = Lot(code, next(self._ages), expires_on)

        self._settle((line["sku"], warehouse) for line in lines)
        keys = [self._key(warehouse, line) for line in lines]
        self._make_bins(keys)
        rows = [
            self._apply(Entry(n, self.state.bins[key], line["qty"], "RECEIPT"))
            for n, (line, key) in enumerate(zip(lines, keys, strict=True), 1)
        ]
        if fill_backorders is not False:
            # What is left of holds that have ended is not given out here: it came free otherwise.
            self._fill({(line["sku"], warehouse) for line in lines})
        return rows

    def _adjust(self, warehouse: str, lines: list[Line], reason: str) -> list[Row]:  # noqa: ARG002 - as the database takes it
        self._warehouse(warehouse, must_be_active=False)
        for n, line in enumerate(lines, 1):
            self._check_stock_line(n, warehouse, line, receiving=False)
            product = self.state.products[line["sku"]]
            given = [line[key] for key in ("qty", "set_to", "expected") if key in line]
            if line.get("qty") == 0 or min(line.get("set_to", ZERO), line.get("expected", ZERO)) < 0:
                raise Refused("OS110", n)
            if not all(product.fits(qty) for qty in given):
                raise Refused("OS110", n)
        self._settle((line["sku"], warehouse) for line in lines)
        keys = [self._key(warehouse, line) for line in lines]
        self._make_bins(keys)

        changes = []
        for n, (line, key) in enumerate(zip(lines, keys, strict=True), 1):
            on_hand = self.state.bins[key].on_hand
            if ("qty" in line) == ("set_to" in line) or ("set_to" in line) != ("expected" in line) or keys.count(key) > 1:
                raise Refused("22023", n)
            if line.get("expected", on_hand) != on_hand:
                raise Refused("OS202", n)
            if line.get("qty", ZERO) + on_hand < 0:
                raise Refused("OS201", n)
            changes.append(line["qty"] if "qty" in line else line["set_to"] - on_hand)
        rows = []
        for n, (key, change) in enumerate(zip(keys, changes, strict=True), 1):
            place = self.state.bins[key]
            step = self.state.products[place.sku].step
            while place.pinned > place.on_hand + change:
                self._unpin(self._pins(place)[-1], place, step)
            rows.append(self._apply(Entry(n, place, change, "ADJUST")))
        return rows

    def _move(self, warehouse: str, lines: list[Line]) -> list[Row]:
        self._warehouse(warehouse, must_be_active=False)
        for n, line in enumerate(lines, 1):
            self._check_stock_line(n, warehouse, line, receiving=False)
            if line["qty"] <= 0 or not self.state.products[line["sku"]].fits(line["qty"]):
                raise Refused("OS110", n)
        self._settle((line["sku"], warehouse) for line in lines)
        sources = [self._key(warehouse, line) for line in lines]
        targets = [
            self._key(warehouse, line | {"from": line.get("to", line.get("from", "DEFAULT")),
                                         "status": line.get("to_status", line.get("status", "available"))})
            for line in lines
        ]  # fmt: skip
        known = set(self.state.bins)
        self._make_bins(targets)
        for n, (source, target) in enumerate(zip(sources, targets, strict=True), 1):
            if source == target and source in known:
                raise Refused("22023", n)
            wanted = sum((line["qty"] for line, s in zip(lines, sources, strict=True) if s == source), ZERO)
            if source not in known or self.state.bins[source].on_hand < wanted:
                raise Refused("OS201", n)

        for target in set(targets):
            into = self.state.bins[target]
            from_others = [s for s, t in zip(sources, targets, strict=True) if t == target and s != target]
            if into.on_hand == 0 and from_others:
                into.arrived = min(self.state.bins[s].arrived for s in from_others)
        stacks = {source: self._stack(self.state.bins[source]) for source in sources}
        carried: list[tuple[OrderLine, Bin, Bin, Decimal]] = []
        rows = []
        for n, (line, source, target) in enumerate(zip(lines, sources, targets, strict=True), 1):
            step = self.state.products[line["sku"]].step
            parts: dict[OrderLine | None, Decimal] = defaultdict(Decimal)
            for _ in range(int(line["qty"] / step)):
                parts[stacks[source].pop()] += step
            out_of, into = self.state.bins[source], self.state.bins[target]
            event_type = "STATUS" if out_of.location == into.location else "MOVE"
            for pinned_to, qty in sorted(parts.items(), key=lambda part: part[0].rank if part[0] else 0):
                rows.append(self._apply(Entry(n, out_of, -qty, event_type, pinned_to)))
                rows.append(self._apply(Entry(n, into, qty, event_type, pinned_to)))
                if pinned_to:
                    carried.append((pinned_to, out_of, into, qty))
        for pinned_to, _, into, qty in sorted(carried, key=lambda c: (c[0].rank, c[2].rank)):
            if not self.blocked(into):
                self._pin(pinned_to, into, qty)
        for pinned_to, out_of, _, qty in carried:
            self._unpin(pinned_to, out_of, qty)
        return rows

    def _check_stock_line(self, n: int, warehouse: str, line: Line, *, receiving: bool) -> None:
        product = self.state.products.get(line["sku"])
        if product is None:
            raise Refused("OS101", n)
        if self.is_kit(line["sku"]):
            raise Refused("22023", n)
        if receiving and not product.active:
            raise Refused("OS102", n)
        for code in [line.get("location", line.get("from", "DEFAULT")), line.get("to")]:
            if code is not None and (warehouse, code) not in self.state.locations:
                raise Refused("OS105", n)
            if code is not None and not self.state.locations[warehouse, code].active:
                raise Refused("OS106", n)
        if (product.tracking == "lot") != (line.get("lot") is not None) or (product.tracking == "none" and "expires_on" in line):
            raise Refused("OS108", n)
        lot = self.state.lots.get((line["sku"], line.get("lot", "")))
        if product.tracking == "lot" and lot is None and not receiving:
            raise Refused("OS107", n)
        if lot is not None and line.get("expires_on") is not None and line["expires_on"] != lot.expires_on:
            raise Refused("OS108", n)

    @staticmethod
    def _key(warehouse: str, line: Line) -> BinKey:
        location = line.get("location", line.get("from", "DEFAULT"))
        return line["sku"], warehouse, location, line.get("lot"), line.get("status", "available")

    def _make_bins(self, keys: Iterable[BinKey]) -> None:
        """Make the bins that are missing; an empty bin that is filled again counts as just arrived."""

        def age(key: BinKey) -> tuple[Any, ...]:
            sku, warehouse, location, lot, status = key
            return self.state.locations[warehouse, location].rank, sku, self.state.lots[sku, lot].rank if lot else 0, status

        for key in sorted(set(keys), key=age):
            place = self.state.bins.get(key)
            if place is None:
                sku, warehouse, location, lot, status = key
                place = Bin(sku, warehouse, location, lot, status, next(self._ages), (self._calls, 0))
                self.state.bins[key] = place
            if place.on_hand == 0:
                place.arrived = (self._calls, 0)
                place.booked = self.blocked(place)

"""What openstock promises, in plain Python: no SQL, no sets, no intervals; one unit after the other.

The Model predicts every answer and every error of the writing functions, and what the views show. It knows nothing of stored balances: each
figure is counted from the bins and lines whenever it is asked for. Where equals have to be told apart it follows what the SQL documents:

- bins are picked by expiry (fefo; none last) or newest arrival (lifo), then oldest arrival, pick_order, age of the bin's row (pickable_bins.sql);
- bins that one call makes are as old as each other, and stand in the order of location, lot, status (make_bins.sql);
- lines that name a warehouse are served before those that do not, then in the call's order; warehouses by priority, then code (plan_reservation.sql);
- pinned units give way newest allocation first, and after units that are not pinned (unpin_from_bins.sql, unpin_from_lines.sql, plan_moves.sql);
- a shipment takes its own pinned units first, the oldest allocation first (plan_shipment.sql).
"""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

Row = dict[str, Any]
Line = dict[str, Any]
STATUSES = ("available", "damaged", "hold", "quarantine")
ZERO = Decimal(0)


class Refused(Exception):
    """An error that the database is to raise: its SQLSTATE, and the place of the line that is wrong."""

    def __init__(self, code: str, line: int | None = None) -> None:
        super().__init__(code, line)
        self.code = code
        self.line = line


@dataclass
class Product:
    """A product. `step` is the smallest quantity of it."""

    sku: str
    name: str
    decimals: int = 0
    tracking: str = "none"
    removal: str = "fefo"
    safety: Decimal = ZERO
    active: bool = True

    @property
    def step(self) -> Decimal:
        """The unit that the model counts in."""
        return Decimal(1).scaleb(-self.decimals)

    def fits(self, qty: Decimal) -> bool:
        """Whether a quantity has no more decimals than the product."""
        return qty % self.step == 0


@dataclass
class Warehouse:
    """A warehouse; `rank` is its age."""

    code: str
    rank: int
    priority: int = 100
    active: bool = True


@dataclass
class Location:
    """A place in a warehouse; `rank` is its age."""

    code: str
    rank: int
    kind: str = "storage"
    pick_order: int = 0
    active: bool = True


@dataclass
class Lot:
    """A lot of a product; `rank` is its age."""

    code: str
    rank: int
    expires_on: date | None = None


@dataclass
class Bin:
    """Units of one product, lot and status in one location. `pins` says which order lines they are pinned to."""

    sku: str
    warehouse: str
    location: str
    lot: str | None
    status: str
    rank: int
    arrived: tuple[int, int]
    first_entry: tuple[int, int] | None = None
    booked: bool = False
    on_hand: Decimal = ZERO
    pins: dict[OrderLine, Decimal] = field(default_factory=dict)

    @property
    def pinned(self) -> Decimal:
        """Units that are pinned to orders."""
        return sum(self.pins.values(), ZERO)

    @property
    def free(self) -> Decimal:
        """Units that are not."""
        return self.on_hand - self.pinned


BinKey = tuple[str, str, str, str | None, str]
LevelKey = tuple[str, str]


@dataclass(eq=False)
class OrderLine:
    """What one warehouse promises to a line of an order; `rank` is its age."""

    order_ref: str
    line: int
    sku: str
    warehouse: str
    rank: int
    ordered: Decimal
    reserved: Decimal
    shipped: Decimal = ZERO
    released: Decimal = ZERO


@dataclass
class Entry:
    """One ledger entry of a bin in the making: how many units, and of which line if they are pinned."""

    line: int
    bin: Bin
    qty: Decimal
    event_type: str
    pinned_to: OrderLine | None = None


class State:
    """Everything that a call can change."""

    def __init__(self) -> None:
        self.products: dict[str, Product] = {}
        self.warehouses: dict[str, Warehouse] = {}
        self.locations: dict[tuple[str, str], Location] = {}
        self.lots: dict[tuple[str, str], Lot] = {}
        self.bins: dict[BinKey, Bin] = {}
        self.lines: list[OrderLine] = []
        self.entries: dict[LevelKey, int] = {}
        self.pinned_at: dict[tuple[OrderLine, BinKey], tuple[int, int]] = {}
        self.first_pinned_at: dict[tuple[OrderLine, BinKey], tuple[int, int]] = {}


class Model:
    """A tenant's stock. `call()` predicts what a function answers; `today` is the server's date (UTC)."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.state = State()
        self._calls = 0
        self._ages = count(1)
        self._entries = count(1)

    def call(self, function: str, request: Line) -> list[Row]:
        """The rows of the answer, as far as they can be predicted; Refused where the call is to fail and change nothing."""
        before = pickle.dumps(self.state)
        self._calls += 1
        try:
            rows: list[Row] = getattr(self, f"_{function}")(**request)
        except Refused:
            self.state = pickle.loads(before)
            raise
        return rows

    # --- what there is -----------------------------------------------------------------------------------------------

    def expired(self, lot: Lot | None) -> bool:
        """Whether a lot's last day is over."""
        return lot is not None and lot.expires_on is not None and lot.expires_on < self.today

    def lot_of(self, place: Bin) -> Lot | None:
        """The lot that a bin holds units of."""
        return self.state.lots[place.sku, place.lot] if place.lot is not None else None

    def blocked(self, place: Bin) -> bool:
        """Whether units in a bin cannot be promised."""
        kind = self.state.locations[place.warehouse, place.location].kind
        return place.status != "available" or kind == "quarantine" or self.expired(self.lot_of(place))

    def bins_at(self, sku: str, warehouse: str) -> list[Bin]:
        """The bins of a stock level."""
        return [b for b in self.state.bins.values() if b.sku == sku and b.warehouse == warehouse]

    def level(self, sku: str, warehouse: str) -> Row:
        """The balances of a product at a warehouse, counted."""
        bins = self.bins_at(sku, warehouse)
        on_hand = sum((b.on_hand for b in bins), ZERO)
        blocked = sum((b.on_hand for b in bins if self.blocked(b)), ZERO)
        reserved = sum((n.reserved for n in self.state.lines if n.sku == sku and n.warehouse == warehouse), ZERO)
        available = on_hand - blocked - reserved - self.state.products[sku].safety
        return {"on_hand": on_hand, "blocked": blocked, "reserved": reserved, "available": available}

    def open_lines(self, order_ref: str) -> list[OrderLine]:
        """The lines of an order that have something reserved."""
        return [n for n in self.state.lines if n.order_ref == order_ref and n.reserved > 0]

    def stock(self) -> dict[LevelKey, Row]:
        """openstock.stock."""
        return {
            (sku, warehouse): self.level(sku, warehouse)
            | {"safety_stock": self.state.products[sku].safety, "version": entries}
            for (sku, warehouse), entries in self.state.entries.items()
        }

    def bins(self) -> dict[BinKey, Row]:
        """openstock.bins."""
        return {
            key: {
                "expires_on": lot.expires_on if (lot := self.lot_of(b)) else None,
                "on_hand": b.on_hand,
                "blocked": b.on_hand if self.blocked(b) else ZERO,
                "allocated": b.pinned,
            }
            for key, b in self.state.bins.items()
            if b.on_hand > 0
        }

    def reservations(self) -> dict[tuple[str, int, str, str], Row]:
        """openstock.reservations."""
        return {
            (n.order_ref, n.line, n.sku, n.warehouse): {
                "ordered": n.ordered,
                "reserved": n.reserved,
                "allocated": sum((b.pins.get(n, ZERO) for b in self.state.bins.values()), ZERO),
                "backordered": ZERO,
                "shipped": n.shipped,
                "released": n.released,
            }
            for n in self.state.lines
        }

    def snapshot(self) -> dict[LevelKey, Row]:
        """openstock_dw.current_stock, where expired units are blocked only once that is booked."""
        return {
            (sku, warehouse): {
                "on_hand": self.level(sku, warehouse)["on_hand"],
                "blocked": sum((b.on_hand for b in self.bins_at(sku, warehouse) if b.booked), ZERO),
                "reserved": self.level(sku, warehouse)["reserved"],
                "allocated": sum((b.pinned for b in self.bins_at(sku, warehouse)), ZERO),
            }
            for sku, warehouse in self.state.entries
        }

    # --- master data -------------------------------------------------------------------------------------------------

    def _put_products(self, lines: list[Line]) -> list[Row]:
        rows = []
        for n, line in enumerate(lines, 1):
            old = self.state.products.get(line["sku"])
            if old is None and "name" not in line:
                raise Refused("22023", n)
            has_ledger = any(sku == line["sku"] for sku, _ in self.state.entries)
            if old and has_ledger and line.get("tracking", old.tracking) != old.tracking:
                raise Refused("OS120", n)
            if old and has_ledger and line.get("decimals", old.decimals) < old.decimals:
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

    def _receive(self, warehouse: str, lines: list[Line]) -> list[Row]:
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
        return [
            self._apply(Entry(n, self.state.bins[key], line["qty"], "RECEIPT"))
            for n, (line, key) in enumerate(zip(lines, keys, strict=True), 1)
        ]

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
                self._unpin(self._newest_pin(place), place, step)
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

    def _apply(self, entry: Entry) -> Row:
        """Book an entry and answer with the balances after it."""
        place = entry.bin
        place.on_hand += entry.qty
        now = (self._calls, next(self._entries))
        place.first_entry = place.first_entry or now
        if entry.pinned_to is not None and not (entry.qty > 0 and self.blocked(place)):
            self.state.first_pinned_at.setdefault((entry.pinned_to, self._key_of(place)), now)
        self._count(place.sku, place.warehouse)
        return {
            "line": entry.line,
            "sku": place.sku,
            "warehouse": place.warehouse,
            "location": place.location,
            "lot": place.lot,
            "status": place.status,
            "event_type": entry.event_type,
            "qty": entry.qty,
            **self.level(place.sku, place.warehouse),
            "replayed": False,
        }

    def _count(self, sku: str, warehouse: str) -> None:
        self.state.entries[sku, warehouse] = self.state.entries.get((sku, warehouse), 0) + 1

    def _settle(self, levels: Iterable[LevelKey]) -> None:
        """Book what has expired at these levels: its units are nobody's any more."""
        for sku, warehouse in set(levels):
            for place in self.bins_at(sku, warehouse):
                if place.on_hand > 0 and self.blocked(place) and not place.booked:
                    for line in list(place.pins):
                        self._unpin(line, place, place.pins[line])
                    place.booked = True
                    self._count(sku, warehouse)

    def settle_all(self) -> None:
        """openstock_admin.block_expired_lots."""
        self._settle(self.state.entries)

    # --- pinned units ------------------------------------------------------------------------------------------------

    @staticmethod
    def _key_of(place: Bin) -> BinKey:
        return place.sku, place.warehouse, place.location, place.lot, place.status

    def _pin(self, line: OrderLine, place: Bin, qty: Decimal) -> None:
        if line not in place.pins:
            self.state.pinned_at[line, self._key_of(place)] = (self._calls, 0)
        place.pins[line] = place.pins.get(line, ZERO) + qty

    @staticmethod
    def _unpin(line: OrderLine, place: Bin, qty: Decimal) -> None:
        place.pins[line] -= qty
        if place.pins[line] == 0:
            del place.pins[line]

    def _newest_pin(self, place: Bin) -> OrderLine:
        return max(place.pins, key=lambda line: (self.state.pinned_at[line, self._key_of(place)], line.rank))

    def _stack(self, place: Bin) -> list[OrderLine | None]:
        """The bin's units, one by one; those that leave first are last."""
        step = self.state.products[place.sku].step
        oldest_first = sorted(place.pins, key=lambda line: (self.state.pinned_at[line, self._key_of(place)], line.rank))
        units: list[OrderLine | None] = []
        for line in oldest_first:
            units += [line] * int(place.pins[line] / step)
        return units + [None] * int(place.free / step)

    def _bins_of(self, line: OrderLine) -> list[Bin]:
        """The bins that hold a line's pinned units, oldest allocation first."""
        bins = [b for b in self.bins_at(line.sku, line.warehouse) if line in b.pins]
        return sorted(bins, key=lambda b: (self.state.pinned_at[line, self._key_of(b)], b.rank))

    def _pick_order(self, place: Bin, removal: str) -> tuple[Any, ...]:
        lot = self.lot_of(place)
        expires_on = lot.expires_on if lot and lot.expires_on else date.max
        location = self.state.locations[place.warehouse, place.location]
        return (
            expires_on if removal == "fefo" else None,
            (-place.arrived[0], -place.arrived[1]) if removal == "lifo" else None,
            place.arrived,
            location.pick_order,
            place.rank,
        )

    def _pick(self, needs: dict[OrderLine, Decimal], removal: str | None) -> dict[tuple[OrderLine, BinKey], Decimal]:
        """Free units for lines, the oldest line first, unit by unit from the bin whose turn it is."""
        taken: dict[BinKey, Decimal] = defaultdict(Decimal)
        picks: dict[tuple[OrderLine, BinKey], Decimal] = defaultdict(Decimal)
        for line in sorted(needs, key=lambda line: line.rank):
            product = self.state.products[line.sku]
            candidates = [b for b in self.bins_at(line.sku, line.warehouse) if b.on_hand > 0 and not self.blocked(b)]
            candidates.sort(key=lambda b: self._pick_order(b, removal or product.removal), reverse=True)
            need = needs[line]
            while need > 0 and candidates:
                key = self._key_of(candidates[-1])
                if candidates[-1].free - taken[key] <= 0:
                    candidates.pop()
                    continue
                taken[key] += product.step
                picks[line, key] += product.step
                need -= product.step
        return dict(picks)

    # --- promises ----------------------------------------------------------------------------------------------------

    def _reserve(
        self, order_ref: str, lines: list[Line], warehouse: str | None = None, on_shortage: str = "reject"
    ) -> list[Row]:
        self._check_numbers(lines)
        for n, line in enumerate(lines, 1):
            product = self.state.products.get(line["sku"])
            place = line.get("warehouse", warehouse)
            if product is None:
                raise Refused("OS101", n)
            if not product.active:
                raise Refused("OS102", n)
            if place is not None and place not in self.state.warehouses:
                raise Refused("OS103", n)
            if place is not None and not self.state.warehouses[place].active:
                raise Refused("OS104", n)
            if line["qty"] <= 0 or not product.fits(line["qty"]):
                raise Refused("OS110", n)
        wanted: list[Line] = []
        for line in lines:
            ask = {"line": line.get("line"), "sku": line["sku"], "warehouse": line.get("warehouse", warehouse)}
            same = [w for w in wanted if all(w[key] == ask[key] for key in ask)]
            if same:
                same[0]["qty"] += line["qty"]
            else:
                wanted.append(ask | {"qty": line["qty"]})

        of_order = [n for n in self.state.lines if n.order_ref == order_ref]
        if of_order and not self.open_lines(order_ref):
            raise Refused("OS302")
        numbers = [n.line for n in of_order]
        if any(w["line"] in numbers for w in wanted):
            raise Refused("OS304")
        highest = max([0, *numbers, *(w["line"] for w in wanted if w["line"])])
        for w in wanted:
            if w["line"] is None:
                highest += 1
                w["line"] = highest

        for w in wanted:
            self._settle((w["sku"], place) for place in self._asked(w))
        parts = self._source(wanted)
        if sum((w["qty"] for w in wanted), ZERO) > sum(parts.values(), ZERO):
            if on_shortage == "error":
                raise Refused("OS201")
            return [self._rejected(order_ref, w, parts) for w in wanted]
        rows = []
        numbers = [w["line"] for w in wanted]
        in_turn = sorted(parts, key=lambda p: (numbers.index(p[0]), self.state.warehouses[p[2]].priority, p[2]))
        ages = {part: next(self._ages) for part in in_turn}
        for part in sorted(parts, key=lambda p: (p[0], ages[p])):
            number, sku, place = part
            new = OrderLine(order_ref, number, sku, place, ages[part], parts[part], parts[part])
            self.state.lines.append(new)
            self._count(sku, place)
            rows.append(self._reservation_row(new, "reserved"))
        return rows

    @staticmethod
    def _check_numbers(lines: list[Line], *keys: str) -> None:
        """Each line number is given once, or once with each warehouse."""
        numbers = [tuple(line.get(key) for key in keys or ["line"]) for line in lines if "line" in line]
        if len(numbers) > len(set(numbers)):
            raise Refused("22023")

    def _asked(self, wanted: Line) -> list[str]:
        """The warehouses that a line asks, first choice first."""
        active = [
            w.code
            for w in sorted(self.state.warehouses.values(), key=lambda w: (w.priority, w.code))
            if w.active and (wanted["sku"], w.code) in self.state.entries
        ]
        return [code for code in active if wanted["warehouse"] in (None, code)]

    def _source(self, wanted: list[Line]) -> dict[tuple[int, str, str], Decimal]:
        """Which warehouse promises how much to each line: unit by unit."""
        left: dict[LevelKey, Decimal] = {}
        parts: dict[tuple[int, str, str], Decimal] = defaultdict(Decimal)
        for w in sorted(wanted, key=lambda w: w["warehouse"] is None):
            step, need = self.state.products[w["sku"]].step, w["qty"]
            for place in self._asked(w):
                key = w["sku"], place
                left.setdefault(key, self.level(*key)["available"])
                while need > 0 and left[key] >= step:
                    left[key] -= step
                    need -= step
                    parts[w["line"], w["sku"], place] += step
        return dict(parts)

    def _rejected(self, order_ref: str, w: Line, parts: dict[tuple[int, str, str], Decimal]) -> Row:
        levels = [self.level(w["sku"], place) for place in self._asked(w)]
        found = sum((qty for (line, _, _), qty in parts.items() if line == w["line"]), ZERO)
        return {
            "order_ref": order_ref,
            "line": w["line"],
            "sku": w["sku"],
            "warehouse": w["warehouse"],
            "outcome": "rejected",
            "qty_ordered": w["qty"],
            "qty_reserved": ZERO,
            "qty_short": w["qty"] - found,
            **{key: sum((at[key] for at in levels), ZERO) for key in ("on_hand", "blocked", "reserved")},
            "available": sum((max(at["available"], ZERO) for at in levels), ZERO),
            "replayed": False,
        }

    def _reservation_row(self, line: OrderLine, outcome: str) -> Row:
        return {
            "order_ref": line.order_ref,
            "line": line.line,
            "sku": line.sku,
            "warehouse": line.warehouse,
            "outcome": outcome,
            "qty_ordered": line.ordered,
            "qty_reserved": line.reserved,
            "qty_short": ZERO,
            **self.level(line.sku, line.warehouse),
            "replayed": False,
        }

    def _release(self, order_ref: str, lines: list[Line] | None = None) -> list[Row]:
        rows = []
        taken = self._take(order_ref, lines)
        for line, qty in taken:
            bins = self._bins_of(line)
            pinned = sum((b.pins[line] for b in bins), ZERO)
            step = self.state.products[line.sku].step
            while pinned > line.reserved - qty:
                self._unpin(line, bins[-1], step)
                pinned -= step
                if line not in bins[-1].pins:
                    bins.pop()
        for line, qty in taken:
            line.reserved -= qty
            line.released += qty
            self._count(line.sku, line.warehouse)
            rows.append(self._reservation_row(line, "released"))
        return rows

    def _take(self, order_ref: str, lines: list[Line] | None) -> list[tuple[OrderLine, Decimal]]:
        """How much a release or a shipment takes of each open line of an order."""
        self._check_numbers(lines or [], "line", "warehouse")
        if not any(n.order_ref == order_ref for n in self.state.lines):
            raise Refused("OS301")
        open_lines = sorted(self.open_lines(order_ref), key=lambda n: (n.line, n.rank))
        if not open_lines:
            raise Refused("OS303")
        self._settle((n.sku, n.warehouse) for n in open_lines)
        if lines is None:
            return [(n, n.reserved) for n in open_lines]

        asked: dict[tuple[Any, ...], list[tuple[int, Decimal | None]]] = {}
        for n, line in enumerate(lines, 1):
            asked.setdefault((line.get("line"), line.get("sku"), line.get("warehouse")), []).append((n, line.get("qty")))
        matched = {
            key: [n for n in open_lines if all(k in (None, v) for k, v in zip(key, (n.line, n.sku, n.warehouse), strict=True))]
            if key[:2] != (None, None)
            else []
            for key in asked
        }
        taken = []
        for key, amounts in asked.items():
            n = amounts[0][0]
            if key[0] is None and key[1] is None:
                raise Refused("22023", n)
            given = [qty for _, qty in amounts if qty is not None]
            if given and min(given) <= 0:
                raise Refused("OS110", n)
            total = sum(given, ZERO) if len(given) == len(amounts) else None
            if total is not None and not all(self.state.products[m.sku].fits(total) for m in matched[key]):
                raise Refused("OS110", n)
            if any(m in others for m in matched[key] for other, others in matched.items() if other != key):
                raise Refused("22023", n)
            reserved = sum((m.reserved for m in matched[key]), ZERO)
            if not matched[key] or (total is not None and total > reserved):
                raise Refused("OS303", n)
            left = reserved if total is None else total
            for m in matched[key]:
                if left > 0:
                    taken.append((m, min(left, m.reserved)))
                    left -= min(left, m.reserved)
        return taken

    def _allocate(self, order_ref: str, removal: str | None = None, on_shortage: str | None = "partial") -> list[Row]:
        if not any(n.order_ref == order_ref for n in self.state.lines):
            raise Refused("OS301")
        open_lines = self.open_lines(order_ref)
        if not open_lines:
            raise Refused("OS303")
        needs = {n: n.reserved - sum((b.pins[n] for b in self._bins_of(n)), ZERO) for n in open_lines}
        needs = {n: need for n, need in needs.items() if need > 0}
        picks = self._pick(needs, removal)
        if sum(picks.values(), ZERO) < sum(needs.values(), ZERO):
            if on_shortage == "error":
                raise Refused("OS201")
            if on_shortage == "reject":
                picks = {}
        rows = []
        for line in sorted(needs, key=lambda n: (n.line, n.rank)):
            bins = [self.state.bins[key] for owner, key in picks if owner is line]
            bins.sort(key=lambda b: self._pick_order(b, removal or self.state.products[b.sku].removal))
            for place in bins:
                rows.append(self._allocation_row(line, place, "allocated", picks[line, self._key_of(place)]))
            missing = needs[line] - sum((qty for (owner, _), qty in picks.items() if owner is line), ZERO)
            if missing > 0:
                rows.append(self._allocation_row(line, None, "short", missing))
        for (line, key), qty in picks.items():
            self._pin(line, self.state.bins[key], qty)
            self.state.first_pinned_at.setdefault((line, key), (self._calls, 0))
        return rows

    def _allocation_row(self, line: OrderLine, place: Bin | None, outcome: str, qty: Decimal) -> Row:
        lot = self.lot_of(place) if place else None
        return {
            "order_ref": line.order_ref,
            "line": line.line,
            "sku": line.sku,
            "warehouse": line.warehouse,
            "location": place.location if place else None,
            "lot": place.lot if place else None,
            "expires_on": lot.expires_on if lot else None,
            "outcome": outcome,
            "qty": qty,
            "replayed": False,
        }

    def _ship(self, order_ref: str, lines: list[Line] | None = None) -> list[Row]:
        taken = self._take(order_ref, lines)
        pinned: dict[tuple[OrderLine, BinKey], Decimal] = defaultdict(Decimal)
        needs: dict[OrderLine, Decimal] = {}
        for line, qty in taken:
            step, need = self.state.products[line.sku].step, qty
            for place in self._bins_of(line):
                key = self._key_of(place)
                while need > 0 and pinned[line, key] < place.pins[line]:
                    pinned[line, key] += step
                    need -= step
            if need > 0:
                needs[line] = need
        free = self._pick(needs, None)
        if sum(free.values(), ZERO) < sum(needs.values(), ZERO):
            raise Refused("OS201")

        leaving = [(line, key, qty, True) for (line, key), qty in pinned.items() if qty > 0]
        leaving += [(line, key, qty, False) for (line, key), qty in free.items()]
        leaving.sort(key=lambda part: (part[0].line, part[0].rank, not part[3], self.state.bins[part[1]].rank))
        rows = []
        for line, key, qty, was_pinned in leaving:
            place = self.state.bins[key]
            if was_pinned:
                self._unpin(line, place, qty)
            line.reserved -= qty
            line.shipped += qty
            row = self._apply(Entry(line.line, place, -qty, "SHIP"))
            del row["status"], row["event_type"]
            rows.append({"order_ref": line.order_ref} | row | {"qty": qty})
        return rows

    # --- the clock, and repair ---------------------------------------------------------------------------------------

    def advance(self, days: int) -> None:
        """Let days go by."""
        self.today += timedelta(days=days)

    def forget_ages(self) -> None:
        """After the projections were torn down and rebuilt: ages of bins and allocations are those of their first entries."""

        def place_of(item: tuple[BinKey, Bin]) -> tuple[Any, ...]:
            (sku, warehouse, location, lot, status), _ = item
            return self.state.locations[warehouse, location].rank, sku, self.state.lots[sku, lot].rank if lot else 0, status

        for _, place in sorted(self.state.bins.items(), key=place_of):
            place.rank = next(self._ages)
            assert place.first_entry is not None, "a bin without an entry"
            place.arrived = place.first_entry
        self.state.pinned_at = dict(self.state.first_pinned_at)

    def in_pick_order(self, sku: str, warehouse: str) -> Iterator[Bin]:
        """The bins of a level that units can be taken from, in the order of the product's removal rule."""
        removal = self.state.products[sku].removal
        bins = [b for b in self.bins_at(sku, warehouse) if b.on_hand > 0 and not self.blocked(b)]
        yield from sorted(bins, key=lambda b: self._pick_order(b, removal))

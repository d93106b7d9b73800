"""The part of the machine that makes calls, asks the Model what is to happen, and compares with what the database does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise
from random import Random
from typing import Any, ClassVar, TypeVar

import psycopg
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine, invariant
from psycopg.rows import dict_row

from ..support import Row, call
from .state import STATUSES, ZERO, Line, OrderLine, Refused
from .stock import Model
from .world import World, plain

T = TypeVar("T")

TICK = timedelta(milliseconds=1)  # between calls; the entries of one level in one call are a microsecond apart


TOLD = {"reserved", "rejected", "released", "cancelled", "extended", "confirmed", "expired", "short"}


class Witness(RuleBasedStateMachine):
    """One tenant's life. After each call, answer, error, entries and views are what the model says."""

    world: ClassVar[World]
    random: Random

    def __init__(self) -> None:
        super().__init__()
        self.tenant = self.world.begin()
        self.model = Model(self.world.noon)
        self.just_set = True
        self.op_ids = count(1)
        self.done: dict[str, tuple[str, Line, list[Row]]] = {}
        self.steps = 0

    # --- doing and comparing -----------------------------------------------------------------------------------------

    def attempt(self, function: str, op_id: str | None, request: Line) -> list[Row]:
        """Call the database as an application would."""
        return call(self.world.app, function, op_id=op_id, tenant=self.tenant, **plain(request))

    def do(self, function: str, *, anonymously: bool = False, **request: Any) -> None:
        """Make a call; the answer or the error is the one that the model predicts."""
        op_id = None if anonymously else f"op {next(self.op_ids)}"
        if not self.just_set:
            self.set_clock(self.model.now + TICK)
        self.just_set = False
        note(f"  {self.model.now:%d %H:%M:%S.%f} {function}({plain(request)})")
        pinned = self.pinned_to_ended_holds()
        try:
            expected = self.model.call(function, _copied(request))
        except Refused as refused:
            self.refuse(function, op_id, request, refused)
            return
        rows = self.attempt(function, op_id, request)
        compared = [{key: row[key] for key in expected[0]} for row in rows] if expected else rows
        assert compared == expected, f"{function}{request}\n answered {compared}\n expected {expected}"
        self.check_numbers(rows)
        for outcome in {row.get("outcome") for row in rows} & TOLD or {"done"}:
            self.count(function, outcome)
        if function != "expire_reservations" and any(entry["event_type"] == "EXPIRE" for entry in self.model.journal):
            self.count(function, "ended holds booked")
        elif function in ("adjust", "move") and self.pinned_to_ended_holds() < pinned:
            self.count(function, "ended holds un-pinned")
        if op_id is not None:
            self.done[op_id] = (function, request, rows)
            self.compare_entries(op_id)

    def set_clock(self, now: datetime) -> None:
        """Set the clock forward, the model's and the server's."""
        self.model.now = now
        self.world.set_clock(now)

    def pinned_to_ended_holds(self) -> Decimal:
        """Units that are pinned to holds that have ended."""
        return sum((qty for b in self.model.state.bins.values() for line, qty in b.pins.items() if self.model.ended(line)), ZERO)

    def count(self, function: str, outcome: str) -> None:
        """Count what the run consists of."""
        self.world.outcomes[function, outcome] += 1

    def refuse(self, function: str, op_id: str | None, request: Line, refused: Refused) -> None:
        """The call fails with this error."""
        try:
            rows = self.attempt(function, op_id, request)
        except psycopg.Error as error:
            self.count(function, refused.code)
            found = error.sqlstate, error.diag.message_detail
            assert error.sqlstate == refused.code, f"{function}{request}\n refused with {found}\n expected {refused}"
            if refused.line is not None:
                assert f'"line": {refused.line}' in (error.diag.message_detail or ""), f"{found}, expected {refused}"
        else:
            raise AssertionError(f"{function}{request}\n answered {rows}\n expected {refused}")

    def check_numbers(self, rows: list[Row]) -> None:
        """Entries are numbered and stamped in the order of the answer."""
        if rows and "entry_id" in rows[0]:
            for one, next_one in pairwise(rows):
                assert one["entry_id"] < next_one["entry_id"]
                if (one["sku"], one["warehouse"]) == (next_one["sku"], next_one["warehouse"]):
                    assert one["recorded_at"] < next_one["recorded_at"]

    def read(self, connection: psycopg.Connection, query: str) -> list[Row]:
        """Query a view for this tenant."""
        with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute("select set_config('app.tenant_id', %s, true)", [str(self.tenant)])
            return cursor.execute(query).fetchall()

    def compare(self, view: str, keys: Sequence[str], expected: dict[Any, Row], connection: psycopg.Connection | None = None) -> None:
        """A view shows what the model says, no more and no less."""
        rows = self.read(connection or self.world.app, f"select * from {view}")
        wanted = next(iter(expected.values()), {})
        found = {tuple(row[key] for key in keys): {key: row[key] for key in wanted} for row in rows}
        assert len(found) == len(rows), f"{view}: a key twice"
        differing = [key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)]
        assert not differing, f"{view}: " + "\n".join(f"{k} shows {found.get(k)}, expected {expected.get(k)}" for k in differing)

    def compare_entries(self, op_id: str) -> None:
        """What a call wrote into the ledger of promises."""
        expected = self.model.journal
        columns = ", ".join(expected[0] if expected else ["*"])
        found = self.read(
            self.world.app,
            f"select {columns} from openstock.ledger where op_id = '{op_id}' "
            "and event_type in ('RESERVE', 'EXTEND', 'CONFIRM', 'RELEASE', 'EXPIRE') order by entry_id",
        )
        assert found == expected, f"{op_id} wrote {found}\n expected {expected}"

    def compare_views(self) -> None:
        """The three views that tell all."""
        self.compare("openstock.stock", ["sku", "warehouse"], self.model.stock())
        self.compare("openstock.bins", ["sku", "warehouse", "location", "lot", "status"], self.model.bins())
        self.compare("openstock.reservations", ["order_ref", "line", "sku", "warehouse"], self.model.reservations())

    def verify(self) -> list[Row]:
        """What openstock_admin.verify finds."""
        return call(self.world.operator, "openstock_admin.verify", tenant=self.tenant)

    @invariant()
    def database_and_model_agree(self) -> None:
        """After every step."""
        self.compare_views()
        self.steps += 1
        self.world.steps += 1
        if self.steps % 25 == 0:
            assert self.verify() == []

    def teardown(self) -> None:
        """At the end of an example."""
        assert self.verify() == []

    # --- choosing ----------------------------------------------------------------------------------------------------

    def pick(self, options: Sequence[T]) -> T:
        """One of these."""
        return self.random.choice(options)

    def number(self, lowest: int, highest: int) -> int:
        """A number of this range."""
        return self.random.randint(lowest, highest)

    def chance(self, percent: int) -> bool:
        """Sometimes."""
        return self.random.random() * 100 < percent

    def sku(self) -> str:
        """A product, or a misnomer."""
        return "NONE" if self.chance(0.5) else self.pick(self.skus)

    def warehouse(self) -> str:
        """A warehouse, or a misnomer."""
        return "NONE" if self.chance(0.5) else self.pick(self.places)

    def location(self, warehouse: str) -> str:
        """A location of the warehouse, or a misnomer."""
        places = [place for (code, _), place in self.model.state.locations.items() if code == warehouse]
        usable = [place.code for place in places if place.active or self.chance(5)]
        return "NONE" if not usable or self.chance(0.5) else self.pick(usable)

    def qty(self, sku: str, most: Decimal = ZERO) -> Decimal:
        """A quantity: small, or all that there is, or one step more or less; seldom a wrong one."""
        product = self.model.state.products.get(sku)
        step = product.step if product else Decimal(1)
        if self.chance(1):
            return self.pick([ZERO, Decimal(-1), step / 10])
        most -= most % step
        if most > 0 and self.chance(25):
            return max(most + self.pick([ZERO, ZERO, -step, step]), step)
        qty = Decimal(self.number(1, 6)) - (self.number(0, 3) * step if self.chance(30) else 0)
        return max(min(qty, most) if most > 0 and self.chance(90) else qty, step)

    def stock_line(self, warehouse: str, *, known: int) -> tuple[Line, Decimal]:
        """A line that names a bin, that percentage of times one with units in it; and how many."""
        there = [b for b in self.model.state.bins.values() if b.warehouse == warehouse and (b.on_hand > 0 or known < 50)]
        pinned = [b for b in there if b.pins]
        if there and self.chance(known):
            place = self.pick(pinned if pinned and self.chance(40) else there)
            line: Line = {"sku": place.sku, "location": place.location, "status": place.status}
            return line | ({"lot": place.lot} if place.lot else {}), place.on_hand
        line = {"sku": self.sku()}
        product = self.model.state.products.get(line["sku"])
        if self.chance(70):
            line["location"] = self.location(warehouse)
        if self.chance(20):
            line["status"] = self.pick(STATUSES)
        if (product is not None and product.tracking == "lot") != self.chance(0.5):
            lots = [code for sku, code in self.model.state.lots if sku == line["sku"]]
            line["lot"] = self.pick(lots if lots and self.chance(known) else ["L1", "L2", "L3"])
        return line, ZERO

    def lines_of(self, order_ref: str) -> list[Line] | None:
        """What a release or a shipment asks of an order."""
        if self.chance(35):
            return None
        lines: list[Line] = []
        ours = [n for n in self.model.state.lines if n.order_ref == order_ref and (n.reserved > 0 or self.chance(5))]
        for _ in range(self.pick([1, 1, 2, 3])):
            about = self.pick(ours) if ours else None
            line: Line = {}
            by = self.number(1, 7)  # its number, its sku, its warehouse: at least one of the first two, mostly
            if by & 1 and not (about and any(other.get("line") == about.line for other in lines) and self.chance(95)):
                line["line"] = about.line if about else self.number(1, 7)
            if by & 2 or "line" not in line:
                line["sku"] = about.sku if about else self.sku()
            if by & 4:
                line["warehouse"] = about.warehouse if about else self.warehouse()
            if self.chance(2):
                line.pop("sku", None)
            if self.chance(70):
                line["qty"] = self.qty(about.sku if about else "APPLE", about.reserved if about else ZERO)
            lines.append(line)
        return lines

    def unpinned(self, line: OrderLine) -> Decimal:
        """How many units of a line are not pinned."""
        return line.reserved - sum((b.pins.get(line, ZERO) for b in self.model.bins_at(line.sku, line.warehouse)), ZERO)

    def order(self, *, open_only: bool = True, held: bool = False, unpinned: bool = False) -> str:
        """An order, mostly one that has something reserved, or held, or not pinned."""
        lines = self.model.state.lines
        wanted = [n for n in lines if n.reserved > 0 or not open_only]
        if held:
            wanted = [n for n in wanted if n.expires_at is not None]
        if self.chance(75):
            wanted = [n for n in wanted if not self.model.ended(n)] or wanted
        if unpinned:
            wanted = [n for n in wanted if self.unpinned(n) > 0] or wanted
        if self.chance(6):
            refs = {n.order_ref for n in lines} | set(self.model.state.became)
        else:
            refs = {n.order_ref for n in wanted}
        return self.pick(sorted(refs)) if refs and self.chance(98) else f"O-{self.number(1, 99)}"


def _copied(request: Line) -> Line:
    return {key: [dict(line) for line in value] if isinstance(value, list) else value for key, value in request.items()}

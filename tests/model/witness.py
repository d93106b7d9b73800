"""The part of the machine that makes calls, asks the Model what is to happen, and compares with what the database does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise
from random import Random
from typing import Any, ClassVar

import psycopg
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine, invariant
from psycopg.rows import dict_row

from ..support import Row, call
from .state import ZERO, Line, Refused, plain
from .stock import Model
from .world import World

TICK = timedelta(milliseconds=1)  # between calls; the entries of one level in one call are a microsecond apart


TOLD = {
    "reserved", "rejected", "backordered", "short", "released", "cancelled", "extended", "confirmed", "expired", "filled", "allocated", "held",
    "deallocated",
}  # fmt: skip


RESERVATION = [
    "order_ref", "line", "sku", "warehouse", "channel", "ordered", "reserved", "allocated", "backordered", "shipped", "released", "expired", "expires_at",
    "location", "lot", "min_days_left",
    "created_at", "kit",
]  # fmt: skip


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
        if function == "reserve":
            request["lines"] = self.numbered_where_lots_are_due(request)
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
        for outcome in {row.get("outcome") for row in rows} & TOLD or {"done" if rows else "nothing"}:
            self.count(function, outcome)
        if function != "expire_reservations" and any(entry["event_type"] == "EXPIRE" for entry in self.model.journal):
            self.count(function, "ended holds booked")
        for outcome in self.what_became_of_certain_units(request, rows):
            self.count(function, f"certain units {outcome}")
        for outcome in self.what_became_of_kits(request, rows):
            self.count(function, f"kits {outcome}")
        for entry in self.model.journal:
            if entry["quota_delta"]:
                self.count(function, "quota used" if entry["quota_delta"] < 0 else "kept again")
        if "strategy" in request and "reserved" in {row["outcome"] for row in rows}:
            self.count(function, f"reserved by {request['strategy']}")
        if function == "amend" and {"released", "reserved"} <= {row["outcome"] for row in rows}:
            self.count(function, "released and reserved")
        if function == "receive" and self.model.journal:
            self.count(function, "filled")
        elif function in ("adjust", "move") and self.pinned_to_ended_holds() < pinned:
            self.count(function, "ended holds un-pinned")
        if op_id is not None:
            self.done[op_id] = (function, request, rows)
            self.compare_entries(op_id)

    def numbered_where_lots_are_due(self, request: Line) -> list[Line]:
        """The lines. A single one of a product and a quantity may be promised without a look at other levels than the first, and the lots that are due there are
        not booked then, as the model would: one that says its number never is.
        """
        lines: list[Line] = request["lines"]
        plain_one = len(lines) == 1 and lines[0].keys() == {"sku", "qty"} and request["order_ref"] not in self.model.state.orders
        return [lines[0] | {"line": 1}] if plain_one and self.model.lots_are_due(lines[0]["sku"]) else lines

    def what_became_of_certain_units(self, request: Line, rows: list[Row]) -> set[str]:
        """The outcomes for lines that ask for certain units; of a call that asks for some and is refused, rejected."""
        certain = {(line.order_ref, line.line) for line in self.model.state.lines if line.wish.many}
        asked = [line for line in request.get("lines", []) if "min_days_left" in line or ("qty_ordered" in rows[0] and ("lot" in line or "location" in line))] if rows else []
        told = {row["outcome"] for row in rows if "outcome" in row and (row.get("order_ref"), row["line"]) in certain}
        return told | ({row["outcome"] for row in rows} & {"rejected"} if asked else set())

    def what_became_of_kits(self, request: Line, rows: list[Row]) -> set[str]:
        """The outcomes for lines of kits."""
        told = {row["outcome"] for row in rows if row.get("kit") is not None}
        if rows and "order_ref" in rows[0] and "kit" not in rows[0] and request.get("lines"):
            kits = self.model.kit_lines(rows[0]["order_ref"])
            named = {line.get("line") for line in request["lines"]} & kits.keys() or {line.get("sku") for line in request["lines"]} & {kit for kit, _ in kits.values()}
            told |= {"moved"} if named and any(row["line"] in kits for row in rows) else set()
        return told

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
            assert error.sqlstate in refused.codes, f"{function}{request}\n refused with {found}\n expected {refused}"
            for key, line in (("line", refused.line), ("order_line", refused.order_line)):
                assert line is None or f'"{key}": {line}' in (error.diag.message_detail or ""), f"{found}, expected {refused}"
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
        with connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    def compare(self, view: str, keys: Sequence[str], expected: dict[Any, Row], connection: psycopg.Connection | None = None) -> None:
        """A view shows what the model says, no more and no less."""
        wanted = {key: _plain_lists(row) for key, row in expected.items()}
        columns = next(iter(wanted.values()), {})
        rows = self.read(connection or self.world.reader, f"select * from {view}")
        found = {tuple(row[key] for key in keys): {key: row[key] for key in columns} for row in rows}
        found = {key[0] if len(keys) == 1 else key: row for key, row in found.items()}
        assert len(found) == len(rows), f"{view}: a key twice"
        differing = [key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
        assert not differing, f"{view}: " + "\n".join(f"{k} shows {found.get(k)}, expected {wanted.get(k)}" for k in differing)

    def compare_rows(self, view: str, keys: Sequence[str], expected: list[Row]) -> None:
        """The same for a view that may have several rows of the same key."""
        found = Counter(tuple(row[key] for key in keys) for row in self.read(self.world.reader, f"select * from {view}"))
        wanted = Counter(tuple(row[key] for key in keys) for row in expected)
        assert found == wanted, f"{view} shows {dict(found - wanted)}, expected {dict(wanted - found)}"

    def compare_entries(self, op_id: str) -> None:
        """What a call wrote into the ledger of promises."""
        expected = self.model.journal
        columns = ", ".join(expected[0] if expected else ["*"])
        found = self.read(
            self.world.reader,
            f"select {columns} from openstock.ledger where op_id = '{op_id}' "
            "and event_type in ('RESERVE', 'BACKORDER', 'EXTEND', 'CONFIRM', 'RELEASE', 'EXPIRE') order by entry_id",
        )
        assert found == expected, f"{op_id} wrote {found}\n expected {expected}"

    def compare_views(self) -> None:
        """The views that tell all."""
        self.compare("openstock.stock", ["sku", "warehouse"], self.model.stock())
        self.compare("openstock.bins", ["sku", "warehouse", "location", "lot", "status"], self.model.bins())
        self.compare_rows("openstock.reservations", RESERVATION, self.model.reservations())
        self.compare("openstock.orders", ["order_ref"], self.model.orders())
        self.compare("openstock.order_lines", ["order_ref", "line", "sku"], self.model.order_lines())
        self.compare("openstock.backorders", ["sku", "place"], self.model.backorders())
        self.compare("openstock.shortages", ["sku", "warehouse"], self.model.shortages())
        self.compare("openstock.kits", ["sku", "component"], self.model.kits())
        self.compare("openstock.lots", ["sku", "lot"], self.model.lots())
        self.compare("openstock.channels", ["channel"], self.model.channels())
        self.compare("openstock.quotas", ["channel", "sku", "warehouse"], self.model.quotas())

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


def _copied(request: Line) -> Line:
    return {key: [dict(line) for line in value] if isinstance(value, list) else value for key, value in request.items()}


def _plain_lists(row: Row) -> Row:
    return {key: plain(value) if isinstance(value, list) else value for key, value in row.items()}

"""The state machine: it makes up calls, asks the Model what is to happen, and compares with what the database does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import count, pairwise
from random import Random
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4

import psycopg
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from psycopg.rows import dict_row

from ..support import Row, call
from .state import STATUSES, ZERO, Line, Refused
from .stock import Model

T = TypeVar("T")

# Hypothesis gives a number for each step, and shortens an example that fails; what a step does follows from its number, its place and
# the model's state. Left to Hypothesis one by one, the choices would be mostly zeros and repetitions, and most calls errors.
SEEDS = st.integers(0, 2**32 - 1)

PRODUCTS: list[Line] = [
    {"sku": "APPLE", "name": "Apple", "removal": "fifo"},
    {"sku": "JAM", "name": "Jam", "tracking": "lot", "removal": "fifo"},
    {"sku": "MILK", "name": "Milk", "tracking": "lot", "decimals": 1},
    {"sku": "RICE", "name": "Rice", "removal": "lifo", "decimals": 2},
]
WEIGHTS = {
    "receive": 3, "adjust": 3, "move": 4, "reserve": 6, "release": 3, "allocate": 4, "ship": 4,
    "change_master_data": 2, "call_again": 2, "upkeep": 3,
}  # fmt: skip
WAREHOUSES: list[Line] = [{"code": "BER", "priority": 2}, {"code": "LON", "priority": 1}, {"code": "PAR", "priority": 2}]
LOCATIONS: list[Line] = [{"code": "A"}, {"code": "B", "kind": "picking", "pick_order": -1}, {"code": "Q", "kind": "quarantine"}]

LAST_DAY = 200  # days that an example may last; partitions reach a year ahead
TAMPER = [
    "update openstock_core.stock_level set on_hand = on_hand + 1 where tenant_id = %s",
    "update openstock_core.stock_level set reserved = reserved + 1, version = version + 1 where tenant_id = %s",
    "update openstock_core.stock_level set blocked = 0 where tenant_id = %s and blocked > 0",
    "update openstock_core.stock_bin set on_hand = on_hand + 2 where tenant_id = %s",
    "update openstock_core.stock_bin set allocated = 0 where tenant_id = %s and allocated > 0",
    "update openstock_core.stock_bin set blocked = not blocked where tenant_id = %s and allocated = 0 and on_hand > 0",
    "update openstock_core.reservation_line set ordered = ordered + 1, shipped = shipped + 1 where tenant_id = %s",
    "update openstock_core.reservation_line set released = released + reserved, reserved = 0 where tenant_id = %s and reserved > 0",
]
PROJECTIONS = ["allocation", "stock_bin", "reservation_line", "reservation", "stock_level"]


class World:
    """The database of a run: each example is a tenant of its own in it, and begins at noon of the same day (UTC)."""

    def __init__(
        self, db: psycopg.Connection, app: psycopg.Connection, operator: psycopg.Connection, analyst: psycopg.Connection
    ) -> None:
        self.db, self.app, self.operator, self.analyst = db, app, operator, analyst
        self.salt = 0
        self.steps = 0
        self.outcomes: Counter[tuple[str, str]] = Counter()
        db.execute("create table public.test_clock (ahead interval not null)")
        db.execute(
            "insert into public.test_clock "
            "select ((current_timestamp at time zone 'UTC')::date + interval '36 hours') - current_timestamp at time zone 'UTC'"
        )
        db.execute("grant select on public.test_clock to public")
        db.execute(
            "create or replace function openstock.server_time() returns timestamptz language sql volatile "
            "begin atomic select clock_timestamp() + c.ahead from public.test_clock c; end"
        )

    def begin(self) -> tuple[UUID, date]:
        """A new tenant, on the first day."""
        tenant = uuid4()
        call(self.operator, "openstock_admin.create_tenant", name="Model", tenant=tenant)
        call(self.operator, "openstock_admin.grant_tenant", login=self.analyst.info.user, tenant=tenant)
        self.db.execute("update public.test_clock set ahead = ahead - make_interval(days => (extract(day from ahead))::int - 1)")
        found = self.db.execute("select (openstock.server_time() at time zone 'UTC')::date").fetchone()
        assert found is not None
        return tenant, found[0]

    def advance(self, days: int) -> None:
        """Set the clock forward."""
        self.db.execute("update public.test_clock set ahead = ahead + make_interval(days => %s)", [days])

    def summary(self) -> str:
        """How many steps, and which calls with which outcome."""
        calls: dict[str, list[str]] = {}
        for (function, outcome), times in sorted(self.outcomes.items()):
            calls.setdefault(function, []).append(f"{outcome} {times}")
        return "\n".join([f"{self.steps} steps", *(f"  {function}: {', '.join(parts)}" for function, parts in calls.items())])


def plain(value: Any) -> Any:
    """As JSON can hold it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if isinstance(value, date) else value


class StockMachine(RuleBasedStateMachine):
    """One tenant's life. Every rule is a call; after each, answer, error and views are what the model says."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.tenant, today = self.world.begin()
        self.model = Model(today)
        self.first_day = today
        self.op_ids = count(1)
        self.done: dict[str, tuple[str, Line, list[Row]]] = {}
        self.steps = 0

    # --- doing and comparing -----------------------------------------------------------------------------------------

    def attempt(self, function: str, op_id: str, request: Line) -> list[Row]:
        """Call the database as an application would."""
        return call(self.world.app, function, op_id=op_id, tenant=self.tenant, **plain(request))

    def do(self, function: str, **request: Any) -> None:
        """Make a call; the answer or the error is the one that the model predicts."""
        op_id = f"op {next(self.op_ids)}"
        note(f"  {function}({plain(request)})")
        try:
            expected = self.model.call(function, _copied(request))
        except Refused as refused:
            self.refuse(function, op_id, request, refused)
            return
        rows = self.attempt(function, op_id, request)
        compared = [{key: row[key] for key in expected[0]} for row in rows] if expected else rows
        assert compared == expected, f"{function}{request}\n answered {compared}\n expected {expected}"
        self.check_numbers(rows)
        self.count(function, next((row["outcome"] for row in rows if row.get("outcome") in ("rejected", "short")), "done"))
        self.done[op_id] = (function, request, rows)

    def count(self, function: str, outcome: str) -> None:
        """Count what the run consists of."""
        self.world.outcomes[function, outcome] += 1

    def refuse(self, function: str, op_id: str, request: Line, refused: Refused) -> None:
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

    def order(self, *, open_only: bool = True) -> str:
        """An order, mostly one that has something reserved."""
        refs = sorted({n.order_ref for n in self.model.state.lines if n.reserved > 0 or not open_only})
        return self.pick(refs) if refs and self.chance(98) else f"O-{self.number(1, 99)}"

    # --- the calls ---------------------------------------------------------------------------------------------------

    @initialize(draw=SEEDS)
    def furnish(self, draw: int) -> None:
        """Master data, and something to begin with."""
        self.random = Random(f"{self.world.salt} {draw}")
        self.weights = {name: weight * self.pick([1, 2, 4]) for name, weight in WEIGHTS.items()}
        self.skus = self.random.sample([line["sku"] for line in PRODUCTS], self.pick([1, 1, 2, 4]))
        self.places = self.random.sample([line["code"] for line in WAREHOUSES], self.pick([1, 2, 3]))
        self.do("put_products", lines=PRODUCTS)
        self.do("put_warehouses", lines=WAREHOUSES)
        for warehouse in WAREHOUSES:
            self.do("put_locations", warehouse=warehouse["code"], lines=LOCATIONS)
        for place in self.places:
            self.receive_into(place, self.number(3, 8))

    @rule(draw=SEEDS)
    def next_call(self, draw: int) -> None:
        """Whatever comes next."""
        self.random = Random(f"{self.world.salt} {draw} {self.steps}")
        [name] = self.random.choices(list(self.weights), list(self.weights.values()))
        if name in ("release", "allocate", "ship") and not any(n.reserved > 0 for n in self.model.state.lines) and self.chance(95):
            name = "reserve"
        getattr(self, name)()

    def receive(self) -> None:
        """Goods in."""
        self.receive_into(self.warehouse(), self.number(1, 4))

    def receive_into(self, warehouse: str, many: int) -> None:
        """Goods in, of so many lines."""
        lines = []
        for _ in range(many):
            line, _ = self.stock_line(warehouse, known=40)
            line["qty"] = self.qty(line["sku"]) * self.pick([1, 2, 4])
            lot = self.model.state.lots.get((line["sku"], line.get("lot", "")))
            if "lot" in line and self.chance(60):
                known = lot.expires_on if lot else next((n["expires_on"] for n in lines if n.get("lot") == line["lot"] and "expires_on" in n), None)
                expires_on = self.model.today + timedelta(days=self.number(-1, 6))
                line["expires_on"] = known if known and self.chance(99) else expires_on
            lines.append(line)
        self.do("receive", warehouse=warehouse, lines=lines)

    def adjust(self) -> None:
        """Corrections."""
        warehouse = self.warehouse()
        lines = []
        for _ in range(self.number(1, 3)):
            line, on_hand = self.stock_line(warehouse, known=75)
            keys = ("sku", "location", "lot", "status")
            if any(all(line.get(key) == other.get(key) for key in keys) for other in lines) and self.chance(95):
                continue
            if self.chance(30):
                line["set_to"] = self.qty(line["sku"], on_hand) if self.chance(80) else ZERO
                place = self.model.state.bins.get(
                    (line["sku"], warehouse, line.get("location", "DEFAULT"), line.get("lot"), line.get("status", "available"))
                )
                line["expected"] = (place.on_hand if place else ZERO) if self.chance(95) else self.qty(line["sku"])
            else:
                line["qty"] = -self.qty(line["sku"], on_hand) if on_hand and self.chance(75) else self.qty(line["sku"])
            if self.chance(1):
                line.pop("expected", None)
            lines.append(line)
        self.do("adjust", warehouse=warehouse, lines=lines, reason="found so")

    def move(self) -> None:
        """Bin to bin, and status changes."""
        warehouse = self.warehouse()
        lines: list[Line] = []
        for _ in range(self.pick([1, 1, 2, 3])):
            if lines and self.chance(25):  # another line out of the same bin, or on from where that one went
                line, on_hand = dict(lines[-1]), ZERO
                if "to" in line and self.chance(50):
                    line["from"], line["status"] = line["to"], line.get("to_status", line.get("status", "available"))
            else:
                line, on_hand = self.stock_line(warehouse, known=97)
                if "location" in line:
                    line["from"] = line.pop("location")
            line.pop("to", None)
            line.pop("to_status", None)
            if self.chance(75):
                line["to"] = self.location(warehouse)
            if self.chance(30) or "to" not in line:
                line["to_status"] = self.pick(STATUSES)
            line["qty"] = self.qty(line["sku"], on_hand)
            lines.append(line)
        self.do("move", warehouse=warehouse, lines=lines)

    def reservation(self, many: int, *, named: int) -> Line:
        """A request to reserve: so many lines, that percentage of them at a named warehouse."""
        new = f"O-{len({n.order_ref for n in self.model.state.lines}) + 1}"
        request: Line = {"order_ref": self.order(open_only=self.chance(95)) if self.chance(30) else new, "lines": []}
        sellable = sorted({sku for sku, place in self.model.state.entries if self.model.level(sku, place)["available"] > 0})
        for _ in range(many):
            previous: list[Line] = request["lines"]
            repeated = bool(previous) and self.chance(25)
            line: Line = {"sku": previous[-1]["sku"] if repeated else self.pick(sellable) if sellable and self.chance(80) else self.sku()}
            if self.chance(named):
                line["warehouse"] = self.warehouse()
            there = [key for key in self.model.state.entries if key[0] == line["sku"] and key[1] == line.get("warehouse", key[1])]
            levels = [max(self.model.level(*key)["available"], ZERO) for key in there]
            most = self.pick([*levels, sum(levels, ZERO)]) if levels else ZERO
            line["qty"] = self.qty(line["sku"], most / many / self.pick([1, 2]) if self.chance(70) else most)
            if self.chance(12):
                line["line"] = self.number(1, 9) * 10 + len(previous)
            previous.append(line)
        if self.chance(10):
            request["warehouse"] = self.warehouse()
        if self.chance(20):
            request["on_shortage"] = self.pick(["error", "reject"])
        return request

    def reserve(self) -> None:
        """A promise, wherever there is stock or partly at warehouses that the lines name."""
        self.do("reserve", **self.reservation(self.pick([1, 1, 1, 2, 2, 3, 4, 6]), named=self.pick([0, 0, 40])))

    def release(self) -> None:
        """A promise given back, in whole or in part."""
        order_ref = self.order()
        lines = self.lines_of(order_ref)
        self.do("release", order_ref=order_ref, **({} if lines is None else {"lines": lines}))

    def allocate(self) -> None:
        """Units pinned to bins."""
        request: Line = {"order_ref": self.order()}
        if self.chance(40):
            request["removal"] = self.pick(["fefo", "fifo", "lifo"])
        if self.chance(40):
            request["on_shortage"] = self.pick(["partial", "reject", "error"])
        self.do("allocate", **request)

    def ship(self) -> None:
        """Units gone, in whole or in part."""
        order_ref = self.order()
        lines = self.lines_of(order_ref)
        self.do("ship", order_ref=order_ref, **({} if lines is None else {"lines": lines}))

    def change_master_data(self) -> None:
        """A product, a warehouse or a location changes."""
        self.pick([self.change_product, self.change_warehouse, self.change_location])()

    def change_product(self) -> None:
        """Above all, what is kept out of promises and which units go first."""
        line: Line = {"sku": self.pick(self.skus)}
        if self.chance(60):
            line["safety_stock"] = self.pick([ZERO, ZERO, Decimal(1), Decimal(3), Decimal("0.5")])
        if self.chance(40):
            line["removal"] = self.pick(["fefo", "fifo", "lifo"])
        if self.chance(25):
            line["active"] = self.chance(70)
        if self.chance(10):
            line["decimals"] = self.number(0, 2)
        if self.chance(5):
            line["tracking"] = self.pick(["none", "lot"])
        self.do("put_products", lines=[line])

    def change_warehouse(self) -> None:
        """It opens or closes, or changes its place in the order of sourcing."""
        line: Line = {"code": self.pick(list(self.model.state.warehouses))}
        if self.chance(60):
            line["priority"] = self.number(1, 3)
        if self.chance(50):
            line["active"] = self.chance(75)
        self.do("put_warehouses", lines=[line])

    def change_location(self) -> None:
        """What it is for."""
        warehouse = self.warehouse()
        line: Line = {"code": self.pick(["A", "B", "Q", "N"])}
        if self.chance(50):
            line["kind"] = self.pick(["receiving", "storage", "picking", "packing", "quarantine"])
        if self.chance(50):
            line["pick_order"] = self.number(-1, 2)
        if self.chance(30):
            line["active"] = self.chance(75)
        self.do("put_locations", warehouse=warehouse, lines=[line])

    # --- once more ---------------------------------------------------------------------------------------------------

    def call_again(self) -> None:
        """An op_id comes again, or comes to nothing."""
        if not self.done:
            return
        self.pick([self.repeat, self.repeat_with_a_change, self.think_better_of_it])()

    def repeat(self) -> None:
        """The same call again: the stored answer, and nothing happens."""
        op_id = self.pick(list(self.done))
        function, request, rows = self.done[op_id]
        again = self.attempt(function, op_id, request)
        assert again == [row | {"replayed": True} for row in rows], f"{function}{request} again: {again}"
        self.count("repeat", "done")

    def repeat_with_a_change(self) -> None:
        """Another call with an op_id that was used."""
        op_id = self.pick(list(self.done))
        function, request, _ = self.done[op_id]
        if self.chance(50) and isinstance(request.get("lines"), list):
            changed = request | {"lines": [*request["lines"], request["lines"][0]]}
        elif "order_ref" in request:
            changed = request | {"order_ref": request["order_ref"] + "x"}
        else:
            function = "receive" if function != "receive" else "move"
            changed = {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 1}]}
        self.refuse(function, op_id, changed, Refused("OS010"))

    def think_better_of_it(self) -> None:
        """A transaction of several calls that is rolled back: nothing happens, and the op_ids are free."""
        op_id = f"op {next(self.op_ids)}"
        calls: list[Callable[[], Any]] = []
        for function in self.pick([["receive", "reserve"], ["ship", "release"], ["allocate", "ship"]]):
            request: Line = {"order_ref": self.order()}
            if function == "receive":
                request = {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 5}]}
            elif function == "reserve":
                request["lines"] = [{"sku": "APPLE", "qty": 1}]
            calls.append(lambda function=function, request=request: self.attempt(function, f"{op_id} {function}", request))
        with self.world.app.transaction(force_rollback=True):
            for one in calls:
                try:
                    with self.world.app.transaction():
                        one()
                except psycopg.Error as error:
                    assert (error.sqlstate or "").startswith("OS"), error

    # --- the clock, the operator, repair -----------------------------------------------------------------------------

    def upkeep(self) -> None:
        """What operators do."""
        self.pick(
            [self.days_go_by, self.days_go_by, self.block_expired_lots, self.refresh_current_stock, self.rebuild, self.tamper_and_rebuild, self.tear_down_and_rebuild]
        )()

    def days_go_by(self) -> None:
        """Lots expire."""
        days = self.number(1, 3)
        if self.model.today + timedelta(days=days) < self.first_day + timedelta(days=LAST_DAY):
            note(f"  {days} days go by")
            self.world.advance(days)
            self.model.advance(days)

    def block_expired_lots(self) -> None:
        """What expired is booked; views show no difference but in what is pinned."""
        call(self.world.operator, "openstock_admin.block_expired_lots", tenant=self.tenant)
        self.model.settle_all()

    def refresh_current_stock(self) -> None:
        """The snapshot, summed from the ledger alone, is what the model counts."""
        call(self.world.operator, "openstock_admin.refresh_current_stock")
        self.compare("openstock_dw.current_stock", ["sku", "warehouse"], self.model.snapshot(), self.world.analyst)

    def rebuild(self) -> None:
        """Nothing is to be repaired."""
        for replace in (False, True):
            assert call(self.world.operator, "openstock_admin.rebuild", tenant=self.tenant, replace=replace) == []

    def tamper_and_rebuild(self) -> None:
        """Somebody changes a projection behind the ledger's back; verify sees it and rebuild puts it right."""
        damage = self.pick(TAMPER)
        harm = self.world.db.execute(damage, [self.tenant]).rowcount
        found = self.verify()
        reported = call(self.world.operator, "openstock_admin.rebuild", tenant=self.tenant)
        assert [(r["fact"], r["key"]) for r in reported] == [(r["fact"], r["key"]) for r in found]
        assert bool(found) == bool(harm), f"{damage}: {found}"
        call(self.world.operator, "openstock_admin.rebuild", tenant=self.tenant, replace=True)
        assert self.verify() == []

    def tear_down_and_rebuild(self) -> None:
        """All projections are lost, and come back from the ledger."""
        with self.world.db.transaction():
            for table in PROJECTIONS:
                self.world.db.execute(f"delete from openstock_core.{table} where tenant_id = %s", [self.tenant])
        call(self.world.operator, "openstock_admin.rebuild", tenant=self.tenant, replace=True)
        self.model.forget_ages()


def _copied(request: Line) -> Line:
    return {key: [dict(line) for line in value] if isinstance(value, list) else value for key, value in request.items()}

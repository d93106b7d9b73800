"""A storm: workers that do everything to a few products at once. What must be true of the wreckage is in wreckage.py.

Each worker makes a fixed number of random calls on a connection of its own, retrying serialization failures and deadlocks as a client
does. An operator meanwhile verifies, rebuilds, refreshes, sweeps, changes master data and sets the clock forward, so that holds end all the
time. What every call answered is kept, and held against the ledger when all is over.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

import psycopg
from psycopg import IsolationLevel

from ..support import Connect, Row, Shop, call, call_now, day
from ..wall_clock import WallClock
from .kept import note_what_is_kept
from .specialties import Specialties, is_certain

PRODUCTS: list[dict[str, Any]] = [
    {"sku": "APPLE", "name": "Apple", "removal": "fifo", "backorder": "limited", "backorder_limit": 12},
    {"sku": "JAM", "name": "Jam", "tracking": "lot", "safety_stock": 2, "backorder": "limited", "backorder_limit": 8},
    {"sku": "MILK", "name": "Milk", "tracking": "lot", "decimals": 1, "backorder": "unlimited"},
    {"sku": "RICE", "name": "Rice", "removal": "lifo", "decimals": 2, "backorder": "limited", "backorder_limit": 5},
]
WAREHOUSES = ["LON", "BER"]
LOCATIONS = ["DEFAULT", "A-1", "A-2", "Q-1"]
SAFETY = {"JAM": Decimal(2), "TEA": Decimal(1)}
LIMITS = {"APPLE": Decimal(12), "JAM": Decimal(8), "RICE": Decimal(5)}
"""How many units may wait; of others any number."""
MUST_RETRY = ("40001", "40P01")
# What a random call may run into when others were faster.
ACCEPTED = {
    "adjust": {"OS106", "OS113", "OS201", "OS202"},
    "move": {"OS106", "OS113", "OS201"},
    "receive": {"OS106"},
    "reserve": {"OS302", "OS107", "OS111"},
    "amend": {"OS301", "OS302", "OS303", "OS305", "22023"},
    "extend": {"OS301", "OS302", "OS303", "OS305", "OS306"},
    "confirm": {"OS301", "OS302", "OS303", "OS305", "OS306"},
    "cancel": {"OS301", "OS302", "OS303", "OS305"},
    "release": {"OS301", "OS302", "OS303", "OS305", "22023"},
    "allocate": {"OS301", "OS302", "OS303", "OS305"},
    "ship": {"OS301", "OS302", "OS303", "OS305", "22023"},
    "deallocate": {"OS301", "OS302", "OS303", "OS305", "22023"},
    "short_pick": {"OS301", "OS302", "OS303", "OS305"},
    "allocate_next": set(),
    "fill_backorders": set(),
    "expire_reservations": set(),
    "put_quotas": set(),
}
CALLS = {
    "receive": 12,
    "adjust": 8,
    "move": 14,
    "reserve": 34,
    "amend": 8,
    "extend": 8,
    "confirm": 12,
    "cancel": 3,
    "release": 6,
    "allocate": 14,
    "ship": 12,
    "deallocate": 3,
    "short_pick": 4,
    "allocate_next": 6,
    "fill_backorders": 6,
    "expire_reservations": 3,
}
"""How often each is called; short_pick only where something may be lost."""
MOSTS = {"expire_reservations": "max_lines", "fill_backorders": "max_rows"}
"""What bounds them."""
ATTEMPTS = 200


@dataclass
class Done:
    """A call that was answered: when it began (its last attempt), when the answer was there."""

    function: str
    request: dict[str, Any]
    op_id: str
    rows: list[Row]
    began: datetime
    ended: datetime


@dataclass
class Storm:
    """One storm, in a tenant of its own. With losses, stock is also adjusted downwards, blocked and left to expire."""

    connect: Connect
    db: psycopg.Connection
    level: IsolationLevel
    losses: bool
    workers: int
    calls: int
    seed: int
    done: list[Done] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    deadlocks: list[str] = field(default_factory=list)
    """Of calls that were each a transaction of their own: there are to be none."""
    composed_deadlocks: int = 0
    """With a transaction of several calls, which holds what its earlier calls locked when a later one waits."""
    sellers: set[int] = field(default_factory=set)
    """The server processes that make several calls in a transaction."""
    connections: list[psycopg.Connection] = field(default_factory=list)
    doing: dict[int, str] = field(default_factory=dict)
    """What each server process was last asked for, to be told with a deadlock."""
    verified: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        [row] = call(self.db, "openstock_admin.create_tenant", name=f"Storm {self.seed}")
        self.shop = Shop(self.opened("app"), self.db, row["create_tenant"])
        self.numbers = count(1)
        self.orders: list[str] = []
        self.carts: list[str] = []
        self.promised: list[str] = []

    def opened(self, login: str) -> psycopg.Connection:
        """A connection that is closed with the storm."""
        connection = self.connect(login)
        self.connections.append(connection)
        return connection

    def close(self) -> None:
        """Close the connections, so that storm may follow storm."""
        for connection in self.connections:
            connection.close()

    # --- the weather -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Let it rage. An exception in any thread is raised here."""
        self.clock = WallClock.install(self.db)
        note_what_is_kept(self.db)
        self.furnish()
        with ThreadPoolExecutor(self.workers + 1) as pool:
            operator = pool.submit(self.operate)
            futures = [pool.submit(self.work, n) for n in range(self.workers)]
            try:
                for future in futures:
                    future.result()
            finally:
                self.over.set()
            operator.result()

    def furnish(self) -> None:
        """Products, warehouses, bins and a little stock."""
        self.shop.put_products(lines=PRODUCTS)
        self.specialties = Specialties(self.shop, WAREHOUSES)
        self.shop.put_warehouses(lines=[{"code": code, "priority": n} for n, code in enumerate(WAREHOUSES)])
        for warehouse in WAREHOUSES:
            self.shop.put_locations(
                warehouse, [{"code": "A-1"}, {"code": "A-2"}, {"code": "E-1"}, {"code": "Q-1", "kind": "quarantine"}]
            )
            lines = [self.received(Random(warehouse), product, 25) for product in PRODUCTS]
            self.keep("receive", {"warehouse": warehouse, "lines": lines}, "initial " + warehouse, self.shop.connection)
        for number, (function, request) in enumerate(self.specialties.furnish()):
            self.keep(function, request, f"initial {number}", self.shop.connection)

    def received(self, random: Random, product: dict[str, Any], most: int) -> dict[str, Any]:
        """A line of goods in."""
        line = {"sku": product["sku"], "qty": random.randint(1, most), "location": random.choice(LOCATIONS[:3])}
        return line | (self.lot(random) if product.get("tracking") == "lot" else {})

    def lot(self, random: Random) -> dict[str, Any]:
        """One of four lots."""
        lot = random.randint(1, 4)
        return {"lot": f"L{lot}", "expires_on": day(lot * 2 if self.losses else 999)}

    def work(self, worker: int) -> None:
        """One worker's calls."""
        random = Random(f"{self.seed} {worker}")
        connection, seller = self.opened("app"), self.opened("app")
        self.sellers.add(seller.info.backend_pid)
        for one in (connection, seller):
            one.execute(f"set default_transaction_isolation = '{self.level.name.replace('_', ' ').lower()}'")
            one.execute("set lock_timeout = '60s'")
        for _ in range(self.calls):
            if self.done and random.random() < 0.07:
                self.repeat(random.choice(self.done), connection)
            elif random.random() < 0.1:
                self.sell(random, seller)
            else:
                function, request = self.make_up_a_specialty(random) if random.random() < 0.2 else self.make_up(random)
                self.keep(function, request, f"op {next(self.numbers)}", connection)

    def make_up(self, random: Random) -> tuple[str, dict[str, Any]]:
        """A random call."""
        often = CALLS if self.losses else CALLS | {"short_pick": 0}
        [function] = random.choices(list(often), list(often.values()))
        place = random.choice(WAREHOUSES)
        many = random.randint(1, 3)
        if function == "receive":
            lines = [self.received(random, product, 5) for product in random.sample(PRODUCTS, many)]
            return function, {"warehouse": place, "lines": lines} | ({"fill_backorders": False} if random.random() < 0.3 else {})
        if function in ("adjust", "move"):
            return function, {"warehouse": place, "lines": self.bins(random, place, function, many)} | (
                {"reason": "found so"} if function == "adjust" else {}
            )
        if function == "reserve":
            request = self.order(random) | ({"ttl": self.ttl(random)} if random.random() < 0.6 else {})
            on_shortage = random.choices([None, "partial", "backorder"], [4, 3, 8])[0]
            request |= {"on_shortage": on_shortage} if on_shortage else {}
            if not any(map(is_certain, request["lines"])) and on_shortage is None:
                request |= {"strategy": random.choice(["priority", "most_stock", "fewest_splits", "least_cost"])}
            return function, request | ({"priority": random.randint(-1, 2)} if random.random() < 0.3 else {})
        if function in MOSTS:
            return function, {MOSTS[function]: random.choice([1, 3, 1000])}
        if function == "allocate_next":
            return function, {"warehouse": place, "max_orders": random.choice([1, 3, 10]), "on_shortage": random.choice(["partial", "reject"])}
        if function == "short_pick":
            return function, self.missing(random)
        request = {"order_ref": random.choice(self.orders[-20:] or ["NONE"])}
        if self.carts and function in ("extend", "confirm", "cancel", "allocate") and random.random() < 0.7:
            request["order_ref"] = random.choice(self.carts[-8:])
        if function == "extend":
            request["ttl"] = self.ttl(random)
        elif function == "confirm":
            request |= self.confirmation(random)
        elif function == "amend":
            request["order_ref"] = random.choice(self.promised[-12:] or ["NONE"])
            request["lines"] = self.amendments(random)
            request |= random.choice([{}, {"on_shortage": "partial"}, {"on_shortage": "backorder"}])
        elif function in ("release", "ship", "deallocate") and random.random() < 0.4:
            request["lines"] = [{"line": 1, "qty": 1}]
        return function, request

    def make_up_a_specialty(self, random: Random) -> tuple[str, dict[str, Any]]:
        """A call about channels, kits or pieces."""
        order_ref = f"ORDER-{next(self.numbers)}"
        function, request = self.specialties.make_up(random, order_ref, losses=self.losses)
        if function == "reserve":
            self.orders.append(order_ref)
        return function, request

    def missing(self, random: Random) -> dict[str, Any]:
        """A unit of an order that was pinned a moment ago, and is not found in a bin where it may be."""
        with self._reading:
            pinned = [row for row in self.shop.view("reservations") if row["allocated"] > 0]
            bins = [row for row in self.shop.view("bins") if row["allocated"] > 0]
        if not pinned:
            return {"order_ref": "NONE", "lines": [{"sku": "APPLE", "location": "A-1", "qty": 1}]}
        line = random.choice(pinned)
        places = [row for row in bins if (row["sku"], row["warehouse"]) == (line["sku"], line["warehouse"])] or bins
        row = random.choice(places) if places else {"location": "A-1", "lot": None}
        lost = {"sku": line["sku"], "warehouse": line["warehouse"], "location": row["location"], "lot": row["lot"], "qty": 1}
        return {"order_ref": line["order_ref"], "lines": [lost]}

    @staticmethod
    def amendments(random: Random) -> list[dict[str, Any]]:
        """What a line or two are to be, or something new."""
        lines: list[dict[str, Any]] = [{"line": line, "qty": random.randint(0, 5)} for line in random.sample([1, 2, 3], random.randint(1, 2))]
        return lines + [{"sku": random.choice(PRODUCTS)["sku"], "line": random.randint(20, 99), "qty": random.randint(0, 3)}] * random.choice([0, 1])

    @staticmethod
    def ttl(random: Random) -> timedelta:
        """A time after which a hold ends: soon, by this storm's clock."""
        return timedelta(seconds=random.choice([1, 600, 1800, 3600, 7200]))

    def confirmation(self, random: Random) -> dict[str, Any]:
        """How an order is confirmed: as it is, into another that is there, or into a new one."""
        request: dict[str, Any] = {"on_expired": "skip"} if random.random() < 0.5 else {}
        chance = random.random()
        if chance < 0.3:
            request["new_order_ref"] = random.choice(self.orders[-20:] or ["FIRST"])
        elif chance < 0.6:
            request["new_order_ref"] = f"ORDER-{next(self.numbers)}"
            self.orders.append(request["new_order_ref"])
        return request

    def order(self, random: Random, *, new: bool = False) -> dict[str, Any]:
        """Up to five lines, in any order; now and then at a warehouse that is named, or more for an order that is there."""
        lines = []
        for _ in range(random.randint(1, 5)):
            line: dict[str, Any] = {"sku": random.choice(PRODUCTS)["sku"], "qty": random.randint(1, 4)}
            line |= {"warehouse": random.choice(WAREHOUSES)} if random.random() < 0.2 else {}
            lines.append(line | (self.wish(random, line["sku"]) if not new and random.random() < 0.06 else {}))
        if self.orders and not new and random.random() < 0.15:
            return {"order_ref": random.choice(self.orders[-20:]), "lines": lines}
        order_ref = f"ORDER-{next(self.numbers)}"
        if not new:
            self.orders.append(order_ref)
        return {"order_ref": order_ref, "lines": lines}

    @staticmethod
    def wish(random: Random, sku: str) -> dict[str, Any]:
        """What the units have to be."""
        tracked = sku in ("JAM", "MILK")
        what = random.choice(["location", "lot", "min_days_left"] if tracked else ["location"])
        if what == "location":
            return {"warehouse": random.choice(WAREHOUSES), "location": random.choice(LOCATIONS[:3])}
        return {"lot": f"L{random.randint(1, 4)}"} if what == "lot" else {"min_days_left": random.randint(0, 5)}

    def bins(self, random: Random, place: str, function: str, many: int) -> list[dict[str, Any]]:
        """Lines of adjust or move, about bins that were seen a moment ago."""
        seen = self.shop_view(place)
        lines = []
        for row in random.sample(seen, min(many, len(seen))):
            line = {"sku": row["sku"], "lot": row["lot"], "status": row["status"]}
            if function == "adjust":
                lost = self.losses and random.random() < 0.6
                line |= {"location": row["location"], "qty": -random.randint(1, 3) if lost else 1}
                if random.random() < 0.3:
                    del line["qty"]
                    line |= {"expected": int(row["on_hand"]) if row["on_hand"] == int(row["on_hand"]) else float(row["on_hand"])}
                    least = -1 if self.losses and line["expected"] >= 1 else 0 if self.losses else 1
                    line |= {"set_to": line["expected"] + random.randint(least, 2 if self.losses else 1)}
            else:
                to = random.choice([at for at in LOCATIONS[: 4 if self.losses else 3] if at != row["location"]])
                line |= {"from": row["location"], "to": to, "qty": random.randint(1, 4)}
                if self.losses and random.random() < 0.2:
                    line["to_status"] = random.choice(["hold", "damaged", "available"])
            lines.append(line)
        return lines or [{"sku": "APPLE", "qty": 1} | ({"to": "A-1"} if function == "move" else {})]

    def shop_view(self, place: str) -> list[Row]:
        """What bins hold, read on a connection that all workers share."""
        with self._reading:
            return [row for row in self.shop.view("bins", warehouse=place) if row["sku"] != "PHONE" and (row["sku"] != "RICE" or self.losses)]

    _reading: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, function: str, request: dict[str, Any], op_id: str, connection: psycopg.Connection) -> Done | None:
        """Make a call, again as long as it must be, and keep what it answers; every third reservation in hot-SKU mode."""
        now = function == "reserve" and int(op_id.split()[1]) % 3 == 0
        for _ in range(ATTEMPTS):
            began = self.now(connection)
            self.doing[connection.info.backend_pid] = function
            try:
                given = {"op_id": op_id, "tenant": self.shop.tenant, **request}
                rows = call_now(connection, **given) if now else call(connection, function, **given)
            except psycopg.Error as error:
                if error.sqlstate in MUST_RETRY:
                    self.count_retry(error)
                    continue
                accepted = ACCEPTED[function] | ({"OS201"} if self.losses else set())
                assert error.sqlstate in accepted, f"{function}{request}: {error.sqlstate} {error} {error.diag.message_detail}"
                self.outcomes[f"{function} {error.sqlstate}"] += 1
                return None
            done = Done(function, request, op_id, rows, began, self.now(connection))
            if not rows or not rows[0]["replayed"]:
                self.done.append(done)
                if function == "receive":
                    self.specialties.received(request["lines"])
            if function == "reserve" and rows[0]["outcome"] in ("reserved", "backordered"):
                self.promised.append(request["order_ref"])
            if "ttl" in request and rows[0]["outcome"] in ("reserved", "backordered"):
                self.carts.append(request["order_ref"])
            self.outcomes[f"{function} {rows[0].get('outcome', 'done') if rows else 'nothing to do'}"] += 1
            return done
        raise AssertionError(f"no success in {ATTEMPTS} attempts")

    def count_retry(self, error: psycopg.Error) -> None:
        """Count it; who waited for whom is kept."""
        detail = error.diag.message_detail or ""
        if error.sqlstate == "40001":
            self.retries[f"40001 {detail if detail.startswith('{') else ''}".strip()] += 1
            return
        waiting = {pid: self.doing.get(pid) for pid in map(int, re.findall(r"[Pp]rocess (\d+)", detail))}
        if self.sellers.isdisjoint(waiting):
            self.deadlocks.append(f"{waiting} {detail} {error.diag.context}")
        else:
            self.composed_deadlocks += 1

    def repeat(self, done: Done, connection: psycopg.Connection) -> None:
        """The same call again, perhaps while its first is not over."""
        again = self.keep(done.function, done.request, done.op_id, connection)
        assert again is not None, "what was done is refused when repeated"
        assert again.rows == [row | {"replayed": True} for row in done.rows], f"{again.rows} for {done.rows}"

    def sell(self, random: Random, connection: psycopg.Connection) -> None:
        """Reserve, allocate and ship in one transaction of the caller's."""
        # An order that nobody else knows until then: with lines of another's, the last call would lock levels that come before the
        # first one's.
        request, number = self.order(random, new=True), next(self.numbers)
        order_ref = {"order_ref": request["order_ref"]}
        for _ in range(ATTEMPTS):
            done: list[Done] = []
            began = self.now(connection)
            try:
                with connection.transaction():
                    for function in ("reserve", "allocate", "ship"):
                        arguments = request if function == "reserve" else order_ref
                        op_id = f"op {number} {function}"
                        self.doing[connection.info.backend_pid] = function
                        rows = call(connection, function, op_id=op_id, tenant=self.shop.tenant, **arguments)
                        done.append(Done(function, arguments, op_id, rows, began, began))
                        if function == "reserve" and rows[0]["outcome"] == "rejected":
                            break
            except psycopg.Error as error:
                if error.sqlstate in MUST_RETRY:
                    self.count_retry(error)
                    continue
                assert error.sqlstate in ("OS201" if self.losses else "", "OS302", "OS303"), f"{error.sqlstate} {error}"
                self.outcomes[f"sell {error.sqlstate}"] += 1
                return
            self.orders.append(request["order_ref"])
            for one in done:
                one.ended = self.now(connection)
            self.done.extend(done)
            self.outcomes[f"sell {done[-1].function}"] += 1
            return
        raise AssertionError(f"no success in {ATTEMPTS} attempts")

    @staticmethod
    def now(connection: psycopg.Connection) -> datetime:
        """The server's clock, in UTC, as lots expire."""
        [(found,)] = connection.execute("select openstock.server_time()").fetchall()
        assert isinstance(found, datetime)
        return found.astimezone(UTC)

    def operate(self) -> None:
        """Operators' work at random moments, until the workers are done."""
        random = Random(self.seed)
        operator, app = self.opened("operator"), self.opened("app")
        while not self.over.is_set():
            self.clock.advance(minutes=random.choice([0, 0, 1, 10]))
            try:
                self.operate_once(random, operator, app)
            except psycopg.errors.DeadlockDetected as error:
                self.count_retry(error)

    def operate_once(self, random: Random, operator: psycopg.Connection, app: psycopg.Connection) -> None:
        """One thing that operators do."""
        tenant = self.shop.tenant
        what = random.randint(0, 20)
        if what < 12:
            found = call(operator, "openstock_admin.verify", tenant=tenant)
            assert found == [], found
            self.verified += 1
        elif what < 14:
            assert call(operator, "openstock_admin.rebuild", tenant=tenant, replace=True) == []
        elif what == 14:
            call(operator, "openstock_admin.refresh_current_stock")
        elif what == 15:
            call(operator, "openstock_admin.block_expired_lots", tenant=tenant)
        elif what == 16:
            call(operator, "openstock_admin.ensure_partitions")
        elif what == 17 and self.losses:
            self.clock.advance(hours=20)
        elif what == 18:
            call(operator, f"openstock_admin.{random.choice(list(MOSTS))}", tenant=tenant)
        else:
            self.change_master_data(random, app)

    def change_master_data(self, random: Random, connection: psycopg.Connection) -> None:
        """Warehouses change places, products their removal rule, bins their kind where they are empty, lots whether they may be promised."""
        place = random.choice(WAREHOUSES)
        changes: list[tuple[str, dict[str, Any]]] = [
            ("put_warehouses", {"lines": [{"code": place, "priority": random.randint(0, 3)}]}),
            ("put_products", {"lines": [{"sku": "APPLE", "removal": random.choice(["fifo", "lifo"])}]}),
        ]
        if self.losses:
            kind = random.choice(["storage", "quarantine"])
            lot = {"sku": random.choice(["JAM", "MILK"])} | self.lot(random)
            changes.append(("put_lots", {"lines": [lot | {"quality": random.choice(["hold", "released", "released"])}]}))
            changes.append(("put_locations", {"warehouse": place, "lines": [{"code": "A-2", "kind": kind}]}))
        function, request = random.choice(changes)
        try:
            call(connection, function, op_id=f"op {next(self.numbers)}", tenant=self.shop.tenant, **request)
        except psycopg.Error as error:
            if error.sqlstate == "40P01":
                raise
            assert error.sqlstate == "OS120", error

"""What tests share: logins, a furnished shop, errors, the contents of the database, a clock, waiting for states."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Protocol
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pytest_postgresql.executors import NoopExecutor

TENANT = UUID("0197a000-0000-7000-8000-000000000001")
OTHER_TENANT = UUID("0197a000-0000-7000-8000-000000000002")

Row = dict[str, Any]


@dataclass(frozen=True)
class Login:
    """A login role of the tests, what it is a member of, and whom it may act for."""

    name: str
    group: str | None
    tenants: tuple[UUID, ...] = ()
    trusted: bool = False


LOGINS = {
    "app": Login("test_app", "openstock_app", trusted=True),
    "bound": Login("test_bound", "openstock_app", tenants=(TENANT,)),
    "undeclared": Login("test_undeclared", "openstock_app"),
    "analyst": Login("test_analyst", "openstock_analyst", tenants=(TENANT,)),
    "operator": Login("test_operator", "openstock_operator"),
    "stranger": Login("test_stranger", None),
}


class Connect(Protocol):
    """Opens a connection as one of the LOGINS."""

    def __call__(self, login: str = "app", *, autocommit: bool = True) -> psycopg.Connection: ...


_numbers = count(1)


def call(connection: psycopg.Connection, function: str, /, **arguments: object) -> list[Row]:
    """Call a function of schema openstock (or schema.function) by argument names and return its rows.

    `lines` may be a Python list; an op_id of None is left out, and one is made where the function takes one.
    """
    if "." not in function:
        function = f"openstock.{function}"
    values = as_parameters(arguments)
    named = sql.SQL(", ").join(sql.SQL("{} => {}").format(sql.Identifier(k), sql.Placeholder(k)) for k in values)
    query = sql.SQL("select * from {}({})").format(sql.Identifier(*function.split(".")), named)
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def as_parameters(arguments: dict[str, object]) -> dict[str, object]:
    """What is sent for them: lists and dicts as JSON."""
    return {k: Jsonb(v) if isinstance(v, (list, dict)) else v for k, v in arguments.items()}


def call_now(connection: psycopg.Connection, **arguments: object) -> list[Row]:
    """The rows that reserve_now answers, as reserve would return them."""
    values = as_parameters(arguments)
    named = ", ".join(f"{name} => %({name})s" for name in values)
    [(answer,)] = connection.execute(f"call openstock.reserve_now({named})", values).fetchall()
    query = "select * from jsonb_populate_recordset(null::openstock.reservation_change, %s)"
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [Jsonb(answer)]).fetchall()


# What a test may give without naming it; of all others the warehouse and the lines.
POSITIONAL = {
    "reserve": ("order_ref", "lines"),
    "amend": ("order_ref", "lines"),
    "release": ("order_ref", "lines"),
    "extend": ("order_ref", "ttl"),
    "confirm": ("order_ref", "new_order_ref"),
    "cancel": ("order_ref",),
    "deallocate": ("order_ref", "lines"),
    "short_pick": ("order_ref", "lines"),
    "allocate_next": ("warehouse",),
    "order_history": ("order_ref",),
    "serial_history": ("sku", "serial"),
    "ship": ("order_ref", "lines"),
    "allocate": ("order_ref",),
    "quote": ("lines",),
    "availability": ("sku",),
    "search_products": ("query",),
}


READS = ("availability", "order_history", "quote", "search_products", "serial_history")
"""The functions that write nothing, and so take no op_id."""


class Shop:
    """A tenant as its application sees it: `shop.receive("LON", [{"sku": "APPLE", "qty": 10}])`.

    Furnished with the products APPLE (fifo, pieces), MILK (by lot, fefo, 1 decimal), RICE (kilograms, 3 decimals, no
    lots) and OLD (inactive), the warehouses LON (priority 1; bins A-1, A-2, P-1 for picking, Q-1 quarantine, OFF
    inactive), BER (priority 2) and SHUT (inactive).
    """

    def __init__(self, connection: psycopg.Connection, db: psycopg.Connection, tenant: UUID = TENANT) -> None:
        self.connection = connection
        self.db = db
        self.tenant = tenant

    def furnish(self) -> Shop:
        self.put_products(
            lines=[
                {"sku": "APPLE", "name": "Apple", "removal": "fifo"},
                {"sku": "MILK", "name": "Fresh milk", "unit": "LTR", "decimals": 1, "tracking": "lot"},
                {"sku": "RICE", "name": "Rice, loose", "unit": "KGM", "decimals": 3},
                {"sku": "OLD", "name": "No longer sold", "active": False},
            ]
        )
        self.put_warehouses(
            lines=[
                {"code": "LON", "name": "London", "priority": 1},
                {"code": "BER", "name": "Berlin", "priority": 2},
                {"code": "SHUT", "name": "Closed down", "active": False},
            ]
        )
        self.put_locations(
            warehouse="LON",
            lines=[
                {"code": "A-1"},
                {"code": "A-2"},
                {"code": "P-1", "kind": "picking"},
                {"code": "Q-1", "kind": "quarantine"},
                {"code": "OFF", "active": False},
            ],
        )
        return self

    def __getattr__(self, function: str) -> Any:
        """Any function of schema openstock, with an op_id of its own unless one is given, for this tenant."""

        if function.startswith("_"):
            raise AttributeError(function)

        def method(*positional: object, **arguments: object) -> list[Row]:
            arguments |= dict(zip(POSITIONAL.get(function, ("warehouse", "lines")), positional, strict=False))
            if function not in READS:
                arguments.setdefault("op_id", f"op-{next(_numbers)}")
            return call(self.connection, function, **arguments, tenant=self.tenant)

        return method

    def view(self, name: str, /, **where: object) -> list[Row]:
        """The rows of a view of schema openstock that have these values, in a stable order."""
        conditions = [sql.SQL("{} = {}").format(sql.Identifier(k), sql.Literal(v)) for k, v in where.items()]
        query = sql.SQL("select * from {} where {} order by 1, 2, 3, 4").format(
            sql.Identifier(*(name.split(".") if "." in name else ("openstock", name))),
            sql.SQL(" and ").join([sql.SQL("true"), *conditions]),
        )
        with self.connection.transaction(), self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute("select set_config('app.tenant_id', %s, true)", [str(self.tenant)])
            return cursor.execute(query).fetchall()

    def entries(self, *names: str, **where: object) -> list[tuple[Any, ...]]:
        """These columns of the ledger entries that have these values, in the order in which they were written."""
        return columns(self.view("ledger", **where), *names)

    def level(self, sku: str, warehouse: str = "LON") -> tuple[Any, Any, Any, Any]:
        """(on_hand, blocked, reserved, available) of a product at a warehouse."""
        [row] = self.view("stock", sku=sku, warehouse=warehouse)
        return row["on_hand"], row["blocked"], row["reserved"], row["available"]

    def differences(self) -> list[Row]:
        """What verify finds; nothing, if all is well."""
        return call(self.db, "openstock_admin.verify", tenant=self.tenant)


def columns(rows: Sequence[Row], *names: str) -> list[tuple[Any, ...]]:
    """These columns of the rows, as tuples."""
    return [tuple(row[name] for name in names) for row in rows]


def day(ahead: int) -> str:
    """The date (UTC) so many days from now, as it is written in lines."""
    return (datetime.now(UTC).date() + timedelta(days=ahead)).isoformat()


@dataclass
class Refusal:
    """An error that a test expected: its SQLSTATE, and its DETAIL as read from JSON."""

    code: str = ""
    detail: Any = None
    hint: str | None = None


TABLES = """
    select format('%I.%I', n.nspname, c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('openstock_core', 'public') and c.relkind in ('r', 'm', 'p') and not c.relispartition
    order by 1
"""


def contents(db: psycopg.Connection) -> dict[str, list[str]]:
    """Every row of every table as text: equal before and after, if nothing changed."""
    found: dict[str, list[str]] = {table: [] for (table,) in db.execute(TABLES)}
    # Sorted here: sorting and summing up fifty tables in SQL takes the server longer than the test.
    query = " union all ".join(f"select '{table}', t::text from {table} t" for table in found)
    for table, row in db.execute(query, prepare=True):
        found[table].append(row)
    for rows in found.values():
        rows.sort()
    return found


@contextlib.contextmanager
def unchanged(db: psycopg.Connection) -> Iterator[None]:
    """Expect that not one row of the database changes meanwhile."""
    before = contents(db)
    yield
    after = contents(db)
    changed = sorted(table for table in before.keys() | after.keys() if before.get(table) != after.get(table))
    assert not changed, f"changed: {changed}"


@contextlib.contextmanager
def fails(code: str, **detail: object) -> Iterator[Refusal]:
    """Expect an error with this SQLSTATE, DETAIL (at least these values) and a HINT."""
    refusal = Refusal()
    raised: psycopg.Error | None = None
    try:
        yield refusal
    except psycopg.Error as error:
        raised = error
    assert raised, f"expected {code}, and nothing was refused"
    diag = raised.diag
    assert raised.sqlstate == code, f"expected {code}, got {raised.sqlstate}: {raised} {diag.message_detail}"
    assert diag.message_detail is not None, "an error without DETAIL"
    assert diag.message_hint, "an error without HINT"
    refusal.code, refusal.detail, refusal.hint = code, json.loads(diag.message_detail), diag.message_hint
    for key, value in detail.items():
        assert refusal.detail.get(key) == value, f"{key}: {refusal.detail}"


@contextlib.contextmanager
def refused(db: psycopg.Connection, code: str, **detail: object) -> Iterator[Refusal]:
    """Expect an error with this SQLSTATE, DETAIL (at least these values) and a HINT, that changed nothing at all."""
    with unchanged(db), fails(code, **detail) as refusal:
        yield refusal


@contextlib.contextmanager
def denied(db: psycopg.Connection, code: str = "42501") -> Iterator[None]:
    """Expect an error of PostgreSQL itself (permission denied, unless another is named), that changed nothing."""
    with unchanged(db):
        raised: psycopg.Error | None = None
        try:
            yield
        except psycopg.Error as error:
            raised = error
        assert raised, f"expected {code}, and nothing was refused"
        assert raised.sqlstate == code, f"expected {code}, got {raised.sqlstate}: {raised}"


class Clock:
    """Sets the clock of this test's database forward, or stops it."""

    def __init__(self, db: psycopg.Connection) -> None:
        self.db = db

    @staticmethod
    def install(db: psycopg.Connection) -> None:
        """Replace the server's clock in a database by one that can be set."""
        db.execute("create table public.test_clock (ahead interval not null, stopped_at timestamptz)")
        db.execute("insert into public.test_clock values ('0')")
        db.execute("grant select on public.test_clock to public")
        db.execute(
            "create or replace function openstock.server_time() returns timestamptz language sql volatile "
            "begin atomic select coalesce(c.stopped_at, clock_timestamp() + c.ahead) from public.test_clock c; end"
        )

    def set(self, moment: str) -> None:
        """Set the clock to a moment, for every connection: clock.set("2027-03-31 23:59 UTC")."""
        self.db.execute(
            "update public.test_clock set ahead = %s::timestamptz - clock_timestamp(), stopped_at = null", [moment]
        )

    def stop(self, moment: datetime) -> None:
        """Let it be this moment, to the microsecond, until the clock is set or stopped again."""
        self.db.execute("update public.test_clock set stopped_at = %s", [moment])

    def advance(self, **ahead: float) -> None:
        """Set the clock forward, for every connection: clock.advance(days=3)."""
        self.db.execute("update public.test_clock set ahead = ahead + %s", [timedelta(**ahead)])


def superuser_dsn(server: NoopExecutor, dbname: str) -> str:
    """The superuser's DSN of a database of the tests' server."""
    return make_conninfo(host=server.host, port=server.port, user=server.user, password=server.password or None, dbname=dbname)


def drop_database(cluster: psycopg.Connection, name: str) -> None:
    """Drop a database, if it is there, when all who were connected are gone: the server would wait 100 ms for them."""
    cluster.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
    wait_until(cluster, sql.SQL("select not exists (select from pg_stat_activity where datname = {})").format(sql.Literal(name)))
    cluster.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))


def wait_until(db: psycopg.Connection, query: str | sql.Composed, seconds: float = 60) -> None:
    """Wait until a query returns true; fail after a time that only a broken test reaches."""
    deadline = time.monotonic() + seconds
    while not (db.execute(query).fetchone() or (False,))[0]:
        if time.monotonic() > deadline:
            raise AssertionError(f"never true: {query}")
        time.sleep(0.005)


def wait_until_blocked(db: psycopg.Connection, *connections: psycopg.Connection) -> None:
    """Wait until these connections wait for a lock."""
    pids = ", ".join(str(c.info.backend_pid) for c in connections)
    wait_until(
        db,
        f"select count(*) = {len(connections)} from pg_stat_activity "
        f"where pid in ({pids}) and wait_event_type = 'Lock'",
    )

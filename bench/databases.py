"""The databases that loads run on: templates, made once, and cheap copies of them, so that each load starts alike."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bench import bare
from bench.past import add_past_partitions, write_history
from openstock.migrate import migrate

HERE = Path(__file__).parent
APP = "openstock_bench_app"
"""The login of every load: a plain one, bound to the tenant, so that row-level security is in force."""
PEERS = ("limits", "usual", "twophase")
STOCK = 10_000_000
"""Units of each product: more than any run can promise."""
BATCH = 1000
DOCUMENTS = 100
"""Orders of 100 lines, and receipts of 1,000, that are ready as text."""

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server, by a superuser's DSN."""

    dsn: str

    def database(self, name: str, user: str | None = None) -> str:
        """The DSN of one of its databases."""
        return make_conninfo(self.dsn, dbname=name, **({"user": user} if user else {}))

    @contextmanager
    def connect(self, name: str = "postgres", user: str | None = None) -> Iterator[Connection]:
        """A connection in autocommit mode, closed at the end."""
        with psycopg.connect(self.database(name, user), autocommit=True) as connection:
            yield connection

    def drop(self, *names: str) -> None:
        """Drop databases, if they are there."""
        with self.connect() as connection:
            for name in names:
                connection.execute(sql.SQL("drop database if exists {} (force)").format(sql.Identifier(name)))

    def create(self, name: str, template: str | None = None) -> None:
        """Make a database anew, empty or as a copy."""
        self.drop(name)
        with self.connect() as connection:
            connection.execute(
                sql.SQL("create database {} template {}").format(
                    sql.Identifier(name), sql.Identifier(template or "template0")
                )
            )

    def settle(self, name: str) -> None:
        """Leave a template as it should be copied: analysed, its rows frozen, nothing left for autovacuum to do."""
        with self.connect(name) as connection:
            connection.execute("vacuum (analyze, freeze)")


def tenant_id(number: int = 1) -> UUID:
    """The number-th tenant; scripts make the same text of the number."""
    return UUID(f"0197b000-0000-7000-8000-{number:012d}")


def make_login(cluster: Cluster) -> None:
    """Make the loads' login, which belongs to the whole cluster."""
    with cluster.connect() as connection:
        if not connection.execute("select from pg_roles where rolname = %s", [APP]).fetchone():
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(APP)))


def make_peers(cluster: Cluster, name: str, skus: int) -> None:
    """A database with the limits and the contenders, and the same products in each."""
    cluster.create(name)
    with cluster.connect(name) as connection:
        for peer in PEERS:
            text = (HERE / "peers" / peer / "schema.sql").read_text()
            connection.execute(text.replace(":skus", str(skus)).replace(":stock", str(STOCK)))
    cluster.settle(name)


def make_shop(cluster: Cluster, name: str, *, skus: int, tenants: int = 1, extras: bool = True) -> None:
    """A migrated database: tenants with `skus` products each, S1 …, and STOCK units of each in one warehouse, MAIN.

    Each product was received, promised and shipped once in the month before: statements planned on empty tables would
    scan them, and go on doing so while they grow.
    extras: also product TWO, in equal quantity in two warehouses; orders of 100 lines and receipts of 1,000 as text;
    and the bare function, with tables of its own.
    """
    _open_shop(cluster, name, skus, tenants, extras)
    with cluster.connect(name) as admin:
        add_past_partitions(admin, 2)
        for number in range(1, tenants + 1):
            write_history(admin, tenant_id(number), cycles=1, days=30)
        if extras:
            _make_documents(admin, skus)
            bare.install(admin, lambda: _one_reservation(cluster, name), tenant_id())
        record_before(admin)
    cluster.settle(name)


def make_grown_shop(
    cluster: Cluster, name: str, *, entries: int, months: int, skus: int, say: Callable[[str], None] = lambda _: None
) -> int:
    """A shop of one tenant with about so many ledger entries, spread over these past months; returns how many."""
    _open_shop(cluster, name, skus, tenants=1, extras=False)
    with cluster.connect(name) as admin:
        add_past_partitions(admin, months + 1)
        written = write_history(
            admin, tenant_id(), max(entries // (3 * skus), 1), 30.0 * months, lambda text: say(f"{name}: {text}")
        )
        record_before(admin)
    cluster.settle(name)
    return written


def _open_shop(cluster: Cluster, name: str, skus: int, tenants: int, extras: bool) -> None:
    cluster.create(name)
    migrate(cluster.database(name))
    with cluster.connect(name) as admin:
        admin.execute(sql.SQL("grant openstock_app to {}").format(sql.Identifier(APP)))
        admin.execute("create schema bench")
        admin.execute("grant usage on schema bench to public")
        for number in range(1, tenants + 1):
            admin.execute("select openstock_admin.create_tenant(%s, %s)", [f"Shop {number}", tenant_id(number)])
            admin.execute("select openstock_admin.grant_tenant(%s, %s)", [APP, tenant_id(number)])
    with cluster.connect(name, APP) as app:
        for number in range(1, tenants + 1):
            _furnish(app, tenant_id(number), skus, extras)


def record_before(admin: Connection) -> None:
    """Note what the database holds before any load, for the checks of outcomes; once more after it was added to."""
    admin.execute("drop table if exists bench.before")
    admin.execute("""
        create table bench.before as
        select (select coalesce(sum(on_hand), 0) from openstock_core.stock_level) as on_hand,
               (select count(*) from openstock_core.ledger) as entries,
               (select coalesce(sum(reserved_delta) filter (where event_type = 'RESERVE'), 0)
                from openstock_core.ledger) as promised,
               (select coalesce(-sum(qty_delta) filter (where event_type = 'SHIP'), 0)
                from openstock_core.ledger) as shipped,
               (select coalesce(sum(shipped), 0) from openstock_core.reservation_line) as lines_shipped,
               (select coalesce(sum(reserved), 0) from openstock_core.stock_level) as reserved,
               (select count(*) from openstock_core.operation) as operations,
               (select count(*) from openstock_core.event) as events
    """)
    admin.execute("grant select on all tables in schema bench to public")


def _furnish(app: Connection, tenant: UUID, skus: int, extras: bool) -> None:
    names = [f"S{number}" for number in range(1, skus + 1)]
    places = ["MAIN", "SECOND"] if extras else ["MAIN"]
    _call(app, tenant, "put_warehouses", [{"code": place, "priority": n} for n, place in enumerate(places, 1)])
    for batch in _batches([*names, *(["TWO"] if extras else [])]):
        _call(app, tenant, "put_products", [{"sku": sku, "name": f"Product {sku}"} for sku in batch])
        _call(app, tenant, "receive", [{"sku": sku, "qty": STOCK} for sku in batch], warehouse="MAIN")
    if extras:
        _call(app, tenant, "receive", [{"sku": "TWO", "qty": STOCK}], warehouse="SECOND")


def _call(app: Connection, tenant: UUID, function: str, lines: Sequence[object], **arguments: str) -> None:
    given = {**arguments, "lines": json.dumps(lines), "tenant": tenant}
    named = sql.SQL(", ").join(sql.SQL("{} => {}").format(sql.Identifier(k), sql.Placeholder(k)) for k in given)
    query = "select count(*) from {}(op_id => gen_random_uuid()::text, {})"
    app.execute(sql.SQL(query).format(sql.Identifier("openstock", function), named), given)


def _one_reservation(cluster: Cluster, name: str) -> None:
    with cluster.connect(name, APP) as app:
        app.execute(
            "select count(*) from openstock.reserve(op_id => gen_random_uuid()::text, order_ref => '1-1-1', "
            """lines => '[{"sku": "S1", "qty": 1}]', tenant => %s)""",
            [tenant_id()],
        )


def _make_documents(admin: Connection, skus: int) -> None:
    """Texts of lines, each with different products, as a client would send them: loads do not pay for writing them."""
    chance = random.Random(0)
    admin.execute("create table bench.order_of_100 (order_id integer primary key, lines text not null)")
    admin.execute("create table bench.receipt_of_1000 (receipt_id integer primary key, lines text not null)")
    for table, lines in (("order_of_100", 100), ("receipt_of_1000", 1000)):
        for number in range(1, DOCUMENTS + 1):
            chosen = chance.sample(range(1, skus + 1), min(lines, skus))
            document = json.dumps([{"sku": f"S{sku}", "qty": 1} for sku in chosen])
            admin.execute(
                sql.SQL("insert into bench.{} values (%s, %s)").format(sql.Identifier(table)), [number, document]
            )


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]

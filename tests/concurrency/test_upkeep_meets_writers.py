"""Operators' work while applications write: expiry, partitions, rebuild, the snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from ..support import OTHER_TENANT, Clock, Connect, Row, Shop, call, columns, day, wait_until_blocked
from .sessions import ALL_LEVELS, NEVER, SNAPSHOT_LEVELS, OpenSession

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)


class Operator:
    """An operator's connection in a transaction of its own, with a thread of its own."""

    def __init__(self, connection: psycopg.Connection, db: psycopg.Connection) -> None:
        self.connection = connection
        self.db = db
        self.thread = ThreadPoolExecutor(max_workers=1)

    def later(self, function: str, **arguments: object) -> Future[list[Row]]:
        """Call a function of openstock_admin in the thread."""
        return self.thread.submit(call, self.connection, f"openstock_admin.{function}", **arguments)

    def blocked(self, function: str, **arguments: object) -> Future[list[Row]]:
        """Call it and wait until it waits for a lock."""
        future = self.later(function, **arguments)
        wait_until_blocked(self.db, self.connection)
        return future

    def commit(self) -> None:
        """End the transaction."""
        self.connection.commit()

    def rollback(self) -> None:
        """End the transaction; it did nothing."""
        self.connection.rollback()


@pytest.fixture
def operators(connect: Connect, db: psycopg.Connection) -> Iterator[tuple[Operator, Operator]]:
    """Two of them."""
    both = tuple(Operator(connect("operator", autocommit=False), db) for _ in range(2))
    yield both[0], both[1]
    for one in both:
        db.execute("select pg_terminate_backend(%s)", [one.connection.info.backend_pid])
        one.thread.shutdown()


@pytest.fixture
def expired(shop: Shop, clock: Clock) -> Shop:
    """Five litres of milk that nobody may be promised any more, three of them pinned to OLD; two that one may."""
    shop.receive(
        "LON",
        [
            {"sku": "MILK", "qty": 5, "location": "A-1", "lot": "OLD", "expires_on": day(2)},
            {"sku": "MILK", "qty": 2, "location": "A-1", "lot": "NEW", "expires_on": day(20)},
        ],
    )
    shop.reserve("OLD", [{"sku": "MILK", "qty": 3}])
    shop.allocate("OLD")
    clock.advance(days=4)
    return shop


def booked(shop: Shop) -> int:
    """How many times the expiry was booked."""
    return len(shop.view("ledger", event_type="STATUS", reason="expired"))


# --- expiry -----------------------------------------------------------------------------------------------------------


@every_level
@pytest.mark.parametrize(("commits", "wanted"), [(True, "the first"), (False, "the second")], ids=["commits", "rolls back"])
def test_two_that_find_a_lot_expired_book_it_once(
    expired: Shop, session: OpenSession, level: IsolationLevel, commits: bool, wanted: str
) -> None:
    one, two = session(level), session(level)
    sale = ("reserve", "B", [{"sku": "MILK", "qty": 1}])
    [first] = one.reserve("A", [{"sku": "MILK", "qty": 1}])
    assert (first["outcome"], first["blocked"], first["available"]) == ("rejected", 5, 0)
    waiting = two.blocked(*sale)
    one.commit() if commits else one.rollback()
    [second] = two.outcome(waiting, *sale)
    assert (second["outcome"], second["blocked"], second["available"]) == ("rejected", 5, 0), wanted
    assert booked(expired) == 1
    assert columns(expired.view("bins", lot="OLD"), "blocked", "allocated") == [(5, 0)]
    assert expired.differences() == []


def test_two_sweepers_book_it_once(expired: Shop, operators: tuple[Operator, Operator]) -> None:
    one, two = operators
    assert one.later("block_expired_lots", tenant=expired.tenant).result(NEVER) == [{"block_expired_lots": 1}]
    waiting = two.blocked("block_expired_lots", tenant=expired.tenant)
    one.commit()
    assert waiting.result(NEVER) == [{"block_expired_lots": 0}]  # it found one, and somebody else booked it
    two.commit()
    assert booked(expired) == 1
    assert expired.differences() == []


def test_a_sweeper_counts_the_levels_that_it_booked_itself(expired: Shop, session: OpenSession, operators: tuple[Operator, Operator], clock: Clock) -> None:
    """It finds two; the first is booked by a shop while it waits, and has another lot that expires later."""
    expired.receive("BER", [{"sku": "MILK", "qty": 1, "lot": "NEW"}])
    expired.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "LAST", "expires_on": day(60)}])
    clock.advance(days=20)
    shop = session()
    shop.reserve("A", [{"sku": "MILK", "qty": 1}], warehouse="LON")
    waiting = operators[0].blocked("block_expired_lots", tenant=expired.tenant)
    shop.commit()
    assert waiting.result(NEVER) == [{"block_expired_lots": 1}]
    operators[0].commit()
    assert expired.level("MILK", "BER") == (1, 1, 0, 0)
    assert expired.differences() == []


def test_a_sweeper_and_a_shipment_book_it_once(
    expired: Shop, session: OpenSession, operators: tuple[Operator, Operator]
) -> None:
    seller = session()
    operators[0].later("block_expired_lots", tenant=expired.tenant).result(NEVER)
    waiting = seller.blocked("ship", "OLD")
    operators[0].commit()
    assert seller.refused(waiting) == "OS201"  # three were promised, and two are left that may go
    assert columns(seller.ship("OLD", [{"line": 1, "qty": 2}]), "lot", "qty") == [("NEW", 2)]
    seller.commit()
    assert booked(expired) == 1
    assert expired.differences() == []


def test_units_received_as_the_lot_expires_are_blocked_too(
    expired: Shop, session: OpenSession, operators: tuple[Operator, Operator]
) -> None:
    supplier = session()
    operators[0].later("block_expired_lots", tenant=expired.tenant).result(NEVER)
    waiting = supplier.blocked("receive", "LON", [{"sku": "MILK", "qty": 1, "location": "A-1", "lot": "OLD"}])
    operators[0].commit()
    assert columns(supplier.outcome(waiting, "receive"), "on_hand", "blocked") == [(8, 6)]
    assert expired.differences() == []


# --- partitions -------------------------------------------------------------------------------------------------------


def partitions(db: psycopg.Connection) -> int:
    """How many the ledger has."""
    [(found,)] = db.execute("select count(*) from pg_inherits where inhparent = 'openstock_core.ledger'::regclass").fetchall()
    return int(found)


@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
def test_partitions_are_made_once(db: psycopg.Connection, operators: tuple[Operator, Operator], commits: bool) -> None:
    one, two = operators
    before = partitions(db)
    assert len(one.later("ensure_partitions", months_ahead=15).result(NEVER)) == 6
    waiting = two.blocked("ensure_partitions", months_ahead=15)
    one.commit() if commits else one.rollback()
    assert len(waiting.result(NEVER)) == (0 if commits else 6)
    two.commit()
    assert partitions(db) == before + 3


def test_partitions_are_made_while_others_write_and_read(
    shop: Shop, db: psycopg.Connection, session: OpenSession, operators: tuple[Operator, Operator]
) -> None:
    before = partitions(db)
    one, two, reader = session(), session(), session()
    one.receive("LON", [{"sku": "APPLE", "qty": 1}])
    reader.view("ledger")
    assert len(operators[0].later("ensure_partitions", months_ahead=13).result(NEVER)) == 2
    two.receive("LON", [{"sku": "RICE", "qty": 1}])
    two.commit()
    operators[0].commit()
    one.commit()
    assert partitions(db) == before + 1
    assert shop.differences() == []


# --- rebuild ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """Ten apples; ONE and TWO are promised three each."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    for order in ("ONE", "TWO"):
        shop.reserve(order, [{"sku": "APPLE", "qty": 3}])
    return shop


WRITERS: list[tuple[str, dict[str, Any]]] = [
    ("receive", {"warehouse": "LON", "lines": [{"sku": "RICE", "qty": 1}]}),
    ("adjust", {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": -1, "location": "A-1"}], "reason": "lost"}),
    ("move", {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 5, "from": "A-1", "to": "A-2"}]}),
    ("reserve", {"order_ref": "THREE", "lines": [{"sku": "APPLE", "qty": 1}]}),
    ("reserve", {"order_ref": "THREE", "lines": [{"sku": "APPLE", "qty": 99}]}),
    ("release", {"order_ref": "ONE"}),
    ("allocate", {"order_ref": "ONE"}),
    ("ship", {"order_ref": "ONE"}),
    ("put_products", {"lines": [{"sku": "APPLE", "safety_stock": 1}]}),
]
each_writer = pytest.mark.parametrize(("function", "request_"), WRITERS, ids=[function for function, _ in WRITERS])


@each_writer
def test_a_rebuild_waits_for_a_writer_and_keeps_what_it_wrote(
    stocked: Shop, session: OpenSession, operators: tuple[Operator, Operator], function: str, request_: dict[str, Any]
) -> None:
    writer = session()
    writer.later(function, **request_).result()
    waiting = operators[0].blocked("rebuild", tenant=stocked.tenant, replace=True)
    writer.reserve("MORE", [{"sku": "APPLE", "qty": 1}])  # it can write on: the rebuild came later
    writer.commit()
    assert waiting.result(NEVER) == []
    operators[0].commit()
    assert stocked.differences() == []


@each_writer
def test_writers_wait_for_a_rebuild(
    stocked: Shop,
    db: psycopg.Connection,
    session: OpenSession,
    operators: tuple[Operator, Operator],
    function: str,
    request_: dict[str, Any],
) -> None:
    db.execute("update openstock_core.stock_level set reserved = reserved + 1")
    writer = session()
    assert len(operators[0].later("rebuild", tenant=stocked.tenant, replace=True).result(NEVER)) == 2
    waiting = writer.blocked(function, **request_)
    operators[0].commit()
    waiting.result(NEVER)
    writer.commit()
    assert stocked.differences() == []


def test_a_rebuild_keeps_no_other_tenant_waiting(
    stocked: Shop, db: psycopg.Connection, connect: Connect, operators: tuple[Operator, Operator]
) -> None:
    other = Shop(connect("app"), db, OTHER_TENANT).furnish()
    db.execute("update openstock_core.stock_level set reserved = reserved + 1")
    assert operators[0].later("rebuild", tenant=stocked.tenant, replace=True).result(NEVER) != []
    other.receive("LON", [{"sku": "APPLE", "qty": 5}])
    other.reserve("ONE", [{"sku": "APPLE", "qty": 1}])
    assert columns(other.allocate("ONE"), "outcome") == [("allocated",)]
    assert len(other.ship("ONE")) == 1
    operators[0].commit()
    assert other.differences() == []


@pytest.mark.parametrize("function", ["ship", "release", "allocate"])
def test_a_rebuild_and_a_writer_that_waits_for_a_bin_do_not_deadlock(
    stocked: Shop, session: OpenSession, operators: tuple[Operator, Operator], function: str
) -> None:
    stocked.allocate("TWO")
    holder, writer = session(), session()
    holder.allocate("ONE")  # holds the bin
    stocked.reserve("THREE", [{"sku": "APPLE", "qty": 2}])
    order = "THREE" if function == "allocate" else "TWO"
    writing = writer.at_once(function, order)
    writer.until_blocked(writing)
    waiting = operators[0].blocked("rebuild", tenant=stocked.tenant, replace=True)
    holder.commit()
    assert writing.result(NEVER)
    assert waiting.result(NEVER) == []
    operators[0].commit()
    assert stocked.differences() == []


def test_two_rebuilds_follow_each_other(stocked: Shop, db: psycopg.Connection, operators: tuple[Operator, Operator]) -> None:
    db.execute("update openstock_core.stock_level set reserved = reserved + 1")
    one, two = operators
    assert one.later("rebuild", tenant=stocked.tenant, replace=True).result(NEVER) != []
    waiting = two.blocked("rebuild", tenant=stocked.tenant, replace=True)
    one.commit()
    assert waiting.result(NEVER) == []
    two.commit()
    assert stocked.differences() == []


@pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)
def test_a_level_that_a_rebuild_made_is_not_overlooked(
    shop: Shop, session: OpenSession, operators: tuple[Operator, Operator], level: IsolationLevel
) -> None:
    """A transaction that is older than the level cannot see it, and must not call the product short."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    with shop.db.transaction():
        shop.db.execute("set local session_replication_role = replica")  # past the foreign key of its bin
        shop.db.execute("delete from openstock_core.stock_level")
    seller = session(level)
    seller.query("select 'takes the snapshot'").result(NEVER)
    assert operators[0].later("rebuild", tenant=shop.tenant, replace=True).result(NEVER) != []
    operators[0].commit()
    sale = ("reserve", "NEW", [{"sku": "APPLE", "qty": 1}])
    assert seller.refused(seller.later(*sale)) == "40001"
    assert columns(seller.outcome(seller.later(*sale), *sale), "outcome", "available") == [("reserved", 9)]
    assert shop.differences() == []


# --- the snapshot -----------------------------------------------------------------------------------------------------


def test_writers_and_a_refresh_do_not_wait_for_each_other(
    stocked: Shop, connect: Connect, session: OpenSession, operators: tuple[Operator, Operator]
) -> None:
    writer = session()
    writer.ship("ONE")
    operators[0].later("refresh_current_stock").result(NEVER)
    writer.ship("TWO")
    operators[0].commit()
    analyst = Shop(connect("analyst"), stocked.db)
    names = ("sku", "on_hand", "reserved")
    assert columns(analyst.view("openstock_dw.current_stock"), *names) == [("APPLE", 10, 6)]
    writer.commit()
    operators[0].later("refresh_current_stock").result(NEVER)
    operators[0].commit()
    assert columns(analyst.view("openstock_dw.current_stock"), *names) == [("APPLE", 4, 0)]


def test_two_refreshes_follow_each_other(
    stocked: Shop, connect: Connect, operators: tuple[Operator, Operator]
) -> None:
    one, two = operators
    one.later("refresh_current_stock").result(NEVER)
    stocked.ship("ONE")
    waiting = two.blocked("refresh_current_stock")
    one.commit()
    [row] = waiting.result(NEVER)
    two.commit()
    analyst = Shop(connect("analyst"), stocked.db)
    as_of = [row["refresh_current_stock"]]
    assert columns(analyst.view("openstock_dw.current_stock"), "on_hand", "refreshed_at") == [(7, *as_of)]

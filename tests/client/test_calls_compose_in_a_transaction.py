"""Several calls, and the caller's own statements, as one transaction: the client's, or the caller's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

import openstock
from openstock import Retry

from ..support import LOGINS, OTHER_TENANT, TENANT, Connect, unchanged
from .faces import OpenClient, wrapped

APPLES = [{"sku": "APPLE", "qty": 5}]


@pytest.fixture
def orders(db: psycopg.Connection) -> str:
    """A table of the application's own, whose key is checked at the commit."""
    db.execute("create table public.orders (ref text primary key deferrable initially deferred)")
    db.execute("grant select, insert on public.orders to public")
    return "public.orders"


def test_a_transaction_commits_all_and_returns_what_the_function_did(
    client: Any, orders: str, db: psycopg.Connection
) -> None:
    def order(mine: Any) -> str:
        mine.sql(f"insert into {orders} values ('O-1')")
        mine.receive("LON", APPLES)
        [row] = mine.reserve("O-1", APPLES)
        return row.outcome

    assert client.transaction(order) == "reserved"
    assert db.execute(f"select ref from {orders}").fetchall() == [("O-1",)]
    assert [s.reserved for s in client.stock("APPLE")] == [5]


def test_an_error_rolls_all_of_it_back(client: Any, orders: str, db: psycopg.Connection) -> None:
    def order(mine: Any) -> None:
        mine.sql(f"insert into {orders} values ('O-1')")
        mine.receive("LON", APPLES)
        raise LookupError("no such customer")

    with unchanged(db), pytest.raises(LookupError):
        client.transaction(order)
    with unchanged(db), pytest.raises(openstock.InsufficientStock):
        client.transaction(
            lambda mine: (mine.receive("LON", APPLES), mine.reserve("O-1", APPLES * 2, on_shortage="error"))
        )
    client.receive("LON", APPLES)


def test_errors_of_the_callers_statements_stay_what_they_are(client: Any, orders: str, db: psycopg.Connection) -> None:
    with unchanged(db), pytest.raises(psycopg.errors.DivisionByZero):
        client.transaction(lambda mine: mine.sql("select 1 / 0"))

    def order_twice(mine: Any) -> None:
        mine.receive("LON", APPLES)
        mine.sql(f"insert into {orders} values ('O-1'), ('O-1')")

    with unchanged(db), pytest.raises(psycopg.errors.UniqueViolation):
        client.transaction(order_twice)


def test_a_swallowed_error_does_not_pass_for_a_commit(client: Any, db: psycopg.Connection) -> None:
    def swallow(mine: Any) -> None:
        mine.receive("LON", APPLES)
        with pytest.raises(openstock.UnknownOrder):
            mine.ship("O-9")

    with unchanged(db), pytest.raises(openstock.TransactionAborted):
        client.transaction(swallow)

    def end_it(mine: Any) -> None:
        mine.receive("LON", APPLES)
        mine.sql("rollback")

    with unchanged(db), pytest.raises(openstock.TransactionAborted):
        client.transaction(end_it)


def test_a_transaction_within_a_transaction_is_a_savepoint(client: Any) -> None:
    def outer(mine: Any) -> None:
        mine.receive("LON", APPLES)

        def inner(innermost: Any) -> None:
            innermost.receive("LON", APPLES)
            innermost.ship("O-9")

        with pytest.raises(openstock.UnknownOrder):
            mine.transaction(inner)
        mine.transaction(lambda innermost: innermost.reserve("O-1", APPLES))

    client.transaction(outer)
    assert [(s.on_hand, s.reserved) for s in client.stock("APPLE")] == [(5, 5)]


def test_a_call_in_the_callers_block_is_part_of_it(client: Any, db: psycopg.Connection) -> None:
    def fail() -> None:
        with client.own_transaction():
            client.receive("LON", APPLES)
            assert [s.on_hand for s in client.stock("APPLE")] == [5]
            raise LookupError

    with unchanged(db), pytest.raises(LookupError):
        fail()
    with client.own_transaction():
        client.receive("LON", APPLES)
        client.transaction(lambda mine: mine.receive("LON", APPLES))
    assert [s.on_hand for s in client.stock("APPLE")] == [10]


def test_a_call_in_the_callers_block_is_never_repeated(open_client: OpenClient, client: Any) -> None:
    client.receive("LON", APPLES)
    other = open_client()

    def collide() -> None:
        with client.own_transaction():
            client.sql("set transaction isolation level repeatable read")
            client.stock("APPLE")
            other.receive("LON", APPLES)
            client.receive("LON", APPLES)

    with pytest.raises(openstock.SerializationFailure):
        collide()
    assert client.retries == 0
    assert [s.on_hand for s in client.stock("APPLE")] == [10]


def test_a_connection_of_the_callers_keeps_its_own_transaction(
    connect: Connect, client: Any, db: psycopg.Connection
) -> None:
    connection = connect(autocommit=False)
    mine = wrapped(connection, tenant=TENANT)
    with unchanged(db):
        mine.receive("LON", APPLES)
        assert [s.on_hand for s in mine.stock()] == [5]
        connection.rollback()
    mine.receive("LON", APPLES)
    assert client.stock() == []
    connection.commit()
    assert [s.on_hand for s in client.stock()] == [5]
    mine.transaction(lambda inner: inner.receive("LON", APPLES))
    connection.rollback()
    assert [s.on_hand for s in client.stock()] == [10]


def test_the_transaction_may_name_the_tenant_instead_of_the_client(connect: Connect, client: Any) -> None:
    client.receive("LON", APPLES)
    connection = connect()
    mine = wrapped(connection)
    with connection.transaction():
        connection.execute("select set_config('app.tenant_id', %s, true)", [str(TENANT)])
        assert [s.on_hand for s in mine.stock()] == [5]
        mine.receive("LON", APPLES)
    assert [s.on_hand for s in client.stock()] == [10]


def test_a_call_for_another_tenant_than_the_transactions_is_refused(open_client: OpenClient, client: Any) -> None:
    other = open_client(tenant=OTHER_TENANT)
    beside = other.wrap(tenant=TENANT)

    def call_for_both(call: Callable[[], Any]) -> None:
        with other.own_transaction():
            assert other.stock() == []
            call()

    for call in (beside.stock, lambda: beside.availability("APPLE")):
        with pytest.raises(openstock.TenantConflict) as raised:
            call_for_both(call)
        assert raised.value.detail == {"given": str(TENANT), "set": str(OTHER_TENANT)}
    assert client.stock() == beside.stock() == []


def test_closing_a_client_leaves_the_callers_connection_open(client: Any, open_client: OpenClient) -> None:
    owner = open_client()
    beside = owner.wrap(tenant=TENANT, retry=Retry(attempts=1))
    beside.close()
    with pytest.raises(openstock.ConnectionFailed, match="no connection"):
        beside.stock()
    assert owner.stock() == client.stock() == []


def test_the_callers_own_kinds_of_rows_and_cursors_do_not_matter(dsn: str, client: Any) -> None:
    client.receive("LON", APPLES)
    named = make_conninfo(dsn, user=LOGINS["app"].name)
    with psycopg.connect(named, autocommit=True, row_factory=dict_row, cursor_factory=psycopg.RawCursor) as connection:
        mine = wrapped(connection, tenant=TENANT)
        assert [s.on_hand for s in mine.stock()] == [5]
        assert [r.outcome for r in mine.reserve("O-1", APPLES)] == ["reserved"]
        assert mine.current_tenant() == TENANT


def test_a_call_fits_into_the_callers_pipeline(connect: Connect, client: Any) -> None:
    connection = connect()
    mine = wrapped(connection, tenant=TENANT)
    with connection.pipeline():
        mine.receive("LON", APPLES)
        assert [s.on_hand for s in mine.stock()] == [5]
    assert [s.on_hand for s in client.stock()] == [5]


def test_a_call_in_a_pipeline_that_failed_before_is_not_a_lost_connection(open_client: OpenClient, client: Any) -> None:
    mine = open_client()
    session = mine.pid()

    with mine.own_pipeline():
        mine.sql("select 1 / 0")
        # psycopg reports it with the first results that somebody asks for.
        with pytest.raises(openstock.OpenstockError) as raised:
            mine.stock()
        assert isinstance(raised.value.__cause__, psycopg.errors.DivisionByZero)
        with pytest.raises(openstock.TransactionAborted):
            mine.stock()
    assert mine.stock() == client.stock() == []
    assert (mine.pid(), mine.retries) == (session, 0)

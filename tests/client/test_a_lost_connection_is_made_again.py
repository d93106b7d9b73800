"""Connections that the server ends, or that break just when an answer is on its way."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

import openstock
from openstock import Retry

from ..support import TENANT, Connect, call, unchanged, wait_until
from .faces import OpenClient, meanwhile, wrapped
from .proxy import Proxy

APPLES = [{"sku": "APPLE", "qty": 5}]


def end_session(db: psycopg.Connection, pid: int) -> None:
    """End a session, and wait until it is gone."""
    db.execute("select pg_terminate_backend(%s)", [pid])
    wait_until(db, f"select not exists (select from pg_stat_activity where pid = {pid})")


def test_a_call_on_a_connection_that_was_ended_reconnects(client: Any, db: psycopg.Connection) -> None:
    before = client.pid()
    end_session(db, before)
    [row] = client.receive("LON", APPLES)
    assert (row.on_hand, row.replayed) == (5, False)
    assert client.pid() != before
    assert client.retries == 1
    end_session(db, client.pid())
    assert [s.on_hand for s in client.stock()] == [5]


def test_a_new_connection_has_the_settings_of_the_first(
    open_client: OpenClient, client: Any, db: psycopg.Connection
) -> None:
    mine = open_client(lock_timeout=1.5, statement_timeout=None)
    query = "select current_setting('lock_timeout'), current_setting('statement_timeout')"
    before = mine.sql(query)
    end_session(db, mine.pid())
    assert mine.stock() == client.stock()
    assert mine.sql(query) == before == [("1500ms", "0")]


def test_a_call_that_was_waiting_is_repeated_with_its_op_id(
    client: Any, connect: Connect, db: psycopg.Connection
) -> None:
    client.receive("LON", APPLES)
    holder = connect(autocommit=False)
    call(holder, "adjust", op_id="held", warehouse="LON", lines=APPLES, reason="held", tenant=TENANT)

    def wait_for_lock() -> int:
        query = """select pid from pg_stat_activity
          where usename = 'test_app' and wait_event_type = 'Lock' and datname = current_database()"""
        wait_until(db, f"select exists ({query})")
        return db.execute(query).fetchone()[0]

    with meanwhile(lambda: client.adjust("LON", APPLES, "waiting", op_id="waiting")) as answer:
        first = wait_for_lock()
        end_session(db, first)
        assert wait_for_lock() != first
        holder.rollback()
        [row] = answer()
    assert (row.on_hand, row.replayed) == (10, False)
    assert client.retries >= 1
    assert len(client.ledger(op_id="waiting")) == 1


def test_a_call_whose_answer_was_lost_takes_effect_once(
    open_client: OpenClient, client: Any, dsn: str, proxy: Proxy
) -> None:
    remote = open_client(address=proxy.address(dsn))
    proxy.lose_the_answer_to("receive")
    [row] = remote.receive("LON", APPLES)
    assert (row.on_hand, row.replayed) == (5, True)
    assert remote.retries == 1
    proxy.lose_the_answer_to("openstock")
    assert [s.on_hand for s in remote.stock()] == [s.on_hand for s in client.stock()] == [5]
    assert remote.retries == 2


def test_a_commit_whose_answer_was_lost_is_left_to_the_caller(
    open_client: OpenClient, client: Any, dsn: str, proxy: Proxy
) -> None:
    remote = open_client(address=proxy.address(dsn))

    def work(mine: Any) -> None:
        mine.receive("LON", APPLES)
        proxy.lose_the_answer_to("COMMIT")

    with pytest.raises(openstock.OutcomeUnknown) as raised:
        remote.transaction(work)
    assert raised.value.sqlstate == "08007"
    assert isinstance(raised.value, openstock.ConnectionFailed)
    assert remote.retries == 0
    assert [s.on_hand for s in remote.stock()] == [s.on_hand for s in client.stock()] == [5]


def test_a_transaction_begins_on_a_new_connection_if_the_old_one_is_gone(client: Any, db: psycopg.Connection) -> None:
    end_session(db, client.pid())
    attempts = []
    client.transaction(lambda mine: (attempts.append(1), mine.receive("LON", APPLES)))
    assert len(attempts) == 1
    assert client.retries == 1
    assert [s.on_hand for s in client.stock()] == [5]


def test_a_connection_lost_within_a_transaction_ends_it(client: Any, db: psycopg.Connection) -> None:
    def work(mine: Any) -> None:
        mine.receive("LON", APPLES)
        end_session(db, mine.pid())
        with pytest.raises(openstock.ConnectionFailed):
            mine.receive("LON", APPLES)
        # Not on a new connection, where it would not be part of the transaction.
        mine.receive("LON", APPLES)

    with unchanged(db), pytest.raises(openstock.ConnectionFailed):
        client.transaction(work)
    assert client.retries == 0

    def swallow(mine: Any) -> None:
        end_session(db, mine.pid())
        with pytest.raises(openstock.ConnectionFailed):
            mine.stock()

    with unchanged(db), pytest.raises(openstock.ConnectionFailed):
        client.transaction(swallow)
    assert client.receive("LON", APPLES)


def test_a_connection_of_the_callers_is_not_made_again(connect: Connect, client: Any, db: psycopg.Connection) -> None:
    connection = connect()
    mine = wrapped(connection, tenant=TENANT)
    end_session(db, connection.info.backend_pid)
    with unchanged(db):
        for _ in range(2):
            with pytest.raises(openstock.ConnectionFailed) as raised:
                mine.receive("LON", APPLES, op_id="lost")
            assert raised.value.op_id == "lost"
            assert raised.value.detail["problem"]
    assert mine.retries == client.retries == 0


def test_reconnecting_is_bounded(open_client: OpenClient, client: Any, dsn: str, proxy: Proxy) -> None:
    remote = open_client(address=proxy.address(dsn), retry=Retry(attempts=3, base=0))
    proxy.close()
    with pytest.raises(openstock.ConnectionFailed) as raised:
        remote.receive("LON", APPLES)
    assert raised.value.op_id
    assert raised.value.__notes__ == ["It was tried 3 times."]
    assert remote.retries == 2
    with pytest.raises(openstock.ConnectionFailed):
        remote.transaction(lambda mine: mine.stock())
    assert client.stock() == []


def test_what_cannot_be_told_apart_when_repeated_is_not_repeated(
    open_client: OpenClient, dsn: str, proxy: Proxy
) -> None:
    operator = open_client("operator", tenant=None, address=proxy.address(dsn))
    names = [t.name for t in operator.admin.tenants()]
    proxy.lose_the_answer_to("create_tenant")
    with pytest.raises(openstock.ConnectionFailed):
        operator.admin.create_tenant("Made, and not heard of")
    assert operator.retries == 0
    assert [t.name for t in operator.admin.tenants()] == ["Made, and not heard of", *names]


def test_a_closed_client_refuses_calls(client: Any) -> None:
    client.close()
    client.close()
    uses = [lambda: client.receive("LON", APPLES), client.stock, lambda: client.transaction(lambda mine: mine.stock())]
    for use in uses:
        with pytest.raises(openstock.ConnectionFailed) as raised:
            use()
        assert raised.value.detail == {"problem": "the client is closed"}
    assert client.retries == 0


def test_a_read_is_one_round_trip(open_client: OpenClient, client: Any, dsn: str, proxy: Proxy) -> None:
    client.receive("LON", APPLES)
    remote = open_client(address=proxy.address(dsn))
    for read in (remote.stock, lambda: remote.availability("APPLE"), lambda: remote.receive("LON", APPLES)):
        for _ in range(7):
            # Once among these, psycopg prepares the statement, which is a round trip of its own.
            read()
        for _ in range(3):
            proxy.start_counting()
            assert read()
            assert proxy.round_trips == 1


def test_clients_of_eight_threads_do_not_disturb_each_other(open_client: OpenClient, client: Any) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 20}])
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def sell(seller: Any, n: int) -> None:
        start.wait(60)
        for order in range(5):
            [row] = seller.reserve(f"O-{n}-{order}", [{"sku": "APPLE", "qty": 1}])
            outcomes.append(row.outcome)
            if row.outcome == "reserved":
                seller.ship(f"O-{n}-{order}")

    sellers = [open_client() for _ in range(8)]
    threads = [threading.Thread(target=sell, args=(seller, n)) for n, seller in enumerate(sellers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["rejected"] * 20 + ["reserved"] * 20
    assert [(s.on_hand, s.reserved) for s in client.stock("APPLE")] == [(0, 0)]

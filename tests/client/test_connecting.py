"""Which databases a client works with, and what it says of the others."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import openstock
from openstock.session import Settings

from ..support import LOGINS, TENANT, Connect, Shop, call, unchanged, wait_until
from .faces import OpenClient


def app(dsn: str) -> str:
    return make_conninfo(dsn, user=LOGINS["app"].name)


def connect_both(dsn: str | None, **settings: Any) -> Iterator[Any]:
    """What connecting raises, synchronously and asynchronously."""

    async def connect() -> None:
        await (await openstock.connect_async(dsn, **settings)).close()

    for attempt in (lambda: openstock.connect(dsn, **settings).close(), lambda: asyncio.run(connect())):
        with pytest.raises(openstock.OpenstockError) as raised:
            attempt()
        yield raised.value


def test_the_dsn_is_given_or_taken_from_the_environment(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENSTOCK_DSN", raising=False)
    with openstock.connect(app(dsn), tenant=TENANT) as client:
        assert client.stock() == []
    monkeypatch.setenv("OPENSTOCK_DSN", app(dsn))
    with openstock.connect(tenant=str(TENANT)) as client:
        assert client.tenant == TENANT
        assert client.stock() == []
    monkeypatch.delenv("OPENSTOCK_DSN")
    given = conninfo_to_dict(app(dsn))
    for variable, key in [("PGHOST", "host"), ("PGPORT", "port"), ("PGUSER", "user"), ("PGDATABASE", "dbname")]:
        monkeypatch.setenv(variable, str(given[key]))
    if given.get("password"):
        monkeypatch.setenv("PGPASSWORD", str(given["password"]))
    with openstock.connect(tenant=TENANT) as client:
        assert client.stock() == []


def test_an_asynchronous_client_is_a_context_manager(dsn: str) -> None:
    async def use() -> psycopg.AsyncConnection[Any]:
        async with await openstock.connect_async(app(dsn), tenant=TENANT) as client:
            assert await client.stock() == []
            return client.connection

    assert asyncio.run(use()).closed


def test_a_database_that_openstock_never_migrated_is_refused(dsn: str, db: psycopg.Connection) -> None:
    name = f"{db.info.dbname}_empty"
    db.execute(f"create database {name} template template0")
    try:
        for error in connect_both(make_conninfo(dsn, dbname=name)):
            assert type(error) is openstock.NotMigrated
            assert error.sqlstate in ("3F000", "42883")
            assert error.hint == "Run: openstock migrate"
    finally:
        db.execute(f"drop database {name} with (force)")


def test_a_schema_without_a_recorded_migration_is_refused(dsn: str, db: psycopg.Connection) -> None:
    db.execute("delete from openstock_core.migration")
    with unchanged(db):
        errors = list(connect_both(app(dsn)))
    for error in errors:
        assert type(error) is openstock.NotMigrated
        assert error.detail == {"database": None, "package": "0001.baseline"}


def test_a_database_of_a_newer_openstock_is_refused(dsn: str, db: psycopg.Connection) -> None:
    db.execute("insert into openstock_core.migration (name, checksum) values ('9999.future', 'x')")
    with unchanged(db):
        errors = list(connect_both(app(dsn)))
    for error in errors:
        assert type(error) is openstock.NewerSchema
        assert error.detail == {"database": "9999.future", "package": "0001.baseline"}
        assert error.hint


def test_a_login_without_rights_is_told_who_gives_them(dsn: str) -> None:
    for error in connect_both(make_conninfo(dsn, user=LOGINS["stranger"].name)):
        assert type(error) is openstock.NoAccess
        assert error.detail == {"problem": "permission denied for schema openstock"}
        assert "openstock_app" in error.hint


@pytest.mark.parametrize("address", ["host=/nowhere", "postgresql://127.0.0.1:1/x"])
def test_a_server_that_is_not_there_is_a_failed_connection(address: str) -> None:
    for error in connect_both(address):
        assert type(error) is openstock.ConnectionFailed
        assert error.sqlstate == "08006"
        assert error.detail["problem"]
        assert error.hint


@pytest.mark.parametrize(
    ("settings", "argument"),
    [
        ({"dsn": "nonsense"}, "dsn"),
        ({"dsn": "colour=red"}, "dsn"),
        ({"dsn": "", "tenant": "me"}, "tenant"),
        ({"dsn": "", "lock_timeout": -1}, "lock_timeout"),
        ({"dsn": "", "statement_timeout": float("nan")}, "statement_timeout"),
        ({"dsn": "", "idle_in_transaction_session_timeout": 1e9}, "idle_in_transaction_session_timeout"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], argument: str) -> None:
    for error in connect_both(**settings):
        assert type(error) is openstock.InvalidArgument
        assert error.detail["argument"] == argument
        assert error.hint


@pytest.mark.parametrize("address", ["postgres//app:secret@db/shop", "postgresql://app:%secret@db", "host=db secret"])
def test_an_address_that_cannot_be_read_is_not_quoted_since_it_may_hold_a_password(address: str) -> None:
    for error in connect_both(address):
        assert "secret" not in str(error)
        assert error.__cause__ is None
        assert error.__suppress_context__


@contextmanager
def server_of_version(version: str) -> Iterator[tuple[str, list[bytes]]]:
    """A server that says it is of this version and is ready for queries; its address, and what it was sent."""
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with listener, listener.accept()[0] as client:
            received.append(client.recv(65536))
            statuses = [f"server_version\0{version}\0".encode(), b"client_encoding\0UTF8\0"]
            messages = [(b"R", struct.pack("!i", 0)), *((b"S", status) for status in statuses), (b"Z", b"I")]
            client.sendall(b"".join(kind + struct.pack("!i", 4 + len(body)) + body for kind, body in messages))
            received.append(client.recv(65536))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield f"host=127.0.0.1 port={listener.getsockname()[1]} user=app sslmode=disable gssencmode=disable", received
    thread.join(60)


def test_a_server_that_is_too_old_is_refused_before_it_is_asked_anything() -> None:
    with server_of_version("14.9") as (address, received), pytest.raises(openstock.ServerTooOld) as raised:
        openstock.connect(address)
    assert raised.value.detail == {"server": 14, "needed": 15}
    assert raised.value.hint
    # Nothing after the startup packet but the farewell.
    assert received[1] == b"X\x00\x00\x00\x04"


def startup_packet(**settings: Any) -> dict[str, str]:
    """The parameters that a client sends first."""
    with server_of_version("14.9") as (address, received), pytest.raises(openstock.ServerTooOld):
        openstock.connect(address, **settings)
    words = received[0][8:].rstrip(b"\0").decode().split("\0")
    return dict(zip(words[::2], words[1::2], strict=True))


def test_timeouts_travel_in_the_startup_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGOPTIONS", raising=False)
    assert startup_packet()["options"] == (
        "-c lock_timeout=5000 -c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000"
    )
    assert startup_packet()["application_name"] == "openstock"


def test_without_timeouts_a_pooler_is_sent_no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGOPTIONS", raising=False)
    packet = startup_packet(lock_timeout=None, statement_timeout=None, idle_in_transaction_session_timeout=None)
    assert packet.keys() <= {"user", "database", "client_encoding", "application_name"}


def test_timeouts_hold_and_the_address_outweighs_them(
    open_client: OpenClient, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"]
    query = "select " + ", ".join(f"current_setting('{name}')" for name in names)
    assert open_client().sql(query) == [("5s", "30s", "1min")]
    assert open_client(lock_timeout=0.0001, statement_timeout=0).sql(query) == [("1ms", "0", "1min")]
    with_options = make_conninfo(dsn, options="-c lock_timeout=7s")
    assert open_client(address=with_options).sql(query) == [("7s", "30s", "1min")]
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=8s")
    assert open_client(idle_in_transaction_session_timeout=None).sql(query) == [("5s", "8s", "0")]


def test_a_statement_that_takes_too_long_is_canceled(open_client: OpenClient, shop: Shop, connect: Connect) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    holder = connect(autocommit=False)
    holder.execute("select set_config('app.tenant_id', %s, true)", [str(TENANT)])
    call(holder, "reserve", op_id="held", order_ref="O-1", lines=[{"sku": "APPLE", "qty": 1}])
    client = open_client(statement_timeout=0.02)
    with pytest.raises(openstock.QueryCanceled) as raised:
        client.reserve("O-2", [{"sku": "APPLE", "qty": 1}])
    assert raised.value.sqlstate == "57014"
    assert raised.value.detail == {"problem": "canceling statement due to statement timeout"}
    assert client.retries == 0


def test_a_transaction_that_stands_idle_is_ended(open_client: OpenClient, db: psycopg.Connection) -> None:
    client = open_client(idle_in_transaction_session_timeout=0.02)

    def stand_idle(mine: Any) -> None:
        mine.stock()
        wait_until(db, f"select not exists (select from pg_stat_activity where pid = {mine.pid()})")
        mine.stock()

    with pytest.raises(openstock.ConnectionFailed):
        client.transaction(stand_idle)
    assert client.stock() == []


def test_statements_are_prepared_unless_told_otherwise(open_client: OpenClient) -> None:
    for threshold, prepared in [(5, True), (None, False)]:
        client = open_client(prepare_threshold=threshold)
        for _ in range(7):
            client.stock()
        [(count,)] = client.sql("select count(*) from pg_prepared_statements")
        assert (count > 0) == prepared


def test_an_option_of_the_address_that_psycopg_cannot_read_is_an_invalid_argument() -> None:
    for error in connect_both("host=/nowhere connect_timeout=soon"):
        assert type(error) is openstock.InvalidArgument
        assert "connect_timeout" in error.detail["problem"]


def test_an_address_of_yoyo_is_understood() -> None:
    settings = Settings.of(
        "postgresql+psycopg://app@db/shop",
        lock_timeout=None,
        statement_timeout=None,
        idle_in_transaction_session_timeout=None,
        prepare_threshold=None,
    )
    parameters = settings.parameters
    assert (parameters["user"], parameters["host"], parameters["dbname"]) == ("app", "db", "shop")

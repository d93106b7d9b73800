"""A test finds its database as if nobody had been there before."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from pytest_postgresql.executors import NoopExecutor

from .calls import CALLS, prepare
from .copies import Copies, Copy
from .support import LOGINS, Shop, contents, fails

APP = LOGINS["app"].name
SEQUENCES = "select schemaname, sequencename, last_value from pg_sequences where schemaname like 'openstock%' order by 1, 2"


@pytest.fixture
def own(copies: Copies, furnished_template: NoopExecutor) -> Iterator[Copy]:
    """A copy that no other test has, used by nobody yet."""
    copy = Copy(copies.cluster, furnished_template, f"{furnished_template.dbname}_own", None)
    yield copy
    copy.drop()


def test_rows_and_numbers_are_as_before(own: Copy) -> None:
    before = contents(own.db), own.db.execute(SEQUENCES).fetchall()
    for _ in range(2):
        shop = prepare(Shop(own.connect(APP), own.db))
        for number, each in enumerate(CALLS):
            with shop.connection.transaction(force_rollback=number % 2 == 1):
                each(shop, op_id=f"call {number}")
        shop.db.execute("select openstock_admin.create_tenant('Another')")
        assert (contents(own.db), own.db.execute(SEQUENCES).fetchall()) != before
        assert own.restore()
        assert (contents(own.db), own.db.execute(SEQUENCES).fetchall()) == before


def test_nothing_of_a_session_is_left(own: Copy) -> None:
    connection = own.connect(APP)
    pid = connection.info.backend_pid
    connection.execute("select pg_advisory_lock(1)")
    connection.execute("set timezone = 'Asia/Tokyo'")
    connection.execute("listen somebody")
    connection.autocommit, connection.isolation_level = False, psycopg.IsolationLevel.SERIALIZABLE
    assert own.restore()
    again = own.connect(APP)
    assert (again.info.backend_pid, again.autocommit, again.isolation_level) == (pid, True, None)
    look = "select current_setting('timezone') <> 'Asia/Tokyo', (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), (select count(*) from pg_listening_channels())"
    assert again.execute(look).fetchone() == (True, 0, 0)


def test_a_session_that_is_in_use_is_ended(own: Copy) -> None:
    shop = Shop(own.connect(APP), own.db)
    shop.connection.autocommit = False
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert own.restore()
    assert shop.connection.closed
    assert own.db.execute("select count(*) from openstock_core.operation where function = 'receive'").fetchone() == (0,)


@pytest.mark.parametrize(
    "change",
    [
        "create table public.another ()",
        "create or replace function openstock.server_time() returns timestamptz language sql return now()",
        "alter table openstock_core.product alter column active set default false",
        "grant select on openstock_core.product to public",
        "analyze openstock_core.product",
        "alter table openstock_core.ledger disable trigger all",
        "refresh materialized view openstock_core.current_stock",
    ],
)
def test_a_database_that_is_another_is_not_used_again(own: Copy, change: str) -> None:
    own.db.execute(change)
    assert not own.restore()


def test_a_database_with_settings_of_its_own_is_not_used_again(own: Copy) -> None:
    own.db.execute(f"alter database {own.name} set timezone = 'Asia/Tokyo'")
    assert not own.restore()


def test_the_ledger_is_append_only_for_tests_as_well(own: Copy) -> None:
    Shop(own.connect(APP), own.db).receive("LON", [{"sku": "APPLE", "qty": 1}])
    with fails("OS401"):
        own.db.execute("delete from openstock_core.ledger")

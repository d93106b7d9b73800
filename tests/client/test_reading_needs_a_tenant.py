"""A view is silently empty for who may not see it; the client says so instead."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import openstock

from ..support import OTHER_TENANT, TENANT, wait_until
from .faces import OpenClient

APPLES = [{"sku": "APPLE", "qty": 5}]


def test_each_login_reads_what_it_may(open_client: OpenClient, client: Any) -> None:
    client.receive("LON", APPLES)
    assert [s.on_hand for s in open_client("bound").stock()] == [5]
    assert open_client(tenant=OTHER_TENANT).stock() == []
    with pytest.raises(openstock.NoTenant) as raised:
        open_client(tenant=None).stock()
    assert raised.value.sqlstate == "OS001"


@pytest.mark.parametrize(
    ("login", "tenant"),
    [("undeclared", TENANT), ("bound", OTHER_TENANT)],
    ids=["nobody's", "another's"],
)
def test_connecting_for_a_tenant_that_is_not_granted_is_refused(
    login: str, tenant: UUID, open_client: OpenClient, db: psycopg.Connection
) -> None:
    with pytest.raises(openstock.NotAllowed) as raised:
        open_client(login, tenant=tenant)
    assert raised.value.sqlstate == "42501"
    assert raised.value.detail == {"login": f"test_{login}", "tenant": str(tenant)}
    assert raised.value.hint
    wait_until(db, f"select not exists (select from pg_stat_activity where datname = current_database() and usename = 'test_{login}')")


def test_connecting_for_a_tenant_that_does_not_exist_is_refused(open_client: OpenClient) -> None:
    with pytest.raises(openstock.UnknownTenant) as raised:
        open_client(tenant=UUID(int=7))
    assert raised.value.detail == {"tenant": str(UUID(int=7))}


def test_sql_of_ones_own_acts_for_the_clients_tenant(client: Any) -> None:
    client.receive("LON", APPLES)
    with client.own_transaction():
        assert client.act_for() == TENANT
        assert client.sql("select sku, on_hand from openstock.stock") == [("APPLE", 5)]


def test_connecting_in_a_session_of_another_tenant_is_refused(open_client: OpenClient, dsn: str) -> None:
    with pytest.raises(openstock.TenantConflict):
        open_client(address=make_conninfo(dsn, options=f"-c app.tenant_id={OTHER_TENANT}"))


def test_a_tenant_that_was_taken_away_is_refused_at_the_next_read(open_client: OpenClient, db: psycopg.Connection) -> None:
    reader = open_client("bound")
    db.execute("select openstock_admin.revoke_tenant('test_bound', %s)", [TENANT])
    with pytest.raises(openstock.NotAllowed) as raised:
        reader.stock()
    assert raised.value.detail == {"login": "test_bound", "tenant": str(TENANT)}
    assert reader.current_tenant() is None


def test_a_tenant_that_was_switched_off_can_still_be_read(open_client: OpenClient, client: Any, db: psycopg.Connection) -> None:
    client.receive("LON", APPLES)
    db.execute("select openstock_admin.set_tenant_active(%s, false)", [TENANT])
    assert [s.on_hand for s in open_client().stock()] == [5]


def test_nothing_of_the_tenant_stays_behind_in_the_session(client: Any) -> None:
    client.receive("LON", APPLES)
    client.stock()
    assert client.sql("select nullif(current_setting('app.tenant_id', true), '')") == [(None,)]


def test_a_setting_of_the_session_is_not_overwritten(client: Any) -> None:
    client.sql(f"set app.tenant_id = '{OTHER_TENANT}'")
    with pytest.raises(openstock.TenantConflict) as raised:
        client.products()
    assert raised.value.detail == {"given": str(TENANT), "set": str(OTHER_TENANT)}


def test_an_error_of_a_read_leaves_the_connection_usable(client: Any, db: psycopg.Connection) -> None:
    db.execute("revoke select on openstock.stock from openstock_app")
    for _ in range(3):
        with pytest.raises(openstock.NoAccess) as raised:
            client.stock()
        assert raised.value.detail == {"problem": "permission denied for view stock"}
        assert [p.sku for p in client.products(active=False)] == ["OLD"]


def test_filters_are_exact_and_combine(client: Any) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 2}])
    client.receive("BER", [{"sku": "APPLE", "qty": 3}])
    assert [(s.sku, s.warehouse) for s in client.stock()] == [("APPLE", "BER"), ("APPLE", "LON"), ("RICE", "LON")]
    assert [s.on_hand for s in client.stock("APPLE", "LON")] == [1]
    assert [s.on_hand for s in client.stock(warehouse="BER")] == [3]
    assert client.stock("apple") == client.stock("APPLE ") == client.stock("%") == client.stock("' or true --") == []
    assert [w.warehouse for w in client.warehouses()] == ["LON", "BER", "SHUT"]
    assert [w.warehouse for w in client.warehouses(active=False)] == ["SHUT"]
    assert [x.location for x in client.locations("LON", kind="picking")] == ["P-1"]
    assert [x.location for x in client.locations(active=False)] == ["OFF"]

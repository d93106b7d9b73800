"""client.admin: tenants, logins, upkeep, proof and repair."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

import openstock

from ..support import OTHER_TENANT, TENANT, Clock, day
from .faces import OpenClient, wrapped
from .test_a_session_returns_typed_rows import assert_typed


@pytest.fixture
def operator(open_client: OpenClient) -> Any:
    """A client of an operator, for no tenant."""
    return open_client("operator", tenant=None)


def test_tenants_are_made_switched_off_and_listed(operator: Any) -> None:
    made = operator.admin.create_tenant("Corner shop")
    assert isinstance(made, UUID)
    given = UUID("0197a000-0000-7000-8000-0000000000aa")
    assert operator.admin.create_tenant("Chosen", str(given)) == given
    with pytest.raises(openstock.InvalidArgument) as raised:
        operator.admin.create_tenant("Chosen", given)
    assert raised.value.detail["problem"] == "exists already"
    operator.admin.set_tenant_active(made, False)
    tenants = operator.admin.tenants()
    assert_typed(tenants, openstock.Tenant)
    assert [(t.tenant_id, t.name, t.active) for t in tenants if t.tenant_id in (made, given)] == [
        (given, "Chosen", True),
        (made, "Corner shop", False),
    ]
    with pytest.raises(openstock.UnknownTenant):
        operator.admin.set_tenant_active("0197a000-0000-7000-8000-00000000dead", True)


def test_logins_are_bound_and_released(operator: Any, open_client: OpenClient) -> None:
    operator.admin.grant_tenant("test_bound", OTHER_TENANT)
    assert open_client("bound", tenant=OTHER_TENANT).stock() == []
    assert [t.logins for t in operator.admin.tenants() if t.tenant_id == OTHER_TENANT] == [["test_bound"]]
    operator.admin.revoke_tenant("test_bound", OTHER_TENANT)
    with pytest.raises(openstock.NotAllowed):
        open_client("bound", tenant=OTHER_TENANT).stock()
    operator.admin.grant_tenant("test_undeclared", any_tenant=True)
    assert open_client("undeclared").stock() == []
    operator.admin.revoke_tenant("test_undeclared", any_tenant=True)
    with pytest.raises(openstock.NotAllowed):
        open_client("undeclared").stock()


def test_a_damaged_projection_is_found_and_repaired(operator: Any, client: Any, db: psycopg.Connection) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 5}])
    assert operator.admin.verify() == []
    db.execute("update openstock_core.stock_level set on_hand = 6")
    found = operator.admin.verify(TENANT)
    assert_typed(found, openstock.Difference)
    assert {(d.expected, d.actual) for d in found} == {(Decimal(5), Decimal(6))}
    assert operator.admin.verify(OTHER_TENANT) == []
    proposed = operator.admin.rebuild(TENANT)
    assert_typed(proposed, openstock.Repair)
    assert not any(r.replaced for r in proposed)
    assert all(r.replaced for r in operator.admin.rebuild(str(TENANT), replace=True))
    assert operator.admin.verify() == []
    assert [s.on_hand for s in client.stock()] == [5]


def test_upkeep_makes_partitions_books_expired_lots_and_refreshes(
    operator: Any, client: Any, clock: Clock, open_client: OpenClient
) -> None:
    client.receive("LON", [{"sku": "MILK", "qty": 2, "lot": "L1", "expires_on": day(1)}])
    assert operator.admin.ensure_partitions() == []
    assert len(operator.admin.ensure_partitions(14)) == 4
    assert operator.admin.block_expired_lots(TENANT) == 0
    clock.advance(days=3)
    assert operator.admin.block_expired_lots(TENANT, max_levels=10) == 1
    assert [s.blocked for s in client.stock("MILK")] == [2]
    client.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "L2", "expires_on": day(4)}])
    clock.advance(days=3)
    operator.admin.run_maintenance()
    assert [s.blocked for s in open_client("analyst").current_stock("MILK")] == [3]
    assert operator.admin.refresh_current_stock() > client.server_time() - timedelta(minutes=5)


def test_maintenance_commits_and_so_wants_no_transaction_around_it(operator: Any, connect: Any) -> None:
    with pytest.raises(openstock.InTransaction) as raised:
        operator.transaction(lambda mine: mine.admin.run_maintenance())
    assert raised.value.hint
    with pytest.raises(openstock.InTransaction), operator.own_transaction():
        operator.admin.run_maintenance()
    idle = connect("operator", autocommit=False)
    with pytest.raises(openstock.InTransaction):
        wrapped(idle).admin.run_maintenance()
    operator.admin.run_maintenance()


def test_the_doctor_has_a_finding_per_topic(operator: Any) -> None:
    findings = operator.admin.doctor()
    assert_typed(findings, openstock.Finding)
    assert [f.topic for f in findings][:3] == ["server", "durability", "partitions"]
    assert all((f.hint is None) == (f.status == "ok") for f in findings)

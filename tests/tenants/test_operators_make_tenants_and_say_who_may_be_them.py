"""create_tenant, grant_tenant, revoke_tenant, set_tenant_active, and the view tenants."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.support import OTHER_TENANT, TENANT, Connect, Shop, call, fails, refused, unchanged

NEW = UUID("0197a000-0000-7000-8000-000000000003")
UNKNOWN = UUID("0197a000-0000-7000-8000-00000000dead")


@pytest.fixture
def operator(connect: Connect) -> psycopg.Connection:
    """The operator's login, which no tenant was granted to."""
    return connect("operator")


def listed(operator: psycopg.Connection) -> dict[UUID, tuple[Any, ...]]:
    rows = operator.execute("select tenant_id, name, active, logins from openstock_admin.tenants").fetchall()
    return {row[0]: row[1:] for row in rows}


def may_act(connection: psycopg.Connection, tenant: UUID) -> bool:
    try:
        call(connection, "search_products", tenant=tenant)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def test_a_tenant_is_created_with_the_id_given_or_a_new_one(operator: psycopg.Connection) -> None:
    assert call(operator, "openstock_admin.create_tenant", name=" Third ", tenant=NEW) == [{"create_tenant": NEW}]
    [row] = call(operator, "openstock_admin.create_tenant", name="Third")
    assert listed(operator)[NEW] == ("Third", True, [])
    assert listed(operator)[row["create_tenant"]] == ("Third", True, [])
    assert row["create_tenant"] != NEW


def test_a_new_tenant_has_its_own_stock(operator: psycopg.Connection, connect: Connect, db: psycopg.Connection) -> None:
    call(operator, "openstock_admin.create_tenant", name="Third", tenant=NEW)
    third = Shop(connect("app"), db, NEW).furnish()
    third.receive("LON", [{"sku": "APPLE", "qty": 3}])
    assert third.level("APPLE") == (3, 0, 0, 3)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "n" * 201}, "name"),
        ({"name": "Again", "tenant": TENANT}, "tenant"),
    ],
    ids=str,
)
def test_a_bad_tenant_is_not_created(
    operator: psycopg.Connection, db: psycopg.Connection, arguments: dict[str, Any], argument: str
) -> None:
    with refused(db, "22023", argument=argument):
        call(operator, "openstock_admin.create_tenant", **arguments)


def test_a_login_is_bound_to_several_tenants(operator: psycopg.Connection, connect: Connect) -> None:
    bound = connect("bound")
    assert not may_act(bound, OTHER_TENANT)
    call(operator, "openstock_admin.grant_tenant", login="test_bound", tenant=OTHER_TENANT)
    assert may_act(bound, OTHER_TENANT)
    assert may_act(bound, TENANT)
    assert listed(operator)[OTHER_TENANT] == ("Other shop", True, ["test_bound"])
    assert listed(operator)[TENANT] == ("Test shop", True, ["test_analyst", "test_bound"])


def test_what_was_granted_can_be_taken_back_at_once(operator: psycopg.Connection, connect: Connect) -> None:
    bound = connect("bound")
    call(operator, "openstock_admin.revoke_tenant", login="test_bound", tenant=TENANT)
    assert not may_act(bound, TENANT)
    call(operator, "openstock_admin.grant_tenant", login="test_bound", tenant=TENANT)
    assert may_act(bound, TENANT)


def test_a_login_is_trusted_to_name_any_tenant(operator: psycopg.Connection, connect: Connect) -> None:
    undeclared = connect("undeclared")
    call(operator, "openstock_admin.grant_tenant", login="test_undeclared", any_tenant=True)
    assert may_act(undeclared, TENANT)
    assert may_act(undeclared, OTHER_TENANT)
    call(operator, "openstock_admin.revoke_tenant", login="test_undeclared", any_tenant=True)
    assert not may_act(undeclared, TENANT)


def test_granting_twice_and_revoking_what_was_not_granted_are_harmless(
    operator: psycopg.Connection, db: psycopg.Connection
) -> None:
    with unchanged(db):
        call(operator, "openstock_admin.grant_tenant", login="test_bound", tenant=TENANT)
        call(operator, "openstock_admin.grant_tenant", login="test_app", any_tenant=True)
        call(operator, "openstock_admin.revoke_tenant", login="test_bound", tenant=OTHER_TENANT)
        call(operator, "openstock_admin.revoke_tenant", login="test_bound", any_tenant=True)
        call(operator, "openstock_admin.revoke_tenant", login="nobody", tenant=TENANT)


def test_a_grant_to_an_operator_lets_it_read_and_not_write(operator: psycopg.Connection, shop: Shop) -> None:
    call(operator, "openstock_admin.grant_tenant", login="test_operator", tenant=shop.tenant)
    assert len(Shop(operator, shop.db).view("products")) == 4
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        Shop(operator, shop.db).receive("LON", [{"sku": "APPLE", "qty": 1}])


@pytest.mark.parametrize("function", ["grant_tenant", "revoke_tenant"])
@pytest.mark.parametrize(
    ("arguments", "code", "detail"),
    [
        ({"login": "test_bound"}, "22023", {"argument": "tenant"}),
        ({"login": "test_bound", "tenant": TENANT, "any_tenant": True}, "22023", {"argument": "tenant"}),
        ({"login": "test_bound", "any_tenant": None}, "22023", {"argument": "tenant"}),
        ({"login": "test_bound", "tenant": UNKNOWN}, "OS003", {"tenant": str(UNKNOWN)}),
        ({"login": None, "tenant": TENANT}, "22023", {"argument": "login"}),
        ({"login": "nobody", "tenant": TENANT}, "22023", {"argument": "login"}),
        ({"login": "openstock_app", "any_tenant": True}, "22023", {"argument": "login"}),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_bad_grant_is_refused(
    operator: psycopg.Connection, db: psycopg.Connection, function: str, arguments: dict[str, Any], code: str,
    detail: dict[str, str],
) -> None:  # fmt: skip
    if function == "revoke_tenant" and detail.get("argument") == "login" and arguments["login"]:
        with unchanged(db):
            call(operator, f"openstock_admin.{function}", **arguments)
    else:
        with refused(db, code, **detail):
            call(operator, f"openstock_admin.{function}", **arguments)


def test_a_tenant_is_switched_off_and_on(operator: psycopg.Connection, shop: Shop, db: psycopg.Connection) -> None:
    call(operator, "openstock_admin.set_tenant_active", tenant=shop.tenant, active=False)
    with refused(db, "OS003", tenant=str(shop.tenant)):
        shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert listed(operator)[shop.tenant][1] is False
    call(operator, "openstock_admin.set_tenant_active", tenant=shop.tenant, active=True)
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert shop.level("APPLE") == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "detail"),
    [
        ({"tenant": UNKNOWN, "active": True}, "OS003", {"tenant": str(UNKNOWN)}),
        ({"tenant": None, "active": True}, "OS003", {"tenant": None}),
        ({"tenant": TENANT, "active": None}, "22023", {"argument": "active"}),
    ],
    ids=lambda value: str(value)[:50],
)
def test_only_a_known_tenant_can_be_switched(
    operator: psycopg.Connection, db: psycopg.Connection, arguments: dict[str, Any], code: str, detail: dict[str, Any]
) -> None:
    with unchanged(db), fails(code, **detail):
        call(operator, "openstock_admin.set_tenant_active", **arguments)

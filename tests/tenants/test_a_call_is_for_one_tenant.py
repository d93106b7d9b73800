"""The guard at the door of every function: which tenant, may the login act for it, is it active."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.support import OTHER_TENANT, TENANT, Connect, Shop, call, columns, fails, unchanged

UNKNOWN = UUID("0197a000-0000-7000-8000-00000000dead")

FUNCTIONS: dict[str, dict[str, Any]] = {
    "put_products": {"op_id": "o", "lines": [{"sku": "TEA", "name": "Tea"}]},
    "put_kits": {"op_id": "o", "lines": [{"sku": "TEA", "components": []}]},
    "put_warehouses": {"op_id": "o", "lines": [{"code": "ROM"}]},
    "put_locations": {"op_id": "o", "warehouse": "LON", "lines": [{"code": "B-1"}]},
    "put_channels": {"op_id": "o", "lines": [{"code": "WEB"}]},
    "put_lots": {"op_id": "o", "lines": [{"sku": "TEA", "lot": "L1"}]},
    "put_quotas": {"op_id": "o", "warehouse": "LON", "lines": [{"channel": "WEB", "sku": "TEA", "qty": 1}]},
    "receive": {"op_id": "o", "warehouse": "LON", "lines": [{"sku": "TEA", "qty": 1}]},
    "adjust": {"op_id": "o", "warehouse": "LON", "lines": [{"sku": "TEA", "qty": 1}], "reason": "found"},
    "move": {"op_id": "o", "warehouse": "LON", "lines": [{"sku": "TEA", "qty": 1, "to": "B-1"}]},
    "reserve": {"op_id": "o", "order_ref": "O1", "lines": [{"sku": "TEA", "qty": 1}]},
    "extend": {"op_id": "o", "order_ref": "O1", "ttl": "1 hour"},
    "confirm": {"op_id": "o", "order_ref": "O1"},
    "amend": {"op_id": "o", "order_ref": "O1", "lines": [{"line": 1, "qty": 2}]},
    "release": {"op_id": "o", "order_ref": "O1"},
    "cancel": {"op_id": "o", "order_ref": "O1"},
    "expire_reservations": {},
    "fill_backorders": {},
    "allocate": {"op_id": "o", "order_ref": "O1"},
    "allocate_next": {"op_id": "o", "warehouse": "LON"},
    "deallocate": {"op_id": "o", "order_ref": "O1"},
    "short_pick": {"op_id": "o", "order_ref": "O1", "lines": [{"line": 1, "location": "DEFAULT", "qty": 1}]},
    "ship": {"op_id": "o", "order_ref": "O1"},
    "order_history": {"order_ref": "O1"},
    "quote": {"lines": [{"sku": "TEA", "qty": 1}]},
    "serial_history": {"sku": "TEA", "serial": "S1"},
    "availability": {"sku": "TEA"},
    "search_products": {"query": "tea"},
}

every_function = pytest.mark.parametrize("function", FUNCTIONS)


def use(connection: psycopg.Connection, tenant: object) -> None:
    """Set the tenant for the session, as an application that forgets `local` would."""
    connection.execute("select set_config('app.tenant_id', %s, false)", [str(tenant)])


@every_function
def test_without_a_tenant_nothing_is_done(db: psycopg.Connection, connect: Connect, function: str) -> None:
    connection = connect("app")
    with unchanged(db):
        with fails("OS001", **{"app.tenant_id": None}):
            call(connection, function, **FUNCTIONS[function])
        use(connection, "")
        with fails("OS001", **{"app.tenant_id": None}):
            call(connection, function, **FUNCTIONS[function])
        with fails("OS001"):
            call(connection, function, **FUNCTIONS[function], tenant=None)


@every_function
def test_a_tenant_that_is_no_uuid_is_refused(db: psycopg.Connection, connect: Connect, function: str) -> None:
    connection = connect("app")
    with unchanged(db):
        for garbage in (
            "acme",
            "0197a000",
            f"{TENANT}x",
            f"{{{TENANT}}}",
            str(TENANT).replace("-", ""),
            str(TENANT).replace("0", "-"),
            str(TENANT).replace("0", "g"),
            "' or true --",
        ):
            use(connection, garbage)
            with fails("OS001", **{"app.tenant_id": garbage}, problem="not a uuid"):
                call(connection, function, **FUNCTIONS[function])
            with fails("OS001", **{"app.tenant_id": garbage}):
                call(connection, function, **FUNCTIONS[function], tenant=TENANT)


@every_function
def test_an_unknown_tenant_is_refused(db: psycopg.Connection, connect: Connect, function: str) -> None:
    with unchanged(db), fails("OS003", tenant=str(UNKNOWN)):
        call(connect("app"), function, **FUNCTIONS[function], tenant=UNKNOWN)


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name not in ("order_history", "serial_history")])
def test_an_inactive_tenant_is_refused(db: psycopg.Connection, connect: Connect, function: str) -> None:
    db.execute("select openstock_admin.set_tenant_active(%s, false)", [TENANT])
    with unchanged(db):
        for login in ("app", "bound"):
            with fails("OS003", tenant=str(TENANT)):
                call(connect(login), function, **FUNCTIONS[function], tenant=TENANT)


def test_the_history_of_its_orders_can_still_be_read(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    db.execute("select openstock_admin.set_tenant_active(%s, false)", [TENANT])
    assert columns(shop.order_history("O1"), "event_type") == [("RESERVE",)]


@every_function
def test_a_bound_login_cannot_be_another_tenant(db: psycopg.Connection, connect: Connect, function: str) -> None:
    connection = connect("bound")
    with unchanged(db):
        for tenant in (OTHER_TENANT, UNKNOWN):
            with fails("42501", login="test_bound", tenant=str(tenant)):
                call(connection, function, **FUNCTIONS[function], tenant=tenant)
        use(connection, OTHER_TENANT)
        with fails("42501", login="test_bound", tenant=str(OTHER_TENANT)):
            call(connection, function, **FUNCTIONS[function])


@every_function
def test_a_login_that_nobody_declared_can_be_no_tenant(db: psycopg.Connection, connect: Connect, function: str) -> None:
    with unchanged(db):
        for tenant in (TENANT, OTHER_TENANT, UNKNOWN):
            with fails("42501", login="test_undeclared", tenant=str(tenant)):
                call(connect("undeclared"), function, **FUNCTIONS[function], tenant=tenant)


@every_function
def test_a_transaction_has_one_tenant(db: psycopg.Connection, connect: Connect, function: str) -> None:
    connection = connect("app")
    with unchanged(db):
        with fails("OS002", given=str(OTHER_TENANT), set=str(TENANT)), connection.transaction():
            call(connection, "search_products", tenant=TENANT)
            call(connection, function, **FUNCTIONS[function], tenant=OTHER_TENANT)
        use(connection, TENANT)
        with fails("OS002", given=str(OTHER_TENANT), set=str(TENANT)):
            call(connection, function, **FUNCTIONS[function], tenant=OTHER_TENANT)


def test_the_tenant_that_is_given_holds_for_the_rest_of_the_transaction(connect: Connect) -> None:
    connection = connect("app")
    with connection.transaction():
        call(connection, "put_products", op_id="o1", lines=[{"sku": "TEA", "name": "Tea"}], tenant=TENANT)
        assert columns(call(connection, "put_warehouses", op_id="o2", lines=[{"code": "ROM"}]), "code") == [("ROM",)]
        assert connection.execute("select sku from openstock.products").fetchall() == [("TEA",)]
    assert connection.execute("select sku from openstock.products").fetchall() == []
    with fails("OS001"):
        call(connection, "search_products")


def test_a_tenant_that_is_set_needs_not_be_given(connect: Connect) -> None:
    connection = connect("bound")
    with connection.transaction():
        connection.execute("select set_config('app.tenant_id', %s, true)", [str(TENANT).upper()])
        call(connection, "put_products", op_id="o1", lines=[{"sku": "TEA", "name": "Tea"}])
        assert columns(call(connection, "search_products", tenant=TENANT), "sku") == [("TEA",)]


def test_a_savepoint_that_is_rolled_back_takes_its_tenant_along(connect: Connect) -> None:
    connection = connect("app")
    with connection.transaction():
        with connection.transaction(force_rollback=True):
            call(connection, "search_products", tenant=OTHER_TENANT)
        assert call(connection, "search_products", tenant=TENANT) == []


def test_what_one_tenant_names_another_does_not_know(connect: Connect) -> None:
    connection = connect("app")
    call(connection, "put_products", op_id="o", lines=[{"sku": "TEA", "name": "Tea"}], tenant=TENANT)
    call(connection, "put_warehouses", op_id="w", lines=[{"code": "LON"}], tenant=TENANT)
    call(connection, "put_warehouses", op_id="w", lines=[{"code": "LON"}], tenant=OTHER_TENANT)
    with fails("OS101", sku="TEA"):
        call(connection, "receive", **FUNCTIONS["receive"], tenant=OTHER_TENANT)
    with fails("OS101", sku="TEA"):
        call(connection, "availability", sku="TEA", tenant=OTHER_TENANT)
    assert call(connection, "search_products", query="tea", tenant=OTHER_TENANT) == []


def test_the_login_counts_and_not_the_role_that_it_takes_on(db: psycopg.Connection, connect: Connect) -> None:
    """A bound login that is a member of a trusted one does not become trusted by SET ROLE."""
    connection = connect("bound")
    db.execute("grant test_app to test_bound")
    try:
        connection.execute("set role test_app")
        with fails("42501", login="test_bound"):
            call(connection, "search_products", tenant=OTHER_TENANT)
    finally:
        db.execute("revoke test_app from test_bound")

"""orders, order_lines, backorders, shortages and order_history: each of the current tenant alone."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import OTHER_TENANT, TENANT, Connect, Shop, columns
from tests.waiting import backorder, let_wait

from .test_views_show_the_callers_tenant_only import NOT_UUIDS, UNUSUAL_UUIDS, refused_or_empty, seen, told_by_a_filter

VIEWS = ("openstock.orders", "openstock.order_lines", "openstock.backorders", "openstock.shortages")


@pytest.fixture
def two_shops(shop: Shop, connect: Connect, db: psycopg.Connection) -> list[Shop]:
    """Two tenants, each with an order of all it has and 1 or 2 units more, which wait; and 1 or 2 units are lost."""
    shops = [shop, Shop(connect("app"), db, OTHER_TENANT).furnish()]
    for one, qty in zip(shops, (1, 2), strict=True):
        let_wait(one)
        one.receive("LON", [{"sku": "APPLE", "qty": 8 - qty}])
        backorder(one, "O1", 8)
        one.adjust("LON", [{"sku": "APPLE", "qty": -qty}], reason="lost")
    return shops


@pytest.mark.usefixtures("two_shops")
@pytest.mark.parametrize("view", VIEWS)
def test_each_login_sees_what_it_may(connect: Connect, view: str) -> None:
    logins = {
        "analyst": [1, 0, 0],
        "app": [1, 1, 0],
        "bound": [1, 0, 0],
        "undeclared": [0, 0, 0],
        "operator": [0, 0, 0],
    }
    for login, rows in logins.items():
        connection = connect(login)
        assert [seen(connection, view, tenant) for tenant in (TENANT, OTHER_TENANT, None)] == rows


def test_the_rows_are_those_of_the_tenant(two_shops: list[Shop]) -> None:
    for shop, qty in zip(two_shops, (1, 2), strict=True):
        assert columns(shop.view("orders"), "ordered", "backordered") == [(8, qty)]
        assert columns(shop.view("order_lines"), "ordered", "backordered") == [(8, qty)]
        assert columns(shop.view("backorders"), "place", "qty") == [(1, qty)]
        assert columns(shop.view("shortages"), "qty_short") == [(qty,)]
        assert columns(shop.order_history("O1"), "reserved_delta", "backordered_delta") == [(8 - qty, 0), (0, qty)]


@pytest.mark.usefixtures("two_shops")
def test_a_filter_of_the_callers_sees_no_row_of_others(connect: Connect, db: psycopg.Connection) -> None:
    filtered = {"orders": "backordered", "order_lines": "backordered", "backorders": "qty", "shortages": "qty_short"}
    told = told_by_a_filter(db, connect("analyst"), filtered)
    assert told == ["1"] * len(VIEWS)


@pytest.mark.usefixtures("two_shops")
@pytest.mark.parametrize("view", VIEWS)
def test_a_tenant_that_is_no_uuid_sees_nothing(connect: Connect, view: str) -> None:
    connection = connect("analyst")
    for garbage in (*NOT_UUIDS, *UNUSUAL_UUIDS):
        connection.execute("select set_config('app.tenant_id', %s, false)", [garbage])
        assert refused_or_empty(connection, f"select count(*) from {view}"), garbage

"""The view serials and the function serial_history show the current tenant's pieces, to logins that may act for it."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import OTHER_TENANT, TENANT, Connect, Shop, columns
from tests.tenants.test_views_show_the_callers_tenant_only import seen, told_by_a_filter

from .pieces import phones


@pytest.fixture
def two_shops(shop: Shop, connect: Connect, db: psycopg.Connection) -> list[Shop]:
    """Two tenants with the piece P1 each; the other has P2 too."""
    other = Shop(connect("app"), db, OTHER_TENANT).furnish()
    other.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    shop.receive("LON", [phones("P1")])
    other.receive("BER", [phones("P1", "P2")])
    return [shop, other]


@pytest.mark.usefixtures("two_shops")
def test_each_login_sees_what_it_may(connect: Connect) -> None:
    logins = {"analyst": [1, 0, 0], "app": [1, 2, 0], "bound": [1, 0, 0], "undeclared": [0, 0, 0], "operator": [0, 0, 0]}
    for login, rows in logins.items():
        assert [seen(connect(login), "openstock.serials", tenant) for tenant in (TENANT, OTHER_TENANT, None)] == rows, login


def test_pieces_of_one_name_are_different_pieces(two_shops: list[Shop]) -> None:
    one, other = two_shops
    one.move("LON", [phones("P1", to="A-1")])
    assert columns(one.serial_history("PHONE", "P1"), "warehouse", "event_type") == [("LON", "RECEIPT"), ("LON", "MOVE"), ("LON", "MOVE")]
    assert columns(other.serial_history("PHONE", "P1"), "warehouse", "event_type") == [("BER", "RECEIPT")]
    assert other.differences() == []


@pytest.mark.usefixtures("two_shops")
def test_a_filter_of_the_callers_sees_no_piece_of_others(connect: Connect, db: psycopg.Connection) -> None:
    assert told_by_a_filter(db, connect("analyst"), {"serials": "serial"}) == ["P1"]

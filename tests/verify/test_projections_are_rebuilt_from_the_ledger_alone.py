"""All projections of a tenant can be torn down: the ledger gives the quantities back, and work goes on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.support import OTHER_TENANT, Clock, Connect, Shop, call, columns, day, fails, refused, unchanged

from .test_every_fact_that_verify_claims_is_checked import quantities

UNKNOWN = UUID("0197a000-0000-7000-8000-00000000dead")
PROJECTIONS = ("allocation", "reservation_line", "backorder", "backlog", "reservation", "stock_bin", "stock_level")


def tear_down(shop: Shop) -> None:
    with shop.db.transaction():
        shop.db.execute("set local session_replication_role = replica")
        for table in PROJECTIONS:
            shop.db.execute(f"delete from openstock_core.{table} where tenant_id = %s", [shop.tenant])


@pytest.fixture
def lively(shop: Shop, clock: Clock) -> Shop:
    """A shop in which everything has happened: receipts, losses, moves, expiry, orders, pins, shipments, releases."""
    shop.put_products(lines=[{"sku": "APPLE", "safety_stock": 1}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "RICE", "qty": 2.125}])
    shop.receive(
        "LON",
        [
            {"sku": "MILK", "qty": 5, "lot": "SOON", "expires_on": day(2)},
            {"sku": "MILK", "qty": 4, "lot": "LATE", "expires_on": day(40)},
        ],
    )
    shop.receive("BER", [{"sku": "APPLE", "qty": 6}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 12}, {"sku": "MILK", "qty": 6}])
    shop.allocate("O1")
    shop.reserve("O2", [{"sku": "RICE", "qty": 1.5}])
    shop.move("LON", [{"sku": "APPLE", "qty": 7, "from": "A-1", "to": "P-1"}])
    shop.ship("O1", [{"sku": "APPLE", "warehouse": "LON", "qty": 4}])
    shop.release("O1", [{"sku": "APPLE", "warehouse": "BER", "qty": 1}])
    shop.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "P-1"}], reason="lost")
    shop.move("LON", [{"sku": "APPLE", "qty": 1, "from": "P-1", "to": "Q-1"}])
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P1", "P2", "P3", "P4"], "location": "A-1"}])
    shop.reserve("O4", [{"sku": "PHONE", "qty": 3}])
    shop.allocate("O4")
    shop.move("LON", [{"sku": "PHONE", "serials": ["P3", "P4"], "from": "A-1", "to": "P-1"}])
    shop.ship("O4", [{"line": 1, "qty": 1}])
    clock.advance(days=4)
    shop.reserve("O3", [{"sku": "MILK", "qty": 1}])
    shop.ship("O2")
    return shop


def test_everything_comes_back(lively: Shop, connect: Connect) -> None:
    before = quantities(lively)
    tear_down(lively)
    assert lively.view("stock") == []
    told = call(connect("operator"), "openstock_admin.rebuild", tenant=lively.tenant, replace=True)
    assert {row["replaced"] for row in told} == {True}
    assert quantities(lively) == before
    assert lively.differences() == []


def test_quantities_come_back_without_more_decimals(shop: Shop, connect: Connect) -> None:
    """2.5 kg and 0.5 kg are 3 kg, and not 3.0, wherever they are written from then on."""
    for qty in (2.5, 0.5):
        shop.receive("LON", [{"sku": "RICE", "qty": qty}])
        shop.reserve("O1", [{"sku": "RICE", "qty": qty}])
    shop.allocate("O1")
    shop.ship("O1", [{"sku": "RICE", "qty": 1.5}])
    shop.release("O1", [{"sku": "RICE", "qty": 0.5}])

    def decimals() -> list[list[str]]:
        rows = [row for view in ("stock", "bins", "reservations") for row in shop.view(view)]
        return [[str(value) for value in row.values() if isinstance(value, Decimal)] for row in rows]

    before = decimals()
    tear_down(shop)
    call(connect("operator"), "openstock_admin.rebuild", tenant=shop.tenant, replace=True)
    assert decimals() == before


def test_a_line_whose_entries_disagree_keeps_its_order_and_gets_its_quantities(lively: Shop, connect: Connect) -> None:
    before = quantities(lively)
    with lively.db.transaction():
        lively.db.execute("alter table openstock_core.ledger disable trigger all")
        lively.db.execute("update openstock_core.ledger set order_ref = 'A0' where event_type = 'RELEASE'")
        lively.db.execute(
            "update openstock_core.reservation_line set reserved = reserved + 1, released = released - 1 "
            "where reservation_line_id in (select reservation_line_id from openstock_core.ledger where order_ref = 'A0')"
        )
    told = call(connect("operator"), "openstock_admin.rebuild", tenant=lively.tenant, replace=True)
    assert {(row["fact"], row["replaced"]) for row in told} == {
        ("entries of a line name one level, and its orders", False),
        ("line reserved = ledger", True),
        ("line released = ledger", True),
        ("level reserved = reservation lines", True),
    }
    assert quantities(lively) == before
    assert columns(lively.differences(), "fact") == [("entries of a line name one level, and its orders",)]
    orders = lively.db.execute("select order_ref from openstock_core.reservation order by 1").fetchall()
    assert orders == [("O1",), ("O2",), ("O4",)]


def test_an_order_that_entries_which_disagree_name_is_not_made(lively: Shop, connect: Connect) -> None:
    with lively.db.transaction():
        lively.db.execute("alter table openstock_core.ledger disable trigger all")
        lively.db.execute("update openstock_core.ledger set order_ref = 'A0' where event_type = 'RESERVE' and order_ref = 'O2'")
    call(connect("operator"), "openstock_admin.rebuild", tenant=lively.tenant, replace=True)
    assert columns(lively.differences(), "fact") == [("entries of a line name one level, and its orders",)]
    assert "A0" not in {row["order_ref"] for row in lively.view("orders")}


def test_a_lost_line_whose_entries_disagree_comes_back_as_its_order_that_is_known(lively: Shop, connect: Connect) -> None:
    with lively.db.transaction():
        lively.db.execute("alter table openstock_core.ledger disable trigger all")
        lively.db.execute("update openstock_core.ledger set order_ref = 'A0' where event_type = 'RESERVE' and order_ref = 'O2'")
        lively.db.execute("delete from openstock_core.reservation_line l using openstock_core.product p where p.product_id = l.product_id and p.sku = 'RICE'")
    call(connect("operator"), "openstock_admin.rebuild", tenant=lively.tenant, replace=True)
    assert columns(lively.view("reservations", sku="RICE"), "order_ref", "shipped") == [("A0", 1.5)]
    assert columns(lively.differences(), "fact") == [("entries of a line name one level, and its orders",)]


def test_work_goes_on_afterwards(lively: Shop, connect: Connect) -> None:
    tear_down(lively)
    call(connect("operator"), "openstock_admin.rebuild", tenant=lively.tenant, replace=True)
    lively.receive("LON", [{"sku": "MILK", "qty": 9, "lot": "LATE"}, {"sku": "APPLE", "qty": 9, "location": "A-1"}])
    lively.allocate("O1")
    lively.ship("O1")
    lively.reserve("O5", [{"sku": "APPLE", "qty": 1}])
    lively.release("O5")
    lively.ship("O4")
    assert {row["reserved"] for row in lively.view("reservations")} == {0}
    assert lively.differences() == []


def test_units_that_are_missing_afterwards_are_held_where_others_were(shop: Shop, connect: Connect) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": location} for location in ("A-1", "A-2")])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2}])
    shop.allocate("O1")
    missing = [{"sku": "APPLE", "location": "A-1", "qty": 1}]
    shop.short_pick("O1", missing)
    shop.move("LON", [{"sku": "APPLE", "qty": 1, "from": "A-1", "status": "hold", "to_status": "damaged"}])
    tear_down(shop)
    call(connect("operator"), "openstock_admin.rebuild", tenant=shop.tenant, replace=True)
    shop.short_pick("O1", missing)
    held = columns(shop.view("bins", status="hold"), "location", "on_hand", "blocked")
    assert held == [("A-1", 1, 1)]
    assert shop.differences() == []


@pytest.mark.parametrize("lost", [False, True])
def test_the_newest_pin_gives_way_afterwards_as_it_would_have(shop: Shop, connect: Connect, lost: bool) -> None:
    """EARLY is shipped from the bin before it is pinned there: that makes its pin no older."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    for order_ref in ("EARLY", "LATE"):
        shop.reserve(order_ref, [{"sku": "APPLE", "qty": 5}])
    shop.ship("EARLY", [{"line": 1, "qty": 1}])
    for order_ref in ("LATE", "EARLY"):
        shop.allocate(order_ref)
    if lost:
        tear_down(shop)
        call(connect("operator"), "openstock_admin.rebuild", tenant=shop.tenant, replace=True)
    shop.adjust("LON", [{"sku": "APPLE", "qty": -2}], reason="lost")
    assert columns(shop.view("reservations"), "order_ref", "allocated") == [("EARLY", 2), ("LATE", 5)]
    assert shop.differences() == []


def test_lots_expire_afterwards_as_they_would_have(lively: Shop, connect: Connect, clock: Clock) -> None:
    lively.receive("LON", [{"sku": "MILK", "qty": 9, "lot": "LATE"}])
    tear_down(lively)
    call(connect("operator"), "openstock_admin.rebuild", tenant=lively.tenant, replace=True)
    clock.set(f"{day(40)} 23:59:00 UTC")
    assert columns(lively.reserve("O5", [{"sku": "MILK", "qty": 1}]), "outcome") == [("reserved",)]
    clock.set(f"{day(41)} 00:00:00 UTC")
    assert columns(lively.reserve("O6", [{"sku": "MILK", "qty": 1}]), "outcome") == [("rejected",)]
    assert lively.differences() == []


def test_another_tenants_projections_are_left_alone(lively: Shop, connect: Connect, db: psycopg.Connection) -> None:
    other = Shop(connect("app"), db, OTHER_TENANT).furnish()
    other.receive("LON", [{"sku": "APPLE", "qty": 10}])
    before = quantities(other)
    tear_down(lively)
    tear_down(other)
    call(connect("operator"), "openstock_admin.rebuild", tenant=lively.tenant, replace=True)
    assert other.view("stock") == []
    call(connect("operator"), "openstock_admin.rebuild", tenant=OTHER_TENANT, replace=True)
    assert quantities(other) == before


def test_where_nothing_differs_nothing_changes(lively: Shop, connect: Connect, db: psycopg.Connection) -> None:
    with unchanged(db):
        for arguments in ({}, {"replace": False}, {"replace": None}, {"replace": True}):
            assert call(connect("operator"), "openstock_admin.rebuild", tenant=lively.tenant, **arguments) == []


@pytest.mark.parametrize("tenant", [UNKNOWN, None])
def test_only_a_known_tenant_is_rebuilt(connect: Connect, db: psycopg.Connection, tenant: UUID | None) -> None:
    with refused(db, "OS003", tenant=tenant and str(tenant)):
        call(connect("operator"), "openstock_admin.rebuild", tenant=tenant, replace=True)


def test_only_a_known_tenant_is_verified(connect: Connect, db: psycopg.Connection) -> None:
    with unchanged(db), fails("OS003", tenant=str(UNKNOWN)):
        call(connect("operator"), "openstock_admin.verify", tenant=UNKNOWN)


def test_verify_names_the_tenant_of_each_difference(lively: Shop, connect: Connect, db: psycopg.Connection) -> None:
    other = Shop(connect("app"), db, OTHER_TENANT).furnish()
    other.receive("LON", [{"sku": "APPLE", "qty": 10}])
    db.execute("update openstock_core.stock_level set version = version + 1")
    operator = connect("operator")
    found: list[dict[str, Any]] = call(operator, "openstock_admin.verify")
    assert {(row["tenant_id"], row["fact"]) for row in found} == {
        (lively.tenant, "level version = ledger entries"),
        (OTHER_TENANT, "level version = ledger entries"),
    }
    operator.execute("select set_config('app.tenant_id', %s, false)", [str(lively.tenant)])
    assert call(operator, "openstock_admin.verify") == found
    db.execute("select openstock_admin.set_tenant_active(%s, false)", [OTHER_TENANT])
    assert call(operator, "openstock_admin.verify") == found

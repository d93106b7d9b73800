"""put_warehouses creates what is new, with a bin named DEFAULT, and changes the keys that are given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.support import Clock, Connect, Row, Shop, columns, refused, unchanged


def warehouse(shop: Shop, code: str) -> Row:
    [row] = shop.view("warehouses", warehouse=code)
    return row


def test_a_code_is_all_that_a_warehouse_needs(shop: Shop) -> None:
    shop.put_warehouses(lines=[{"code": "ROM"}])
    row = warehouse(shop, "ROM")
    del row["created_at"], row["updated_at"]
    assert row == {
        "warehouse": "ROM",
        "name": "ROM",
        "address": {},
        "latitude": None,
        "longitude": None,
        "priority": 100,
        "shipping_cost": None,
        "shipping_cost_by_zone": {},
        "active": True,
    }


def test_a_new_warehouse_has_a_bin_named_default(shop: Shop) -> None:
    shop.put_warehouses(lines=[{"code": "ROM"}])
    assert columns(shop.view("locations", warehouse="ROM"), "location", "kind", "active") == [
        ("DEFAULT", "storage", True)
    ]
    shop.receive("ROM", [{"sku": "APPLE", "qty": 1}])
    assert shop.level("APPLE", "ROM") == (1, 0, 0, 1)


def test_keys_that_are_not_given_stay_as_they_are(shop: Shop) -> None:
    given = {
        "code": "ROM",
        "name": "Roma",
        "address": {"city": "Roma", "zip": "00100"},
        "latitude": 41.9,
        "longitude": 12.5,
        "priority": -5,
        "shipping_cost": 5,
        "shipping_cost_by_zone": {"IT": 3},
        "active": False,
    }
    shop.put_warehouses(lines=[given])
    for key, value in [
        ("name", "Rome"),
        ("address", {}),
        ("latitude", 0),
        ("longitude", -180),
        ("priority", 7),
        ("shipping_cost", 0),
        ("shipping_cost_by_zone", {"IT": 3, "EU": 0}),
        ("active", True),
    ]:
        before = warehouse(shop, "ROM")
        shop.put_warehouses(lines=[{"code": "ROM", key: value}])
        after = warehouse(shop, "ROM")
        assert after[key] == value
        assert {name for name in after if after[name] != before[name]} == {key, "updated_at"}


def test_the_answer_says_what_became_of_each_line(shop: Shop) -> None:
    answer = shop.put_warehouses(
        lines=[{"code": "LON", "priority": 1}, {"line": 9, "code": "BER", "priority": 5}, {"code": " ROMA\u0300 "}]
    )
    assert columns(answer, "line", "code", "outcome", "replayed") == [
        (1, "LON", "unchanged", False),
        (9, "BER", "updated", False),
        (3, "ROM\u00c0", "created", False),
    ]


def test_an_unchanged_warehouse_keeps_its_time(shop: Shop, clock: Clock) -> None:
    before = warehouse(shop, "LON")
    clock.advance(days=1)
    shop.put_warehouses(lines=[{"code": "LON", "name": "London"}])
    assert warehouse(shop, "LON") == before
    shop.put_warehouses(lines=[{"code": "LON", "name": "Greater London"}])
    assert warehouse(shop, "LON")["updated_at"] - before["updated_at"] >= timedelta(days=1)


def test_an_inactive_warehouse_neither_receives_nor_promises(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.put_warehouses(lines=[{"code": "LON", "active": False}])
    with refused(db, "OS104", warehouse="LON"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    with refused(db, "OS104", warehouse="LON"):
        shop.reserve("O1", [{"sku": "APPLE", "qty": 1}], warehouse="LON")
    assert columns(shop.reserve("O1", [{"sku": "APPLE", "qty": 1}]), "outcome") == [("rejected",)]


def test_a_rolled_back_call_leaves_nothing(shop: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), shop.connection.transaction(force_rollback=True):
        shop.put_warehouses(lines=[{"code": "ROM"}, {"code": "LON", "priority": 9}])


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_it_works_at_stricter_isolation_levels(shop: Shop, connect: Connect, level: IsolationLevel) -> None:
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    strict = Shop(connection, shop.db)
    outcomes: list[Any] = []
    for priority in (1, 2, 2):
        outcomes += columns(strict.put_warehouses(lines=[{"code": "ROM", "priority": priority}]), "outcome")
    connection.commit()
    assert outcomes == [("created",), ("updated",), ("unchanged",)]


@pytest.mark.parametrize(
    ("line", "place", "key"),
    [
        ({"code": "BER", "name": ""}, 2, "name"),
        ({"code": "BER", "name": "n" * 201}, 2, "name"),
        ({"code": "BER", "name": None}, 2, "name"),
        ({"code": "BER", "address": None}, 2, "address"),
        ({"code": "BER", "address": {"street": "s" * 70_000}}, 2, "address"),
        ({"code": "BER", "priority": None}, 2, "priority"),
        ({"code": "BER", "active": None}, 2, "active"),
        ({"code": " LON "}, 1, "code"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_key_is_named(shop: Shop, db: psycopg.Connection, line: dict[str, Any], place: int, key: str) -> None:
    with refused(db, "22023", argument="lines", line=place, key=key):
        shop.put_warehouses(lines=[{"code": "LON", "priority": 50}, line])

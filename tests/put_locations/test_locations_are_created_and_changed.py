"""put_locations creates the bins of a warehouse, and changes the keys that are given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.support import Clock, Connect, Row, Shop, columns, refused, unchanged


def location(shop: Shop, code: str, warehouse: str = "LON") -> Row:
    [row] = shop.view("locations", location=code, warehouse=warehouse)
    return row


def test_a_code_is_all_that_a_location_needs(shop: Shop) -> None:
    shop.put_locations("BER", [{"code": "B-1"}])
    row = location(shop, "B-1", "BER")
    del row["created_at"], row["updated_at"]
    assert row == {"warehouse": "BER", "location": "B-1", "kind": "storage", "pick_order": 0, "active": True}


@pytest.mark.parametrize(
    ("kind", "blocked"), [("receiving", 0), ("storage", 0), ("picking", 0), ("packing", 0), ("quarantine", 5)]
)
def test_all_kinds_but_quarantine_are_promisable(shop: Shop, kind: str, blocked: int) -> None:
    shop.put_locations("BER", [{"code": "B-1", "kind": kind}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 5, "location": "B-1"}])
    assert shop.level("APPLE", "BER") == (5, blocked, 0, 5 - blocked)


def test_the_same_code_is_another_location_of_another_warehouse(shop: Shop) -> None:
    assert columns(shop.put_locations("BER", [{"code": "A-1", "kind": "picking"}]), "outcome") == [("created",)]
    assert (location(shop, "A-1")["kind"], location(shop, "A-1", "BER")["kind"]) == ("storage", "picking")


def test_keys_that_are_not_given_stay_as_they_are(shop: Shop) -> None:
    shop.put_locations("LON", [{"code": "B-1", "kind": "picking", "pick_order": 3, "active": False}])
    for key, value in [("kind", "packing"), ("pick_order", -2), ("active", True)]:
        before = location(shop, "B-1")
        shop.put_locations("LON", [{"code": "B-1", key: value}])
        after = location(shop, "B-1")
        assert after[key] == value
        assert {name for name in after if after[name] != before[name]} == {key, "updated_at"}


def test_the_answer_says_what_became_of_each_line(shop: Shop) -> None:
    answer = shop.put_locations(
        "LON", [{"code": "A-1"}, {"line": 9, "code": "A-2", "pick_order": 5}, {"code": " E\u0301-1 "}]
    )
    assert columns(answer, "line", "code", "outcome", "replayed") == [
        (1, "A-1", "unchanged", False),
        (9, "A-2", "updated", False),
        (3, "\u00c9-1", "created", False),
    ]


def test_an_unchanged_location_keeps_its_time(shop: Shop, clock: Clock) -> None:
    before = location(shop, "A-1")
    clock.advance(days=1)
    shop.put_locations("LON", [{"code": "A-1", "kind": "storage"}])
    assert location(shop, "A-1") == before
    shop.put_locations("LON", [{"code": "A-1", "pick_order": 1}])
    assert location(shop, "A-1")["updated_at"] - before["updated_at"] >= timedelta(days=1)


def test_locations_of_an_inactive_warehouse_can_be_prepared(shop: Shop) -> None:
    assert columns(shop.put_locations("SHUT", [{"code": "B-1"}]), "outcome") == [("created",)]


def test_nothing_can_be_put_into_an_inactive_location(shop: Shop, db: psycopg.Connection) -> None:
    shop.put_locations("LON", [{"code": "A-1", "active": False}])
    with refused(db, "OS106", location="A-1"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}])


def test_a_rolled_back_call_leaves_nothing(shop: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), shop.connection.transaction(force_rollback=True):
        shop.put_locations("LON", [{"code": "B-1"}, {"code": "A-1", "pick_order": 9}])


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_it_works_at_stricter_isolation_levels(shop: Shop, connect: Connect, level: IsolationLevel) -> None:
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    strict = Shop(connection, shop.db)
    outcomes: list[Any] = []
    for pick_order in (1, 2, 2):
        outcomes += columns(strict.put_locations("LON", [{"code": "B-1", "pick_order": pick_order}]), "outcome")
    connection.commit()
    assert outcomes == [("created",), ("updated",), ("unchanged",)]


@pytest.mark.parametrize(
    ("line", "place", "key"),
    [
        ({"code": "A-2", "kind": "attic"}, 2, "kind"),
        ({"code": "A-2", "kind": None}, 2, "kind"),
        ({"code": "A-2", "pick_order": None}, 2, "pick_order"),
        ({"code": "A-2", "active": None}, 2, "active"),
        ({"code": "A-1 "}, 1, "code"),
    ],
    ids=str,
)
def test_a_bad_key_is_named(shop: Shop, db: psycopg.Connection, line: dict[str, Any], place: int, key: str) -> None:
    with refused(db, "22023", argument="lines", line=place, key=key):
        shop.put_locations("LON", [{"code": "A-1", "pick_order": 50}, line])


@pytest.mark.parametrize(("warehouse", "code"), [("NOWHERE", "OS103"), (None, "22023"), ("", "22023")])
def test_the_warehouse_must_exist(shop: Shop, db: psycopg.Connection, warehouse: str | None, code: str) -> None:
    detail = {"argument": "warehouse"} if code == "22023" else {"warehouse": warehouse}
    with refused(db, code, **detail):
        shop.put_locations(warehouse, [{"code": "B-1"}])


def test_of_several_bad_lines_the_first_is_named_and_of_its_keys_the_first_in_the_alphabet(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "22023", argument="lines", line=2, key="active", problem="must not be null"):
        shop.put_locations("LON", [{"code": "A-2"}, {"code": "A-1", "kind": None, "active": None}, {"code": "P-1", "kind": "attic"}])

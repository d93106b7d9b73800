"""put_products creates what is new, changes the keys that are given, and says which of the two it did."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.support import Clock, Connect, Row, Shop, columns, unchanged

EVERYTHING = {
    "sku": "TEA",
    "name": "Green tea",
    "description": "From Japan",
    "unit": "KGM",
    "decimals": 3,
    "tracking": "lot",
    "removal": "lifo",
    "backorder": "limited",
    "backorder_limit": 100,
    "safety_stock": 2.5,
    "reorder_point": 10,
    "reorder_quantity": 50,
    "lead_time_days": 14,
    "attributes": {"bio": True, "tags": ["hot", "green"]},
    "active": False,
}


def product(shop: Shop, sku: str) -> Row:
    [row] = shop.view("products", sku=sku)
    return row


def test_a_name_is_all_that_a_product_needs(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "TEA", "name": "Green tea"}])
    row = product(shop, "TEA")
    del row["created_at"], row["updated_at"]
    assert row == {
        "sku": "TEA",
        "name": "Green tea",
        "description": None,
        "unit": "C62",
        "decimals": 0,
        "tracking": "none",
        "removal": "fefo",
        "backorder": "none",
        "backorder_limit": None,
        "safety_stock": 0,
        "reorder_point": None,
        "reorder_quantity": None,
        "lead_time": None,
        "attributes": {},
        "active": True,
    }


def test_every_key_is_kept(shop: Shop) -> None:
    shop.put_products(lines=[EVERYTHING])
    row = product(shop, "TEA")
    assert row["lead_time"] == timedelta(days=14)
    assert {key: row[key] for key in EVERYTHING if key != "lead_time_days"} == {
        key: value for key, value in EVERYTHING.items() if key != "lead_time_days"
    }


def test_keys_that_are_not_given_stay_as_they_are(shop: Shop) -> None:
    shop.put_products(lines=[EVERYTHING])
    before = product(shop, "TEA")
    shop.put_products(lines=[{"sku": "TEA", "name": "Sencha"}])
    after = product(shop, "TEA")
    assert {key for key in after if after[key] != before[key]} == {"name", "updated_at"}


@pytest.mark.parametrize(
    ("key", "shown"), [("description", "description"), ("reorder_point", "reorder_point"),
                       ("reorder_quantity", "reorder_quantity"), ("lead_time_days", "lead_time")]
)  # fmt: skip
def test_null_takes_back_what_is_optional(shop: Shop, key: str, shown: str) -> None:
    shop.put_products(lines=[EVERYTHING])
    shop.put_products(lines=[{"sku": "TEA", key: None}])
    assert product(shop, "TEA")[shown] is None


def test_a_backorder_limit_goes_with_the_policy(shop: Shop) -> None:
    shop.put_products(lines=[EVERYTHING])
    shop.put_products(lines=[{"sku": "TEA", "backorder": "unlimited", "backorder_limit": None}])
    assert (product(shop, "TEA")["backorder"], product(shop, "TEA")["backorder_limit"]) == ("unlimited", None)


def test_attributes_are_replaced_and_not_merged(shop: Shop) -> None:
    shop.put_products(lines=[EVERYTHING])
    shop.put_products(lines=[{"sku": "TEA", "attributes": {"bio": False}}])
    assert product(shop, "TEA")["attributes"] == {"bio": False}


def test_the_answer_says_what_became_of_each_line(shop: Shop) -> None:
    answer = shop.put_products(
        lines=[
            {"sku": "APPLE", "name": "Apple"},
            {"line": 40, "sku": "RICE", "name": "Rice, bagged"},
            {"sku": " TEA ", "name": "Tea"},
        ]
    )
    assert columns(answer, "line", "code", "outcome", "replayed") == [
        (1, "APPLE", "unchanged", False),
        (40, "RICE", "updated", False),
        (3, "TEA", "created", False),
    ]


def test_an_unchanged_product_keeps_its_time(shop: Shop, clock: Clock) -> None:
    before = product(shop, "APPLE")
    clock.advance(days=1)
    shop.put_products(lines=[{"sku": "APPLE", "name": "Apple", "safety_stock": 0}])
    assert product(shop, "APPLE") == before
    shop.put_products(lines=[{"sku": "APPLE", "name": "Red apple"}])
    after = product(shop, "APPLE")
    assert after["updated_at"] - before["updated_at"] >= timedelta(days=1)
    assert after["created_at"] == before["created_at"]


def test_skus_are_composed_and_trimmed(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": " CAFE\u0301 ", "name": "Coffee"}])
    answer = shop.put_products(lines=[{"sku": "CAF\u00c9", "name": "Coffee"}])
    assert columns(answer, "code", "outcome") == [("CAF\u00c9", "unchanged")]
    assert columns(shop.view("products", name="Coffee"), "sku") == [("CAF\u00c9",)]


def test_the_longest_names_fit(shop: Shop) -> None:
    longest = {"sku": "\u00c9" * 64, "name": "n" * 500, "description": "d" * 10_000}
    shop.put_products(lines=[longest])
    assert {key: product(shop, longest["sku"])[key] for key in longest} == longest


def test_skus_differ_by_case(shop: Shop) -> None:
    assert columns(shop.put_products(lines=[{"sku": "apple", "name": "Another"}]), "outcome") == [("created",)]


def test_an_inactive_product_can_be_sold_again(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "OLD", "active": True}])
    shop.receive("LON", [{"sku": "OLD", "qty": 1}])
    assert shop.level("OLD") == (1, 0, 0, 1)


def test_thousands_of_products_are_one_operation(shop: Shop) -> None:
    answer = shop.put_products(lines=[{"sku": f"SKU-{n}", "name": f"Product {n}"} for n in range(3000)])
    assert {row["outcome"] for row in answer} == {"created"}
    assert [row["line"] for row in answer] == list(range(1, 3001))


def test_a_rolled_back_call_leaves_nothing(shop: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), shop.connection.transaction(force_rollback=True):
        shop.put_products(lines=[EVERYTHING, {"sku": "APPLE", "safety_stock": 3}])


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_it_works_at_stricter_isolation_levels(shop: Shop, connect: Connect, level: IsolationLevel) -> None:
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    strict = Shop(connection, shop.db)
    outcomes: list[Any] = []
    for name in ("Tea", "Green tea", "Green tea"):
        outcomes += columns(strict.put_products(lines=[{"sku": "TEA", "name": name}]), "outcome")
    connection.commit()
    assert outcomes == [("created",), ("updated",), ("unchanged",)]

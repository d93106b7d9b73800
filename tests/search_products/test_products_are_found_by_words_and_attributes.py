"""search_products(query, attributes): by the beginning of a sku, by words, and by what attributes contain."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import OTHER_TENANT, Connect, Shop, call, refused, unchanged


@pytest.fixture
def catalogue(shop: Shop) -> Shop:
    """Five teas and coffees."""
    shop.put_products(
        lines=[
            {
                "sku": "TEA-1",
                "name": "Green tea",
                "description": "From Japan",
                "attributes": {"bio": True, "tags": ["hot"]},
            },
            {"sku": "TEA-2", "name": "Black tea", "description": "Strong, from Assam", "attributes": {"bio": False}},
            {
                "sku": "CAF\u00c9_1",
                "name": "Coffee beans",
                "description": "Roasted; better than tea",
                "attributes": {"g": 500},
            },
            {"sku": "CAF%2", "name": "Coffee powder", "attributes": {"g": 250, "bio": True}},
            {"sku": "TEAPOT", "name": "A pot", "active": False},
        ]
    )
    return shop


def found(shop: Shop, *arguments: Any, **named: Any) -> list[str]:
    return [row["sku"] for row in shop.search_products(*arguments, **named)]


def test_by_the_beginning_of_a_sku_in_any_case(catalogue: Shop) -> None:
    assert found(catalogue, "teap") == ["TEAPOT"]
    assert found(catalogue, "Tea-2") == ["TEA-2"]


def test_an_exact_sku_comes_first(catalogue: Shop) -> None:
    catalogue.put_products(lines=[{"sku": "TEA", "name": "Any tea"}])
    assert found(catalogue, "TEA")[0] == "TEA"
    assert set(found(catalogue, "TEA")) == {"TEA", "TEA-1", "TEA-2", "TEAPOT", "CAF\u00c9_1"}


def test_by_words_of_the_name_before_those_of_the_description(catalogue: Shop) -> None:
    catalogue.put_products(lines=[{"sku": "X", "name": "assam"}])
    assert found(catalogue, "assam") == ["X", "TEA-2"]


def test_all_words_must_be_there_unless_or_says_otherwise(catalogue: Shop) -> None:
    assert found(catalogue, "green tea") == ["TEA-1"]
    assert set(found(catalogue, "green or black")) == {"TEA-1", "TEA-2"}
    assert found(catalogue, "coffee -powder") == ["CAF\u00c9_1"]
    assert found(catalogue, '"than tea"') == ["CAF\u00c9_1"]


def test_by_attributes(catalogue: Shop) -> None:
    assert found(catalogue, attributes={"bio": True}) == ["CAF%2", "TEA-1"]
    assert found(catalogue, attributes={"tags": ["hot"]}) == ["TEA-1"]
    assert found(catalogue, attributes={"bio": True, "g": 250}) == ["CAF%2"]
    assert found(catalogue, attributes={"bio": "true"}) == []


def test_by_words_and_attributes_together(catalogue: Shop) -> None:
    assert found(catalogue, "tea", attributes={"bio": True}) == ["TEA-1"]


def test_without_a_query_all_products_in_order_of_sku(catalogue: Shop) -> None:
    everything = [row["sku"] for row in catalogue.view("products")]
    assert sorted(found(catalogue)) == sorted(everything)
    assert found(catalogue, max_rows=2) == found(catalogue)[:2]
    assert found(catalogue, "  ") == found(catalogue)


def test_patterns_are_not_wildcards(catalogue: Shop) -> None:
    assert found(catalogue, "caf%") == ["CAF%2"]
    assert found(catalogue, "%") == []
    assert found(catalogue, "t_a") == []
    assert found(catalogue, "\\") == []


def test_strings_of_the_old_kind_change_nothing(catalogue: Shop) -> None:
    """standard_conforming_strings = off, which a session may have from an old configuration."""
    catalogue.connection.execute("set standard_conforming_strings = off")
    test_patterns_are_not_wildcards(catalogue)
    assert found(catalogue, "Tea-2") == ["TEA-2"]


@pytest.mark.parametrize("query", ["CAF\u00c9", "CAFE\u0301_1", "  caf\u00c9_1 "])
def test_a_query_is_composed_before_it_is_compared(catalogue: Shop, query: str) -> None:
    assert found(catalogue, query) == ["CAF\u00c9_1"]


def test_the_rows_are_those_of_the_view(catalogue: Shop) -> None:
    assert catalogue.search_products("TEA-1") == catalogue.view("products", sku="TEA-1")


def test_another_tenants_products_are_not_found(catalogue: Shop, connect: Connect, db: psycopg.Connection) -> None:
    other = Shop(connect("app"), db, OTHER_TENANT)
    other.put_products(lines=[{"sku": "TEA-9", "name": "Secret tea", "attributes": {"bio": True}}])
    assert found(other, "tea") == ["TEA-9"]
    assert "TEA-9" not in found(catalogue, "tea")
    assert "TEA-9" not in found(catalogue, attributes={"bio": True})


def test_it_uses_its_indexes_however_often_it_is_called(catalogue: Shop, db: psycopg.Connection) -> None:
    """They are what it runs as the maintenance role for: under a tenant's policy PostgreSQL may not use them."""
    db.execute(
        "insert into openstock_core.product (tenant_id, sku, name, attributes) "
        "select %s, 'N-' || n, 'Number ' || n, jsonb_build_object('n', n) from generate_series(1, 1000) as n",
        [catalogue.tenant],
    )
    db.execute("analyze openstock_core.product")
    catalogue.connection.execute("set enable_seqscan = off")
    for n in range(1, 9):
        assert found(catalogue, attributes={"n": n}) == [f"N-{n}"]
        assert found(catalogue, f"n-{n}00", attributes={"n": n * 100}) == [f"N-{n}00"]
        assert found(catalogue, f"{n}00") == [f"N-{n}00"]
    catalogue.connection.execute("select pg_stat_force_next_flush()")
    scans: dict[str, int] = dict(
        db.execute("select indexrelname, idx_scan from pg_stat_user_indexes where relname = 'product'").fetchall()
    )
    assert scans["product_attributes"] >= 8
    assert scans["product_search"] >= 8
    assert scans["product_sku_prefix"] >= 8


def test_it_writes_nothing_and_works_in_a_read_only_transaction(catalogue: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), catalogue.connection.transaction():
        catalogue.connection.execute("set transaction read only")
        assert found(catalogue, "assam") == ["TEA-2"]


def test_an_analyst_may_search_too(catalogue: Shop, connect: Connect) -> None:
    [row] = call(connect("analyst"), "search_products", query="assam", tenant=catalogue.tenant)
    assert row["sku"] == "TEA-2"


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_rows": 0},
        {"max_rows": 1001},
        {"max_rows": None},
        {"query": "q" * 1001},
        {"attributes": []},
        {"attributes": "1"},
        {"attributes": "null"},
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_argument_is_named(catalogue: Shop, db: psycopg.Connection, arguments: dict[str, Any]) -> None:
    with refused(db, "22023", argument=next(iter(arguments))):
        catalogue.search_products(**arguments)

"""put_kits says what kits are made of; each call replaces the components of the kits that it names."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, columns, refused

APPLES = [{"sku": "APPLE", "qty": 2}]


@pytest.fixture
def catalogue(shop: Shop) -> Shop:
    """HAMPER: 2 APPLE; BASKET and CASE are products that may become kits."""
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in ("HAMPER", "BASKET", "CASE")])
    shop.put_kits(lines=[{"sku": "HAMPER", "components": APPLES}])
    return shop


def made_of(shop: Shop) -> list[tuple[Any, ...]]:
    with shop.connection.transaction():
        shop.connection.execute("select openstock.act_for(%s)", [shop.tenant])
        return shop.connection.execute("select sku, component, qty from openstock.kits order by 1, 2").fetchall()


def test_components_are_replaced_as_a_whole(catalogue: Shop) -> None:
    answer = catalogue.put_kits(
        lines=[
            {"sku": " HAMPER ", "components": [{"sku": "RICE", "qty": 0.25}, {"sku": "MILK", "qty": 1}]},
            {"sku": "BASKET", "components": [{"sku": " APPLE", "qty": 6}], "line": 9},
            {"sku": "CASE", "components": []},
        ]
    )
    assert columns(answer, "line", "code", "outcome") == [(1, "HAMPER", "updated"), (9, "BASKET", "created"), (3, "CASE", "unchanged")]
    assert [(k, c) for k, c, _ in made_of(catalogue)] == [("BASKET", "APPLE"), ("HAMPER", "MILK"), ("HAMPER", "RICE")]
    again = [{"sku": "BASKET", "components": [{"sku": "APPLE", "qty": 6.0}]}]
    assert columns(catalogue.put_kits(lines=again), "outcome") == [("unchanged",)]


def test_without_components_it_is_a_product_again(catalogue: Shop) -> None:
    assert columns(catalogue.put_kits(lines=[{"sku": "HAMPER", "components": []}]), "outcome") == [("updated",)]
    catalogue.receive("LON", [{"sku": "HAMPER", "qty": 1}])
    assert made_of(catalogue) == []


def test_a_kit_has_no_stock_of_its_own(catalogue: Shop, db: psycopg.Connection) -> None:
    for function, line, more in (
        ("receive", {"qty": 1}, {}),
        ("adjust", {"qty": 1}, {"reason": "found"}),
        ("move", {"qty": 1, "from": "A-1", "to": "A-2"}, {}),
    ):
        with refused(db, "22023", line=1, key="sku", sku="HAMPER"):
            getattr(catalogue, function)("LON", [{"sku": "HAMPER"} | line], **more)


def test_a_product_that_was_stocked_does_not_become_a_kit(catalogue: Shop, db: psycopg.Connection) -> None:
    catalogue.receive("LON", [{"sku": "CASE", "qty": 1}])
    catalogue.adjust("LON", [{"sku": "CASE", "qty": -1}], reason="counted")
    with refused(db, "OS120", line=1, sku="CASE"):
        catalogue.put_kits(lines=[{"sku": "CASE", "components": APPLES}])


@pytest.mark.parametrize(
    ("lines", "code", "detail"),
    [
        ([{"sku": "NONE", "components": APPLES}], "OS101", {"sku": "NONE"}),
        ([{"sku": "CASE", "components": [{"sku": "NONE", "qty": 1}]}], "OS101", {"sku": "NONE"}),
        ([{"sku": "CASE", "components": [{"sku": "APPLE", "qty": 0.5}]}], "OS110", {"sku": "APPLE"}),
        ([{"sku": "CASE", "components": [{"sku": "APPLE", "qty": 0}]}], "OS110", {"sku": "APPLE"}),
        ([{"sku": "CASE", "components": [{"sku": "HAMPER", "qty": 1}]}], "22023", {"key": "components", "sku": "HAMPER"}),
        ([{"sku": "CASE", "components": [{"sku": "CASE", "qty": 1}]}], "22023", {"key": "components", "sku": "CASE"}),
        ([{"sku": "APPLE", "components": [{"sku": "RICE", "qty": 1}]}], "22023", {"key": "sku", "sku": "APPLE"}),
        (
            [{"sku": "CASE", "components": [{"sku": "BASKET", "qty": 1}]}, {"sku": "BASKET", "components": APPLES}],
            "22023",
            {"key": "components", "sku": "BASKET"},
        ),
        ([{"sku": "CASE", "components": [*APPLES, {"sku": "APPLE ", "qty": 1}]}], "22023", {"key": "components", "sku": "APPLE"}),
        ([{"sku": "CASE", "components": APPLES}, {"sku": "CASE ", "components": []}], "22023", {"key": "sku"}),
        ([{"sku": "CASE", "components": {}}], "22023", {"key": "components", "problem": "must be an array"}),
        ([{"sku": "CASE", "components": ["APPLE"]}], "22023", {"key": "components", "problem": "must be objects"}),
        ([{"sku": "CASE", "components": [{"sku": "APPLE"}]}], "22023", {"key": "components", "problem": "qty is missing"}),
        ([{"sku": "CASE", "components": [{"sku": 3, "qty": 1}]}], "22023", {"key": "components", "problem": "sku must be a string"}),
        ([{"sku": "CASE", "components": [APPLES[0] | {"no": 1}]}], "22023", {"key": "components", "problem": "no is not a known key"}),
        ([{"sku": "CASE", "components": APPLES * 101}], "22023", {"key": "components", "problem": "must be at most 100"}),
        ([{"sku": "CASE"}], "22023", {"key": "components", "problem": "missing"}),
    ],
)
def test_what_is_no_kit_is_refused(
    catalogue: Shop, db: psycopg.Connection, lines: list[dict[str, Any]], code: str, detail: dict[str, Any]
) -> None:
    with refused(db, code, line=1, **detail):
        catalogue.put_kits(lines=lines)


def test_a_kit_may_become_a_component_where_it_is_none_any_more(catalogue: Shop) -> None:
    catalogue.put_kits(
        lines=[
            {"sku": "HAMPER", "components": []},
            {"sku": "BASKET", "components": [{"sku": "HAMPER", "qty": 1}]},
        ]
    )
    assert made_of(catalogue) == [("BASKET", "HAMPER", 1)]
    catalogue.put_kits(lines=[{"sku": "BASKET", "components": []}, {"sku": "HAMPER", "components": APPLES}])
    assert made_of(catalogue) == [("HAMPER", "APPLE", 2)]

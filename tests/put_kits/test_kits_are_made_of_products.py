"""put_kits says what kits are made of; each call replaces the components of the kits that it names."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Clock, Shop, columns, refused

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


def kits_of(shop: Shop) -> set[str]:
    """The products that have no stock of their own."""
    return {sku for (sku,) in shop.db.execute("select sku from openstock_core.product where is_kit").fetchall()}


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
            [{"sku": "APPLE", "components": [{"sku": "RICE", "qty": 1}]}, {"sku": "NONE", "components": []}],
            "22023",
            {"key": "sku", "sku": "APPLE"},
        ),
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


def test_each_kit_keeps_and_gets_what_is_its_own(catalogue: Shop, clock: Clock) -> None:
    """Kits that share components, named in another order than they came to be: one is new, one changes, one stays, one is not named, one is taken apart."""
    catalogue.put_products(lines=[{"sku": sku, "name": sku} for sku in ("NEW", "GIFT", "PARTY")])
    pair = [{"sku": "MILK", "qty": 1}, {"sku": "APPLE", "qty": 2}]
    catalogue.put_kits(lines=[{"sku": sku, "components": pair} for sku in ("BASKET", "CASE", "PARTY")])
    catalogue.put_kits(lines=[{"sku": "GIFT", "components": [*pair, {"sku": "RICE", "qty": 1}]}])
    clock.advance(days=1)
    answer = catalogue.put_kits(
        lines=[
            {"sku": "PARTY", "components": []},
            {"sku": "NEW", "components": APPLES},
            {"sku": "CASE", "components": pair},
            {"sku": "BASKET", "components": [{"sku": "APPLE", "qty": 3}, {"sku": "RICE", "qty": 0.5}]},
        ]
    )
    assert columns(answer, "line", "code", "outcome") == [
        (1, "PARTY", "updated"),
        (2, "NEW", "created"),
        (3, "CASE", "unchanged"),
        (4, "BASKET", "updated"),
    ]
    assert [(kit, component, float(qty)) for kit, component, qty in made_of(catalogue)] == [
        ("BASKET", "APPLE", 3),
        ("BASKET", "RICE", 0.5),
        ("CASE", "APPLE", 2),
        ("CASE", "MILK", 1),
        ("GIFT", "APPLE", 2),
        ("GIFT", "MILK", 1),
        ("GIFT", "RICE", 1),
        ("HAMPER", "APPLE", 2),
        ("NEW", "APPLE", 2),
    ]
    now = clock.db.execute("select max(updated_at) - interval '1 hour' from openstock_core.product").fetchall()[0][0]
    assert [row["sku"] for row in catalogue.view("products") if row["updated_at"] > now] == ["BASKET", "NEW", "PARTY"]
    assert kits_of(catalogue) == {"BASKET", "CASE", "GIFT", "HAMPER", "NEW"}


@pytest.mark.parametrize(
    ("components", "problem"),
    [
        ([*APPLES, {}, {"sku": "RICE", "qty": 1, "no": 1}], "qty is missing"),
        ([*APPLES, {"sku": "RICE", "qty": "1", "no": 1}, {}], "no is not a known key"),
        ([{"no": 1}] * 101, "must be at most 100"),
    ],
)
def test_of_several_bad_components_the_first_is_named_and_of_its_keys_the_first_in_the_alphabet(
    catalogue: Shop, db: psycopg.Connection, components: list[dict[str, Any]], problem: str
) -> None:
    good, worse = {"sku": "BASKET", "components": APPLES}, {"sku": "HAMPER", "components": ["APPLE"]}
    with refused(db, "22023", line=2, key="components", problem=problem):
        catalogue.put_kits(lines=[good, {"sku": "CASE", "components": components}, worse])


def test_of_several_components_that_cannot_be_the_first_is_named(catalogue: Shop, db: psycopg.Connection) -> None:
    components = [*APPLES, {"sku": "SECOND", "qty": 1}, {"sku": "FIRST", "qty": 1}]
    with refused(db, "OS101", line=2, sku="SECOND"):
        catalogue.put_kits(
            lines=[{"sku": "BASKET", "components": APPLES}, {"sku": "CASE", "components": components}, {"sku": "NONE", "components": []}]
        )

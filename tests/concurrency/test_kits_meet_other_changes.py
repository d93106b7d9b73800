"""Kits change while their products do: no kit is part of a kit or has stock, and who reserves one sees all of it as it was, or as it is."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import IsolationLevel

from ..support import Shop, columns
from .sessions import ALL_LEVELS, READ_COMMITTED, OpenSession, Session

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)


def kit(sku: str, **components: int) -> list[dict[str, Any]]:
    return [{"sku": sku, "components": [{"sku": name, "qty": qty} for name, qty in components.items()]}]


@pytest.fixture
def kits(shop: Shop) -> Shop:
    """HAMPER: 2 APPLE; of BAG and BOX and RICE nothing was ever stocked; 10 apples."""
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in ("HAMPER", "BAG", "BOX")])
    shop.put_kits(lines=kit("HAMPER", APPLE=2))
    shop.put_channels(lines=[{"code": "WEB"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    return shop


def refused_or_retried(session: Session, waiting: Any, level: IsolationLevel, code: str) -> None:
    """It sees what it waited for, or with a snapshot from before has to be done again."""
    assert session.refused(waiting) == (code if level is READ_COMMITTED else "40001")


@every_level
@pytest.mark.parametrize(
    ("first", "second"),
    [(kit("BAG", BOX=1), kit("BOX", APPLE=1)), (kit("BOX", APPLE=1), kit("BAG", BOX=1))],
    ids=["a component becomes a kit", "a kit becomes a component"],
)
def test_no_kit_becomes_part_of_a_kit(kits: Shop, session: OpenSession, level: IsolationLevel, first: Any, second: Any) -> None:
    one, two = session(), session(level)
    two.view("products")
    one.put_kits(lines=first)
    waiting = two.blocked("put_kits", lines=second)
    one.commit()
    refused_or_retried(two, waiting, level, "22023")


# What makes a product's first level at a warehouse.
stocking = pytest.mark.parametrize(
    ("function", "line"), [("receive", {"sku": "BOX", "qty": 1}), ("put_quotas", {"sku": "BOX", "channel": "WEB", "qty": 1})], ids=["receive", "put_quotas"]
)


@every_level
@stocking
def test_what_is_being_stocked_does_not_become_a_kit(
    kits: Shop, session: OpenSession, level: IsolationLevel, function: str, line: dict[str, Any]
) -> None:
    one, two = session(), session(level)
    two.view("products")
    getattr(one, function)("LON", [line])
    waiting = two.blocked("put_kits", lines=kit("BOX", APPLE=1))
    one.commit()
    refused_or_retried(two, waiting, level, "OS120")


@every_level
@stocking
def test_what_became_a_kit_is_not_stocked(
    kits: Shop, session: OpenSession, level: IsolationLevel, function: str, line: dict[str, Any]
) -> None:
    one, two = session(), session(level)
    two.view("products")
    one.put_kits(lines=kit("BOX", APPLE=1))
    waiting = two.blocked(function, "LON", [line])
    one.commit()
    refused_or_retried(two, waiting, level, "22023")


@every_level
def test_a_kit_that_two_change_is_as_one_says(kits: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(), session(level)
    two.view("products")
    one.put_kits(lines=kit("HAMPER", RICE=1))
    waiting = two.blocked("put_kits", lines=kit("HAMPER", BAG=3))
    one.commit()
    two.outcome(waiting, "put_kits", lines=kit("HAMPER", BAG=3))
    assert columns(kits.availability("HAMPER"), "warehouse") == []
    assert columns(kits.reserve("O1", [{"sku": "HAMPER", "qty": 1}]), "outcome", "available") == [("rejected", 0)]


def test_who_reserves_a_kit_that_changes_waits_for_nobody(kits: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    one.put_kits(lines=kit("HAMPER", APPLE=3))
    assert columns(two.unhindered("reserve", "O1", [{"sku": "HAMPER", "qty": 1}]), "qty_reserved") == [(2,)]
    one.commit()
    assert columns(two.reserve("O2", [{"sku": "HAMPER", "qty": 1}]), "qty_reserved") == [(3,)]
    two.commit()
    assert kits.differences() == []


def test_kits_are_promised_to_one_of_two(kits: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    one.reserve("O1", [{"sku": "HAMPER", "qty": 3}])
    waiting = two.blocked("reserve", "O2", [{"sku": "HAMPER", "qty": 3}], on_shortage="partial")
    one.commit()
    assert columns(waiting.result(), "outcome", "sku", "qty_reserved", "qty_short") == [
        ("reserved", "APPLE", 4, 0),
        ("short", "HAMPER", 0, 1),
    ]

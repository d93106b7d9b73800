"""allocate(whole_units => true): handling units that fit what a line needs go as they are, and nothing is opened for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.concurrency.sessions import NEVER, READ_COMMITTED, Session
from tests.support import Connect, Shop, columns, day


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """APPLE, the oldest first: 5 loose in A-1, then 6 in H1, 4 in H2 and 6 in H3, all in A-2. In the end all is as verify wants it."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    for code, qty in (("H1", 6), ("H2", 4), ("H3", 6)):
        shop.receive("LON", [{"sku": "APPLE", "qty": qty, "location": "A-2", "handling_unit": code}])
    yield shop
    assert shop.differences() == []


def picked(shop: Shop, qty: int, *, whole_units: bool | None = True, order_ref: str = "O1", **arguments: object) -> list[tuple[object, ...]]:
    shop.reserve(order_ref, [{"sku": "APPLE", "qty": qty}])
    return sorted(columns(shop.allocate(order_ref, whole_units=whole_units, **arguments), "handling_unit", "qty"), key=lambda row: row[0] or "")


@pytest.mark.parametrize(
    ("qty", "picks"),
    [
        (4, [("H2", 4)]),
        (6, [("H1", 6)]),
        (10, [("H1", 6), ("H2", 4)]),
        (12, [(None, 2), ("H1", 6), ("H2", 4)]),
        (16, [("H1", 6), ("H2", 4), ("H3", 6)]),
        (3, [(None, 3)]),
        (9, [(None, 3), ("H1", 6)]),
        (5, [(None, 1), ("H2", 4)]),
    ],
)
def test_a_unit_that_fits_goes_before_loose_ones(shop: Shop, qty: int, picks: list[tuple[object, ...]]) -> None:
    assert picked(shop, qty) == picks


def test_the_removal_rule_says_which_unit_goes_first(shop: Shop) -> None:
    assert picked(shop, 10, removal="lifo") == [("H2", 4), ("H3", 6)]


def test_the_rest_comes_from_units_that_do_not_go_whole(shop: Shop) -> None:
    assert picked(shop, 12, removal="lifo") == [("H1", 2), ("H2", 4), ("H3", 6)]


def test_a_unit_of_several_lots_goes_whole(shop: Shop) -> None:
    for lot, qty, days in (("LATE", 3, 30), ("SOON", 2, 10)):
        shop.receive("LON", [{"sku": "MILK", "qty": qty, "lot": lot, "expires_on": day(days), "location": "A-1", "handling_unit": "H4"}])
        shop.receive("LON", [{"sku": "MILK", "qty": 9, "lot": lot, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 6}])
    assert columns(shop.allocate("O1", whole_units=True), "handling_unit", "lot", "qty") == [("H4", "SOON", 2), ("H4", "LATE", 3), (None, "SOON", 1)]


def test_a_unit_that_comes_in_while_the_call_waits_is_left_to_others(shop: Shop, connect: Connect) -> None:
    for order_ref in ("O1", "O2"):
        shop.reserve(order_ref, [{"sku": "APPLE", "qty": 6}])
    with Session(connect("app", autocommit=False), shop.db, READ_COMMITTED) as picker, Session(connect("app", autocommit=False), shop.db, READ_COMMITTED) as other:
        assert columns(picker.allocate("O1", whole_units=True), "handling_unit", "qty") == [("H1", 6)]
        waiting = other.blocked("allocate", "O2", removal="lifo", whole_units=True)
        shop.receive("LON", [{"sku": "APPLE", "qty": 6, "location": "A-2", "handling_unit": "H4"}])
        picker.commit()
        assert columns(waiting.result(NEVER), "handling_unit", "qty") == [("H3", 6)]
        other.commit()


@pytest.mark.parametrize("whole_units", [False, None])
def test_otherwise_the_removal_rule_alone_decides(shop: Shop, whole_units: bool | None) -> None:
    assert picked(shop, 6, whole_units=whole_units) == [(None, 5), ("H1", 1)]


def test_what_is_pinned_already_of_a_unit_is_no_part_of_it(shop: Shop) -> None:
    picked(shop, 7, whole_units=False)
    assert picked(shop, 4, order_ref="O2") == [("H1", 4)]


def test_a_unit_serves_one_line(shop: Shop) -> None:
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}, {"sku": "APPLE", "qty": 6, "warehouse": "LON"}])
    rows = shop.allocate("O1", whole_units=True)
    assert columns(rows, "line", "handling_unit", "qty") == [(1, "H1", 6), (2, "H2", 4), (2, None, 2)]

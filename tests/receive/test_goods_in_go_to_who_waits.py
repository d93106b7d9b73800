"""What comes in is promised in the same transaction to who waits for it, unless the caller does not want that."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.support import Clock, Shop, columns, day, refused, unchanged
from tests.waiting import backorder, let_wait, queue, standing


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """URGENT, O1 and O2 wait for 2 APPLE each, BERLIN for 2 from Berlin. In the end all is as verify wants it."""
    let_wait(shop)
    for order_ref in ("O1", "O2"):
        backorder(shop, order_ref, 2)
    backorder(shop, "BERLIN", 2, warehouse="BER")
    backorder(shop, "URGENT", 2, priority=1)
    yield shop
    assert shop.differences() == []


def promised(shop: Shop) -> list[tuple[object, ...]]:
    return sorted(row for row in columns(shop.view("reservations"), "order_ref", "warehouse", "reserved") if row[2])


def test_by_priority_and_age(shop: Shop) -> None:
    answer = shop.receive("LON", [{"sku": "APPLE", "qty": 3}], op_id="in")
    assert columns(answer, "event_type", "qty", "on_hand", "available") == [("RECEIPT", 3, 3, 3)]
    assert promised(shop) == [("O1", "LON", 1), ("URGENT", "LON", 2)]
    assert [order for order, *_ in queue(shop)] == ["O1", "O2", "BERLIN"]
    assert shop.level("APPLE") == (3, 0, 3, 0)
    assert sorted(shop.entries("event_type", "order_ref", op_id="in"), key=str) == [
        ("BACKORDER", "O1"),
        ("BACKORDER", "URGENT"),
        ("RECEIPT", None),
        ("RESERVE", "O1"),
        ("RESERVE", "URGENT"),
    ]


def test_what_is_left_over_is_available(shop: Shop) -> None:
    shop.receive("BER", [{"sku": "APPLE", "qty": 9}])
    assert promised(shop) == [("BERLIN", "BER", 2), ("O1", "BER", 2), ("O2", "BER", 2), ("URGENT", "BER", 2)]
    assert (queue(shop), shop.level("APPLE", "BER")) == ([], (9, 0, 8, 1))


def test_goods_elsewhere_are_left_to_fill_backorders(shop: Shop) -> None:
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}], fill_backorders=False)
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert promised(shop) == [("URGENT", "LON", 1)]


def test_what_lay_there_before_is_given_too(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}], fill_backorders=False)
    assert promised(shop) == []
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert promised(shop) == [("O1", "LON", 2), ("URGENT", "LON", 2)]


@pytest.mark.parametrize("fill", [True, None])
def test_it_is_what_happens_of_its_own_accord(shop: Shop, fill: bool | None) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}], fill_backorders=fill)
    assert promised(shop) == [("URGENT", "LON", 1)]


def test_a_replay_gives_nothing_twice(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}], op_id="in")
    with unchanged(db):
        assert columns(shop.receive("LON", [{"sku": "APPLE", "qty": 1}], op_id="in", fill_backorders=None), "replayed") == [(True,)]
    with refused(db, "OS010", op_id="in"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 1}], op_id="in", fill_backorders=False)


@pytest.mark.parametrize("line", [{"status": "hold"}, {"status": "damaged"}, {"location": "Q-1"}])
def test_units_that_cannot_be_promised_are_not_given(shop: Shop, line: dict[str, str]) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5} | line])
    assert promised(shop) == []


def test_a_lot_that_has_expired_is_not_given(shop: Shop, clock: Clock) -> None:
    let_wait(shop, "MILK")
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "OLD", "expires_on": day(2)}])
    shop.reserve("MILK-1", [{"sku": "MILK", "qty": 7}], on_shortage="backorder")
    shop.release("MILK-1", [{"line": 1, "warehouse": "LON"}])
    clock.advance(days=4)
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "NEW", "expires_on": day(30)}])
    assert standing(shop, "MILK-1") == [(1, None, 0, 1, 0, 0, 0), (1, "LON", 1, 0, 0, 5, 0)]
    assert shop.level("MILK") == (6, 5, 1, 0)


def test_safety_stock_comes_first(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "APPLE", "safety_stock": 4}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    assert promised(shop) == [("URGENT", "LON", 1)]


def test_several_lines_and_products_at_once(shop: Shop) -> None:
    let_wait(shop, "RICE")
    backorder(shop, "O1", 1.5, "RICE")
    shop.receive(
        "LON",
        [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 1, "location": "A-1"}, {"sku": "APPLE", "qty": 2, "location": "A-2"}],
    )
    assert columns(shop.view("stock", warehouse="LON"), "sku", "reserved", "available") == [("APPLE", 3, 0), ("RICE", 1, 0)]


def test_a_debt_is_paid_before_anybody_is_filled(shop: Shop) -> None:
    """Where promised units were lost, available is negative, and what comes in belongs to who was promised them."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    shop.adjust("LON", [{"sku": "APPLE", "qty": -2}], reason="lost")
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    assert promised(shop) == [("URGENT", "LON", 2)]
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert promised(shop) == [("O1", "LON", 1), ("URGENT", "LON", 2)]


def test_who_waits_gets_it_before_who_comes_now(shop: Shop) -> None:
    with shop.connection.transaction():
        shop.receive("LON", [{"sku": "APPLE", "qty": 6}])
        assert columns(shop.reserve("LATE", [{"sku": "APPLE", "qty": 1}]), "outcome") == [("rejected",)]

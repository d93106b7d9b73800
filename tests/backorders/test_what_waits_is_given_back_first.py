"""release and cancel give back what waits before what is promised, the youngest first, and pinned units last."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.support import Clock, Shop, columns, fails, refused
from tests.waiting import backlog, backorder, let_wait, queue, standing


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """O1 wants 8 APPLE on line 1: 3 are promised, 1 of them pinned, 5 wait. In the end all is as verify wants it."""
    let_wait(shop)
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    backorder(shop, "O1", 8)
    shop.allocate("O1")
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    yield shop
    assert shop.differences() == []


def parts(shop: Shop) -> tuple[object, ...]:
    [row] = columns(shop.view("order_lines", order_ref="O1", line=1), "backordered", "reserved", "allocated", "released")
    return row


def test_what_waits_goes_before_what_is_promised_and_pinned_units_go_last(shop: Shop) -> None:
    assert parts(shop) == (5, 3, 1, 0)
    shop.release("O1", [{"line": 1, "qty": 4}])
    assert parts(shop) == (1, 3, 1, 4)
    shop.release("O1", [{"sku": "APPLE", "qty": 2}])
    assert parts(shop) == (0, 2, 1, 6)
    shop.release("O1", [{"line": 1, "qty": 1}])
    assert parts(shop) == (0, 1, 1, 7)
    assert backlog(shop) == 0


def test_rows_say_what_waits_still(shop: Shop) -> None:
    names = ("line", "warehouse", "outcome", "qty_ordered", "qty_reserved", "qty_backordered", "qty_released")
    [row] = columns(shop.release("O1", [{"line": 1, "qty": 4}], op_id="part", reason="less"), *names)
    assert row == (1, None, "released", 5, 0, 1, 4)
    assert shop.entries("event_type", "reserved_delta", "backordered_delta", "reason", op_id="part") == [("RELEASE", 0, -4, "less")]
    assert sorted(columns(shop.release("O1", [{"line": 1, "qty": 2}]), *names), key=str) == [
        (1, "LON", "released", 3, 2, 0, 1),
        (1, None, "released", 5, 0, 0, 1),
    ]


def test_what_was_filled_waits_no_more(shop: Shop) -> None:
    backorder(shop, "O1", 2, warehouse="BER")
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    assert sorted(columns(shop.cancel("O1"), "line", "warehouse", "qty_released")) == [(1, "LON", 8), (2, "BER", 2)]


def test_of_what_waits_the_youngest_goes_first(shop: Shop) -> None:
    backorder(shop, "O1", 2)
    backorder(shop, "O1", 3)
    shop.release("O1", [{"sku": "APPLE", "qty": 4}])
    assert queue(shop) == [("O1", None, 5), ("O1", None, 1)]


def test_who_keeps_a_part_keeps_its_place(shop: Shop) -> None:
    backorder(shop, "O2", 1)
    shop.release("O1", [{"line": 1, "qty": 4}])
    assert queue(shop) == [("O1", None, 1), ("O2", None, 1)]


def test_more_than_waits_and_is_promised_is_refused(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS303", asked=9, reserved=8):
        shop.release("O1", [{"line": 1, "qty": 9}])


def test_a_warehouse_means_what_it_promises_and_who_waits_for_it_alone(shop: Shop) -> None:
    backorder(shop, "O1", 2, warehouse="BER")
    assert columns(shop.release("O1", [{"sku": "APPLE", "warehouse": "BER"}]), "warehouse", "qty_released") == [("BER", 2)]
    assert columns(shop.release("O1", [{"sku": "APPLE", "warehouse": "LON"}]), "warehouse", "qty_released") == [("LON", 3)]
    assert queue(shop) == [("O1", None, 5)]


def test_an_order_that_only_waits_is_given_back(shop: Shop, db: psycopg.Connection) -> None:
    backorder(shop, "O2", 2)
    assert columns(shop.release("O2"), "outcome", "qty_released") == [("released", 2)]
    assert columns(shop.view("orders", order_ref="O2"), "status", "ordered", "released") == [("cancelled", 2, 2)]
    with refused(db, "OS302", order_ref="O2"):
        shop.release("O2")
    with refused(db, "OS302", order_ref="O2"):
        backorder(shop, "O2", 1)


def test_cancelling_gives_all_back(shop: Shop, db: psycopg.Connection) -> None:
    shop.ship("O1", [{"line": 1, "qty": 1}])
    answer = shop.cancel("O1", reason="changed their mind")
    assert sorted(columns(answer, "warehouse", "outcome", "qty_released"), key=str) == [("LON", "cancelled", 2), (None, "cancelled", 5)]
    assert columns(shop.view("orders"), "status", "shipped", "released") == [("shipped", 1, 7)]
    assert (queue(shop), backlog(shop), shop.level("APPLE")) == ([], 0, (2, 0, 0, 2))
    with refused(db, "OS302", order_ref="O1"):
        shop.cancel("O1")


def test_shipping_never_touches_what_waits(shop: Shop, db: psycopg.Connection) -> None:
    assert sum(row["qty"] for row in shop.ship("O1")) == 3
    assert standing(shop, "O1") == [(1, None, 0, 5, 0, 0, 0), (1, "LON", 0, 0, 3, 0, 0)]
    assert columns(shop.view("orders"), "status") == [("part-shipped",)]
    with refused(db, "OS303", order_ref="O1", reserved=0, backordered=5):
        shop.ship("O1")
    with refused(db, "OS303", order_ref="O1", reserved=0, backordered=5):
        shop.allocate("O1")


def test_what_was_given_back_is_nobodys_when_goods_come_in(shop: Shop) -> None:
    backorder(shop, "O2", 4)
    shop.cancel("O1")
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    assert standing(shop, "O2") == [(1, "LON", 4, 0, 0, 0, 0)]
    assert shop.level("APPLE") == (5, 0, 4, 1)


def test_what_an_ended_hold_waited_for_cannot_be_given_back(shop: Shop, clock: Clock) -> None:
    backorder(shop, "CART", 2, ttl="1 hour")
    assert columns(shop.release("CART", [{"line": 1, "qty": 1}]), "outcome", "qty_backordered") == [("released", 1)]
    clock.advance(hours=2)
    for function in ("release", "cancel"):
        with fails("OS305", order_ref="CART", expired=1):
            getattr(shop, function)("CART")


def test_what_waited_for_any_warehouse_is_written_down_at_the_first_that_is_open(shop: Shop) -> None:
    """An entry has a warehouse: it is the one that is asked first."""
    shop.put_warehouses(lines=[{"code": "LON", "priority": 7}, {"code": "BER", "priority": 3}, {"code": "SHUT", "priority": 1}])
    shop.release("O1", [{"line": 1, "qty": 4}])
    assert shop.entries("event_type", "warehouse", "backordered_delta", event_type="RELEASE") == [("RELEASE", "BER", -4)]

"""max_orders counts orders that a picker can work on: one that no bin has anything for takes nobody's place, however urgent it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import Clock, Shop, columns, day

STUCK = ("ELSEWHERE", "EMPTY", "FULL", "HELD", "PINNED", "SOLD-OUT")
PRODUCTS = (*STUCK, "FREED")


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """20 of each product, all in A-1; in the end all is as verify wants it."""
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in PRODUCTS])
    shop.receive("LON", [{"sku": sku, "qty": 20, "location": "A-1"} for sku in (*PRODUCTS, "APPLE")])
    yield shop
    assert shop.differences() == []


def order(shop: Shop, order_ref: str, qty: float, sku: str = "APPLE", **arguments: Any) -> None:
    [row] = shop.reserve(order_ref, [{"sku": sku, "qty": qty}], **arguments)
    assert row["outcome"] == "reserved"


def lose(shop: Shop, sku: str, qty: float, location: str = "A-1") -> None:
    shop.adjust("LON", [{"sku": sku, "qty": -qty, "location": location}], reason="lost")


def test_orders_that_nothing_can_be_picked_for_take_nobodys_place(shop: Shop, clock: Clock) -> None:
    """Each is stuck for another reason, and stands before those that can be worked on."""
    shop.receive("BER", [{"sku": sku, "qty": 20} for sku in ("APPLE", "EMPTY", "ELSEWHERE")])
    order(shop, "ENDED", 20, "FREED", ttl="1 minute")
    shop.allocate("ENDED")
    for sku in STUCK:
        order(shop, sku, 2, sku, warehouse="LON", priority=9)
    order(shop, "BERLIN", 1, "APPLE", warehouse="BER", priority=9)  # its product is there, but it is picked elsewhere
    order(shop, "CART", 1, "APPLE", ttl="1 hour", priority=9)  # not firm yet
    order(shop, "DONE", 1, "APPLE", priority=9)  # pinned already
    shop.allocate("DONE")
    lose(shop, "EMPTY", 20)
    lose(shop, "ELSEWHERE", 20)
    shop.move("LON", [{"sku": "HELD", "qty": 20, "from": "A-1", "to_status": "hold"}])
    for sku, ttl in (("FULL", None), ("PINNED", "1 day")):  # all that is left is pinned to others, for good or until tomorrow
        order(shop, f"RIVAL-{sku}", 18, sku, ttl=ttl)
        shop.allocate(f"RIVAL-{sku}")
        lose(shop, sku, 2)
    order(shop, "RIVAL-SOLD-OUT", 18, "SOLD-OUT")
    shop.ship("RIVAL-SOLD-OUT")
    lose(shop, "SOLD-OUT", 2)
    ready = [f"READY-{number}" for number in range(9)]  # more than the others, so that one of these in a call is one of them less
    for order_ref in ready:
        order(shop, order_ref, 1)
    clock.advance(minutes=2)  # what ENDED had pinned is another product's
    assert columns(shop.allocate_next("LON", max_orders=9), "order_ref", "outcome", "qty") == [(order_ref, "allocated", 1) for order_ref in ready]
    assert shop.allocate_next("LON") == []
    order(shop, "LAST", 1, "FREED")
    assert columns(shop.allocate_next("LON"), "order_ref", "outcome", "qty") == [("LAST", "allocated", 1)]


def test_orders_for_which_nothing_is_left_are_not_told(shop: Shop) -> None:
    """They were looked at with the others, and all went to those before them."""
    for order_ref, qty in (("ALL", 5), ("PART", 5), ("NOTHING", 5)):
        order(shop, order_ref, qty)
    lose(shop, "APPLE", 12)
    assert columns(shop.allocate_next("LON"), "order_ref", "outcome", "qty") == [
        ("ALL", "allocated", 5),
        ("PART", "allocated", 3),
        ("PART", "short", 2),
    ]


def test_whole_orders_behind_one_that_cannot_be_served_keep_their_turn(shop: Shop) -> None:
    """SURE could have its two if any would do. Whoever stood behind it is looked at again, in the same order."""
    for lot, qty in (("M1", 2), ("M2", 6)):
        shop.receive("LON", [{"sku": "MILK", "qty": qty, "lot": lot, "location": "A-1", "expires_on": day(9)}])
    shop.reserve("SURE", [{"sku": "MILK", "qty": 2, "lot": "M1"}])
    for order_ref in ("ONE", "TWO", "THREE"):
        order(shop, order_ref, 2, "MILK")
    shop.adjust("LON", [{"sku": "MILK", "qty": -2, "lot": lot, "location": "A-1"} for lot in ("M1", "M2")], reason="spilt")
    answer = shop.allocate_next("LON", on_shortage="reject")
    assert columns(answer, "order_ref", "outcome", "qty") == [("ONE", "allocated", 2), ("TWO", "allocated", 2)]


def test_those_whom_an_order_stood_before_in_vain_are_looked_at_again_in_the_same_order(shop: Shop) -> None:
    """FIRST leaves its milk, which might be what SECOND lacks, and is not: then its cream is there for who comes next."""
    shop.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    milk, cream = {"sku": "MILK", "location": "A-1"}, {"sku": "CREAM", "location": "A-1"}
    goods = [milk | {"lot": "M8", "qty": 1}, milk | {"lot": "M9", "qty": 2}, cream | {"lot": "C1", "qty": 1}, cream | {"lot": "C2", "qty": 2}]
    shop.receive("LON", goods)
    shop.reserve("FIRST", [{"sku": "MILK", "lot": "M9", "qty": 2}], priority=9)
    shop.reserve("SECOND", [{"sku": "MILK", "lot": "M8", "qty": 1}, {"sku": "CREAM", "lot": "C1", "qty": 1}], priority=8)
    for order_ref in ("THIRD", "FOURTH"):
        shop.reserve(order_ref, [cream | {"qty": 1}], warehouse="LON")
    shop.adjust("LON", [line | {"qty": -line["qty"]} for line in goods], reason="lost")
    shop.adjust("LON", [line | {"qty": 1} for line in goods[1:3]], reason="found")
    assert columns(shop.allocate_next("LON", on_shortage="reject"), "order_ref", "lot") == [("THIRD", "C1")]


def test_the_order_of_the_queue_is_that_of_the_answer(shop: Shop) -> None:
    """Whatever the orders' age and that of their lines; within an order, line by line, and what is short after what is not."""
    shop.receive("LON", [{"sku": sku, "qty": 20, "location": "A-2"} for sku in ("APPLE", "FREED")])
    shop.reserve("OLD", [{"sku": "FREED", "qty": 30, "line": 2}, {"sku": "APPLE", "qty": 15, "line": 1}])
    shop.reserve("YOUNG", [{"sku": "FREED", "qty": 3, "line": 7}, {"sku": "APPLE", "qty": 15, "line": 3}], priority=1)
    lose(shop, "APPLE", 15, "A-2")
    answer = shop.allocate_next("LON")
    assert columns(answer, "order_ref", "line", "sku", "location", "outcome", "qty") == [
        ("YOUNG", 3, "APPLE", "A-1", "allocated", 15),
        ("YOUNG", 7, "FREED", "A-1", "allocated", 3),
        ("OLD", 1, "APPLE", "A-1", "allocated", 5),
        ("OLD", 1, "APPLE", "A-2", "allocated", 5),
        ("OLD", 1, "APPLE", None, "short", 5),
        ("OLD", 2, "FREED", "A-1", "allocated", 17),
        ("OLD", 2, "FREED", "A-2", "allocated", 13),
    ]


def test_whole_orders_do_not_leave_their_turn_to_one_that_lacks_certain_units(shop: Shop) -> None:
    """STUCK wants units that are on hold; PLAIN can be served by others of the product, and is not passed over for one behind it."""
    shop.receive("LON", [{"sku": "MILK", "lot": "L1", "qty": 2}, {"sku": "MILK", "lot": "L2", "qty": 2}])
    shop.reserve("STUCK", [{"sku": "MILK", "lot": "L1", "qty": 2}])
    order(shop, "PLAIN", 2, "MILK")
    order(shop, "BEHIND", 1)
    shop.put_lots(lines=[{"sku": "MILK", "lot": "L1", "quality": "hold"}])
    assert columns(shop.allocate_next("LON", on_shortage="reject"), "order_ref", "lot") == [("PLAIN", "L2"), ("BEHIND", None)]
    assert shop.allocate_next("LON", on_shortage="reject") == []


def test_a_whole_order_gets_certain_units_that_one_before_it_leaves(shop: Shop) -> None:
    """FIRST would have the lot, and cannot be whole; so SECOND has it."""
    shop.receive("LON", [{"sku": "MILK", "lot": "L1", "qty": 4}])
    shop.reserve("FIRST", [{"sku": "MILK", "lot": "L1", "qty": 2}, {"sku": "EMPTY", "qty": 2}])
    shop.reserve("SECOND", [{"sku": "MILK", "lot": "L1", "qty": 2}])
    order(shop, "BEHIND", 1)
    lose(shop, "EMPTY", 20)
    shop.adjust("LON", [{"sku": "MILK", "lot": "L1", "qty": -4}], reason="lost")
    shop.receive("LON", [{"sku": "MILK", "lot": "L1", "qty": 2}])
    assert columns(shop.allocate_next("LON", on_shortage="reject"), "order_ref") == [("SECOND",), ("BEHIND",)]

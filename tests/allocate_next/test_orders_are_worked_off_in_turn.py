"""By priority, promised time and age; what cannot be had now is passed over, and keeps its turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import Clock, Shop, columns, day
from tests.waiting import backorder, let_wait


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """20 APPLE in A-1 and 20 RICE; in the end all is as verify wants it."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 20, "location": "A-1"}, {"sku": "RICE", "qty": 20}])
    yield shop
    assert shop.differences() == []


def order(shop: Shop, order_ref: str, qty: float = 1, sku: str = "APPLE", **arguments: Any) -> None:
    [row] = shop.reserve(order_ref, [{"sku": sku, "qty": qty}], **arguments)
    assert row["outcome"] == "reserved"


def orders_of(rows: list[dict[str, Any]]) -> list[str]:
    """The orders of an answer, in its order."""
    return list(dict.fromkeys(row["order_ref"] for row in rows))


def turns(shop: Shop, **arguments: Any) -> list[list[str]]:
    """The orders of one call after the other, until there is no work."""
    calls = []
    while answer := orders_of(shop.allocate_next("LON", **arguments)):
        calls.append(answer)
    return calls


def lose(shop: Shop, left: float, sku: str = "APPLE", location: str = "A-1") -> None:
    """Of the 20, so many are left."""
    shop.adjust("LON", [{"sku": sku, "qty": left - 20, "location": location}], reason="lost")


def test_the_order_of_the_queue(shop: Shop) -> None:
    order(shop, "PLAIN-1")
    order(shop, "LATER", promised_at="2027-06-02 UTC")
    order(shop, "PLAIN-2")
    order(shop, "SOONER", promised_at="2027-06-01 UTC")
    order(shop, "URGENT", priority=10)
    order(shop, "URGENT-AND-SOON", priority=10, promised_at="2027-06-03 UTC")
    order(shop, "LAST", priority=-1, promised_at="2027-01-01 UTC")
    assert turns(shop, max_orders=2) == [["URGENT-AND-SOON", "URGENT"], ["SOONER", "LATER"], ["PLAIN-1", "PLAIN-2"], ["LAST"]]
    assert shop.allocate_next("LON") == []


def test_rows_are_those_of_allocate(shop: Shop) -> None:
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2}, {"sku": "RICE", "qty": 1.5}])
    answer = shop.allocate_next("LON", op_id="next")
    assert columns(answer, "order_ref", "line", "sku", "warehouse", "location", "outcome", "qty", "replayed") == [
        ("O1", 1, "APPLE", "LON", "A-1", "allocated", 2, False),
        ("O1", 2, "RICE", "LON", "DEFAULT", "allocated", 1.5, False),
    ]
    assert shop.allocate_next("LON", op_id="next") == [row | {"replayed": True} for row in answer]
    assert columns(shop.view("orders"), "status") == [("allocated",)]


def test_ten_orders_at_a_time_unless_said_otherwise(shop: Shop) -> None:
    for number in range(12):
        order(shop, f"O{number}")
    assert [len(call) for call in turns(shop)] == [10, 2]


def test_holds_are_left_out_until_they_are_confirmed(shop: Shop, clock: Clock) -> None:
    order(shop, "CART", ttl="1 hour")
    assert shop.allocate_next("LON") == []
    order(shop, "MIXED", 2)
    order(shop, "MIXED", 3, ttl="1 hour")
    assert columns(shop.allocate_next("LON"), "order_ref", "line", "qty") == [("MIXED", 1, 2)]
    shop.confirm("CART")
    assert columns(shop.allocate_next("LON"), "order_ref", "qty") == [("CART", 1)]
    clock.advance(hours=2)
    assert shop.allocate_next("LON") == []


def test_only_what_the_warehouse_promised_is_pinned(shop: Shop) -> None:
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2}, {"sku": "APPLE", "qty": 3, "warehouse": "BER"}])
    assert columns(shop.allocate_next("LON"), "line", "qty") == [(1, 2)]
    assert columns(shop.view("orders"), "status", "allocated") == [("open", 2)]
    assert columns(shop.allocate_next("BER"), "line", "qty") == [(2, 3)]


def test_what_waits_for_stock_is_not_pinned(shop: Shop) -> None:
    let_wait(shop)
    backorder(shop, "O1", 25)
    backorder(shop, "O2", 5)
    assert columns(shop.allocate_next("LON"), "order_ref", "outcome", "qty") == [("O1", "allocated", 20)]
    shop.receive("LON", [{"sku": "APPLE", "qty": 6, "location": "A-2"}])
    assert columns(shop.allocate_next("LON"), "order_ref", "location", "qty") == [("O1", "A-2", 5), ("O2", "A-2", 1)]


def test_parts_that_are_pinned_already_are_not_pinned_again(shop: Shop) -> None:
    order(shop, "O1", 3)
    shop.allocate("O1")
    order(shop, "O1", 2)
    assert columns(shop.allocate_next("LON"), "line", "qty") == [(2, 2)]


def test_an_order_gets_a_part_where_there_is_no_more(shop: Shop) -> None:
    order(shop, "O1", 5)
    order(shop, "O2", 5)
    lose(shop, 7)
    assert columns(shop.allocate_next("LON"), "order_ref", "outcome", "qty") == [
        ("O1", "allocated", 5),
        ("O2", "allocated", 2),
        ("O2", "short", 3),
    ]
    assert shop.allocate_next("LON") == []


def test_whoever_can_get_nothing_is_passed_over(shop: Shop) -> None:
    """Also if that is all that the first look takes."""
    for number in range(5):
        order(shop, f"APPLE{number}", 1, priority=1)
    order(shop, "RICE", 1, "RICE")
    order(shop, "BOTH", 1, "RICE")
    order(shop, "BOTH", 1)
    lose(shop, 0)
    assert turns(shop, max_orders=2) == [["RICE", "BOTH"]]
    shop.receive("LON", [{"sku": "APPLE", "qty": 9, "location": "A-1"}])
    assert turns(shop, max_orders=2) == [["APPLE0", "APPLE1"], ["APPLE2", "APPLE3"], ["APPLE4", "BOTH"]]


def test_units_of_an_expired_lot_are_passed_over(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2)}])
    order(shop, "MILK", 5, "MILK", priority=1)
    order(shop, "APPLE")
    clock.advance(days=4)
    assert turns(shop, max_orders=1) == [["APPLE"]]


def test_units_pinned_by_holds_that_ended_are_to_be_had(shop: Shop, clock: Clock) -> None:
    order(shop, "CART", 12, ttl="1 hour")
    shop.allocate("CART")
    order(shop, "O1", 8)
    lose(shop, 12)
    clock.advance(hours=2)
    assert columns(shop.allocate_next("LON"), "order_ref", "outcome", "qty") == [("O1", "allocated", 8)]
    assert shop.entries("order_ref", event_type="EXPIRE") == [("CART",)]


def test_only_whole_orders_on_request(shop: Shop) -> None:
    order(shop, "O1", 5)
    order(shop, "O2", 5)
    lose(shop, 7)
    assert columns(shop.allocate_next("LON", on_shortage="reject"), "order_ref", "qty") == [("O1", 5)]
    assert shop.allocate_next("LON", on_shortage="reject") == []
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-1"}])
    assert columns(shop.allocate_next("LON", on_shortage="reject"), "order_ref", "qty") == [("O2", 5)]


def test_an_order_that_is_too_large_leaves_its_units_to_a_smaller_one(shop: Shop) -> None:
    order(shop, "LARGE", 10)
    order(shop, "SMALL", 5)
    order(shop, "SMALLER", 2)
    lose(shop, 6)
    assert columns(shop.allocate_next("LON", on_shortage="reject"), "order_ref", "qty") == [("SMALL", 5)]
    assert shop.allocate_next("LON", on_shortage="reject") == []


def test_an_order_that_lacks_one_product_leaves_the_other_to_those_behind_it(shop: Shop) -> None:
    order(shop, "FIRST", 4)
    order(shop, "BOTH", 5)
    order(shop, "BOTH", 5, "RICE")
    order(shop, "APPLE", 6)
    order(shop, "RICE", 2, "RICE")
    order(shop, "MORE", 1)
    lose(shop, 10)
    lose(shop, 3, "RICE", "DEFAULT")
    assert orders_of(shop.allocate_next("LON", on_shortage="reject")) == ["FIRST", "APPLE", "RICE"]
    assert columns(shop.view("bins", sku="APPLE"), "on_hand", "allocated") == [(10, 10)]
    assert columns(shop.view("bins", sku="RICE"), "on_hand", "allocated") == [(3, 2)]


def test_whole_orders_one_at_a_time_pass_over_those_that_are_not(shop: Shop) -> None:
    order(shop, "LARGE", 10)
    order(shop, "LARGER", 9)
    order(shop, "RICE", 5, "RICE")
    lose(shop, 6)
    assert turns(shop, max_orders=1, on_shortage="reject") == [["RICE"]]


def test_who_waits_for_certain_units_does_not_stand_in_the_way_of_who_takes_any(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 2, "lot": lot, "location": "A-1"} for lot in ("M1", "M2")])
    shop.reserve("SURE", [{"sku": "MILK", "qty": 2, "lot": "M1"}])
    shop.reserve("ANY", [{"sku": "MILK", "qty": 2}])
    shop.adjust("LON", [{"sku": "MILK", "qty": -2, "lot": "M1", "location": "A-1"}], reason="spilt")
    assert turns(shop, on_shortage="reject") == [["ANY"]]


def test_the_rule_of_removal_may_be_given(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-2"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 30, "location": "P-1"}])
    picked = {}
    for rule in ("fifo", "lifo", "fewest_bins"):
        order(shop, rule, 2)
        [row] = shop.allocate_next("LON", removal=rule)
        picked[rule] = row["location"]
        shop.release(rule)
    assert picked == {"fifo": "A-1", "lifo": "P-1", "fewest_bins": "P-1"}


def test_an_inactive_warehouse_works_off_what_it_promised(shop: Shop) -> None:
    order(shop, "O1")
    shop.put_products(lines=[{"sku": "APPLE", "active": False}])
    shop.put_warehouses(lines=[{"code": "LON", "active": False}])
    assert turns(shop) == [["O1"]]


def test_what_was_given_back_has_its_turn_no_more(shop: Shop) -> None:
    for order_ref in ("CANCELLED", "SHIPPED", "OPEN"):
        order(shop, order_ref)
    shop.cancel("CANCELLED")
    shop.ship("SHIPPED")
    assert turns(shop) == [["OPEN"]]


def test_pins_that_were_taken_off_have_their_turn_again(shop: Shop) -> None:
    order(shop, "O1", 2)
    assert turns(shop) == [["O1"]]
    shop.deallocate("O1")
    assert turns(shop) == [["O1"]]

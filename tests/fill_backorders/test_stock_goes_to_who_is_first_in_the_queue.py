"""By priority of the order, then age; a part keeps its place; whoever names a warehouse is served only from there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import Shop, columns
from tests.waiting import backlog, backorder, filled, let_wait, queue, standing


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """Nothing is in stock, and orders may wait for APPLE, RICE and MILK; in the end all is as verify wants it."""
    for sku in ("APPLE", "RICE", "MILK"):
        let_wait(shop, sku)
    yield shop
    assert shop.differences() == []


def receive(shop: Shop, qty: float, warehouse: str = "LON", sku: str = "APPLE") -> None:
    """Goods in that nobody is given yet."""
    shop.receive(warehouse, [{"sku": sku, "qty": qty}], fill_backorders=False)


def test_the_oldest_is_served_first(shop: Shop) -> None:
    for order_ref in ("C", "A", "B"):
        backorder(shop, order_ref, 2)
    receive(shop, 4)
    assert filled(shop.fill_backorders()) == [("C", 1, "LON", "filled", 2), ("A", 1, "LON", "filled", 2)]
    assert queue(shop) == [("B", None, 2)]
    assert shop.level("APPLE") == (4, 0, 4, 0)
    assert backlog(shop) == 2


def test_a_higher_priority_is_served_before_the_older(shop: Shop) -> None:
    backorder(shop, "LOW", 2, priority=-1)
    backorder(shop, "NORMAL", 2)
    backorder(shop, "HIGH", 2, priority=5)
    assert [order for order, *_ in queue(shop)] == ["HIGH", "NORMAL", "LOW"]
    receive(shop, 3)
    shop.fill_backorders()
    assert queue(shop) == [("NORMAL", None, 1), ("LOW", None, 2)]


def test_the_promised_time_plays_no_part(shop: Shop) -> None:
    backorder(shop, "LATER", 2, promised_at="2027-12-31 UTC")
    backorder(shop, "SOONER", 2, promised_at="2026-12-31 UTC")
    receive(shop, 2)
    assert columns(shop.fill_backorders(), "order_ref") == [("LATER",)]


def test_what_is_filled_in_part_keeps_its_place(shop: Shop) -> None:
    backorder(shop, "A", 5)
    backorder(shop, "B", 1)
    for stock, left in [(2, [("A", None, 3), ("B", None, 1)]), (2, [("A", None, 1), ("B", None, 1)]), (1, [("B", None, 1)])]:
        receive(shop, stock)
        shop.fill_backorders()
        assert queue(shop) == left
    assert standing(shop, "A") == [(1, "LON", 5, 0, 0, 0, 0)]


def test_of_what_is_filled_at_once_the_first_in_the_queue_has_the_oldest_claim(shop: Shop) -> None:
    """However old the order is."""
    backorder(shop, "A", 1, "RICE")
    for order_ref in ("B", "C", "A", "D"):
        backorder(shop, order_ref, 1)
    receive(shop, 4)
    shop.fill_backorders()
    for at_risk in (["D"], ["D", "A"], ["D", "A", "C"]):
        shop.adjust("LON", [{"sku": "APPLE", "qty": -1}], reason="lost")
        [shortage] = shop.view("shortages")
        assert [order["order_ref"] for order in shortage["orders"]] == at_risk


def test_an_order_that_becomes_more_urgent_moves_up(shop: Shop) -> None:
    backorder(shop, "A", 1)
    backorder(shop, "B", 1)
    backorder(shop, "B", 1, priority=1)
    assert queue(shop) == [("B", None, 1), ("B", None, 1), ("A", None, 1)]
    receive(shop, 2)
    shop.fill_backorders()
    assert queue(shop) == [("A", None, 1)]


def test_lines_of_one_order_have_places_of_their_own(shop: Shop) -> None:
    backorder(shop, "A", 1)
    backorder(shop, "B", 1)
    backorder(shop, "A", 1)
    receive(shop, 2)
    shop.fill_backorders()
    assert queue(shop) == [("A", None, 1)]
    assert [row for row in standing(shop, "A") if row[2] or row[3]] == [(1, "LON", 1, 0, 0, 0, 0), (2, None, 0, 1, 0, 0, 0)]


def test_whoever_names_a_warehouse_waits_for_it(shop: Shop) -> None:
    backorder(shop, "BERLIN", 2, warehouse="BER")
    backorder(shop, "ANY", 2)
    receive(shop, 3, "LON")
    assert filled(shop.fill_backorders()) == [("ANY", 1, "LON", "filled", 2)]
    receive(shop, 1, "BER")
    assert filled(shop.fill_backorders()) == [("BERLIN", 1, "BER", "filled", 1)]
    assert queue(shop) == [("BERLIN", "BER", 1)]
    assert shop.level("APPLE") == (3, 0, 2, 1)


def test_a_warehouse_of_a_line_counts_before_that_of_the_call(shop: Shop) -> None:
    shop.reserve(
        "A", [{"sku": "APPLE", "qty": 1, "warehouse": "BER"}, {"sku": "APPLE", "qty": 1}], warehouse="LON", on_shortage="backorder"
    )
    assert sorted(queue(shop)) == [("A", "BER", 1), ("A", "LON", 1)]
    receive(shop, 5, "LON")
    assert filled(shop.fill_backorders()) == [("A", 2, "LON", "filled", 1)]


def test_others_are_served_by_the_priority_of_warehouses(shop: Shop) -> None:
    backorder(shop, "A", 5)
    receive(shop, 3, "BER")
    receive(shop, 1, "LON")
    assert sorted(filled(shop.fill_backorders())) == [("A", 1, "BER", "filled", 3), ("A", 1, "LON", "filled", 1)]
    receive(shop, 9, "BER")
    receive(shop, 9, "LON")
    assert columns(shop.fill_backorders(), "warehouse", "qty_reserved", "qty_ordered") == [("LON", 2, 2)]
    assert [row for row in standing(shop, "A") if row[2]] == [(1, "BER", 3, 0, 0, 0, 0), (1, "LON", 2, 0, 0, 0, 0)]


def test_an_older_one_that_names_a_warehouse_leaves_its_units_to_nobody(shop: Shop) -> None:
    backorder(shop, "BERLIN", 2, warehouse="BER")
    backorder(shop, "ANY", 4)
    receive(shop, 3, "BER")
    receive(shop, 1, "LON")
    shop.fill_backorders()
    assert queue(shop) == [("ANY", None, 2)]
    assert shop.level("APPLE", "BER") == (3, 0, 3, 0)


def test_inactive_warehouses_give_nothing(shop: Shop) -> None:
    backorder(shop, "A", 2)
    receive(shop, 5, "BER")
    shop.put_warehouses(lines=[{"code": "BER", "active": False}])
    assert shop.fill_backorders() == []
    shop.put_warehouses(lines=[{"code": "BER", "active": True}])
    assert filled(shop.fill_backorders()) == [("A", 1, "BER", "filled", 2)]


def test_inactive_products_are_filled_since_they_were_promised(shop: Shop) -> None:
    backorder(shop, "A", 2)
    receive(shop, 5)
    shop.put_products(lines=[{"sku": "APPLE", "active": False}])
    assert filled(shop.fill_backorders()) == [("A", 1, "LON", "filled", 2)]


def test_a_policy_that_is_withdrawn_is_withdrawn_from_newcomers_only(shop: Shop) -> None:
    backorder(shop, "A", 2)
    shop.put_products(lines=[{"sku": "APPLE", "backorder": "none"}])
    assert columns(backorder(shop, "B", 2), "outcome") == [("rejected",)]
    receive(shop, 5)
    assert filled(shop.fill_backorders()) == [("A", 1, "LON", "filled", 2)]


def test_safety_stock_is_kept(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "APPLE", "safety_stock": 3}])
    backorder(shop, "A", 5)
    receive(shop, 3)
    assert shop.fill_backorders() == []
    receive(shop, 1)
    assert filled(shop.fill_backorders()) == [("A", 1, "LON", "filled", 1)]
    assert shop.level("APPLE") == (4, 0, 1, 0)


def test_blocked_units_are_kept(shop: Shop) -> None:
    backorder(shop, "A", 5)
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "Q-1"}, {"sku": "APPLE", "qty": 3, "status": "damaged"}])
    assert shop.fill_backorders() == []
    shop.move("LON", [{"sku": "APPLE", "qty": 4, "from": "Q-1", "to": "A-1"}])
    assert filled(shop.fill_backorders()) == [("A", 1, "LON", "filled", 4)]


def test_fractions_are_filled(shop: Shop) -> None:
    backorder(shop, "A", 1.125, "RICE")
    receive(shop, 0.5, sku="RICE")
    assert columns(shop.fill_backorders(), "sku", "qty_reserved") == [("RICE", 0.5)]
    assert queue(shop, "RICE") == [("A", None, 0.625)]


def test_products_do_not_wait_for_each_other(shop: Shop) -> None:
    shop.reserve("A", [{"sku": "APPLE", "qty": 2}, {"sku": "RICE", "qty": 1.5}], on_shortage="backorder")
    receive(shop, 9, sku="RICE")
    assert columns(shop.fill_backorders(), "line", "sku", "qty_reserved") == [(2, "RICE", 1.5)]
    assert queue(shop) == [("A", None, 2)]


def test_at_most_so_many_are_filled_and_the_first_of_all(shop: Shop) -> None:
    for number in range(1, 6):
        backorder(shop, f"O{number}", 1)
    receive(shop, 10)
    assert columns(shop.fill_backorders(max_rows=2), "order_ref") == [("O1",), ("O2",)]
    assert columns(shop.fill_backorders(max_rows=2), "order_ref") == [("O3",), ("O4",)]
    assert columns(shop.fill_backorders(max_rows=2), "order_ref") == [("O5",)]
    assert shop.fill_backorders(max_rows=2) == []


def test_whoever_cannot_be_filled_is_in_nobodys_way(shop: Shop) -> None:
    """Rows that name a warehouse without stock count for nothing among those that are filled."""
    for number in range(1, 4):
        backorder(shop, f"BERLIN{number}", 1, warehouse="BER")
    backorder(shop, "ANY", 1)
    receive(shop, 10, "LON")
    assert filled(shop.fill_backorders(max_rows=2)) == [("ANY", 1, "LON", "filled", 1)]


@pytest.mark.parametrize(("sku", "warehouse"), [("APPLE", "BER"), ("RICE", None)], ids=["elsewhere", "another product"])
def test_nobody_is_in_the_way_of_goods_that_come_in_either(shop: Shop, sku: str, warehouse: str | None) -> None:
    """receive fills a thousand at most: those that the received units can fill."""
    lines = [{"sku": sku, "qty": 1, "line": line} for line in range(1, 1001)]
    shop.reserve("OTHERS", lines, warehouse=warehouse, on_shortage="backorder")
    backorder(shop, "ANY", 1)
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert standing(shop, "ANY") == [(1, "LON", 1, 0, 0, 0, 0)]


def test_units_of_an_order_that_is_filled_join_its_line(shop: Shop) -> None:
    receive(shop, 2)
    backorder(shop, "A", 5)
    assert standing(shop, "A") == [(1, None, 0, 3, 0, 0, 0), (1, "LON", 2, 0, 0, 0, 0)]
    shop.ship("A")
    receive(shop, 2)
    assert columns(shop.fill_backorders(), "qty_ordered", "qty_reserved") == [(4, 2)]
    assert standing(shop, "A") == [(1, None, 0, 1, 0, 0, 0), (1, "LON", 2, 0, 2, 0, 0)]
    shop.ship("A")
    assert [row for row in standing(shop, "A") if row[3] == 0] == [(1, "LON", 0, 0, 4, 0, 0)]


def test_entries_say_what_was_filled(shop: Shop) -> None:
    backorder(shop, "A", 5, op_id="wait")
    receive(shop, 2)
    shop.fill_backorders(op_id="fill")
    names = ("line", "event_type", "sku", "warehouse", "reserved_delta", "backordered_delta", "reserved_after", "order_ref", "reason")
    assert shop.entries(*names, op_id="wait") == [(1, "BACKORDER", "APPLE", "LON", 0, 5, None, "A", None)]
    assert sorted(shop.entries(*names, op_id="fill"), key=str) == [
        (1, "BACKORDER", "APPLE", "LON", 0, -2, None, "A", "filled"),
        (1, "RESERVE", "APPLE", "LON", 2, 0, 2, "A", "filled"),
    ]


def test_a_lot_that_came_in_expired_fills_nothing(shop: Shop) -> None:
    backorder(shop, "A", 2, "MILK")
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "OLD", "expires_on": "2020-01-01"}])
    assert shop.fill_backorders() == []

"""What a picker does not find is held where it should lie, and the order gets other units, or is told that there are none."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.support import Clock, Shop, columns, day, fails
from tests.waiting import let_wait


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """6 APPLE in A-1, then 4 in A-2; the order O1 of 5 is pinned in A-1. In the end all is as verify wants it."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 6, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "A-2"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 5}])
    assert picks(shop.allocate("O1")) == [("allocated", "A-1", 5)]
    yield shop
    assert shop.differences() == []


def picks(rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return columns(rows, "outcome", "location", "qty")


def bins(shop: Shop, sku: str = "APPLE") -> list[tuple[object, ...]]:
    rows = columns(shop.view("bins", sku=sku), "location", "status", "on_hand", "blocked", "allocated")
    return sorted(row for row in rows if row[2])


def test_other_units_are_pinned_instead(shop: Shop) -> None:
    answer = shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 2}], op_id="short")
    assert columns(answer, "order_ref", "line", "sku", "warehouse", "outcome", "location", "qty") == [
        ("O1", 1, "APPLE", "LON", "deallocated", "A-1", 2),
        ("O1", 1, "APPLE", "LON", "held", "A-1", 2),
        ("O1", 1, "APPLE", "LON", "allocated", "A-2", 2),
    ]
    assert bins(shop) == [("A-1", "available", 4, 0, 3), ("A-1", "hold", 2, 2, 0), ("A-2", "available", 4, 0, 2)]
    assert shop.level("APPLE") == (10, 2, 5, 3)
    names = ("event_type", "location", "status", "qty_delta", "blocked_delta", "allocated_delta", "order_ref", "reason")
    assert shop.entries(*names, op_id="short") == [
        ("DEALLOCATE", "A-1", "available", 0, 0, -2, "O1", "short pick"),
        ("STATUS", "A-1", "available", -2, 0, 0, None, "short pick"),
        ("STATUS", "A-1", "hold", 2, 2, 0, None, "short pick"),
        ("ALLOCATE", "A-2", "available", 0, 0, 2, "O1", "short pick"),
    ]


def test_a_sku_and_a_warehouse_may_name_the_line(shop: Shop) -> None:
    answer = shop.short_pick("O1", [{"sku": "APPLE", "warehouse": "LON", "location": "A-1", "qty": 1}], reason="empty shelf")
    assert picks(answer) == [("deallocated", "A-1", 1), ("held", "A-1", 1), ("allocated", "A-2", 1)]
    assert {reason for (reason,) in shop.entries("reason", event_type="STATUS")} == {"empty shelf"}


def test_what_no_other_bin_has_is_short(shop: Shop) -> None:
    """Also not from the same bin: who did not find five does not look for the sixth there."""
    answer = shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 5}])
    assert picks(answer) == [("deallocated", "A-1", 5), ("held", "A-1", 5), ("allocated", "A-2", 4), ("short", None, 1)]
    assert shop.level("APPLE") == (10, 5, 5, 0)
    assert columns(shop.view("orders"), "status", "reserved", "allocated") == [("open", 5, 4)]


def test_the_order_is_shipped_with_the_units_found(shop: Shop) -> None:
    shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 3}])
    assert sorted(columns(shop.ship("O1"), "location", "qty")) == [("A-1", 2), ("A-2", 3)]
    assert bins(shop) == [("A-1", "available", 1, 0, 0), ("A-1", "hold", 3, 3, 0), ("A-2", "available", 1, 0, 0)]


def test_a_count_of_the_held_bin_decides(shop: Shop) -> None:
    shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 3}])
    shop.adjust("LON", [{"sku": "APPLE", "location": "A-1", "status": "hold", "set_to": 1, "expected": 3}], reason="counted")
    assert shop.level("APPLE") == (8, 1, 5, 2)
    shop.move("LON", [{"sku": "APPLE", "qty": 1, "from": "A-1", "to": "A-2", "status": "hold", "to_status": "available"}])
    assert shop.level("APPLE") == (8, 0, 5, 3)
    shop.ship("O1")


def test_pins_of_other_orders_stay(shop: Shop) -> None:
    shop.reserve("O2", [{"sku": "APPLE", "qty": 3}])
    assert picks(shop.allocate("O2")) == [("allocated", "A-1", 1), ("allocated", "A-2", 2)]
    answer = shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 4}])
    assert picks(answer) == [("deallocated", "A-1", 4), ("held", "A-1", 4), ("allocated", "A-2", 2), ("short", None, 2)]
    assert bins(shop) == [("A-1", "available", 2, 0, 2), ("A-1", "hold", 4, 4, 0), ("A-2", "available", 4, 0, 4)]
    assert sorted(columns(shop.ship("O2"), "location", "qty")) == [("A-1", 1), ("A-2", 2)]


def test_a_second_short_pick_adds_to_the_held_bin(shop: Shop) -> None:
    for held in (1, 2):
        shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 1}])
        assert ("A-1", "hold", held, held, 0) in bins(shop)
    assert picks(shop.short_pick("O1", [{"line": 1, "location": "A-2", "qty": 2}])) == [
        ("deallocated", "A-2", 2),
        ("held", "A-2", 2),
        ("allocated", "A-1", 1),
        ("short", None, 1),
    ]


def test_two_lines_pinned_in_one_bin_and_two_bins_of_one_line(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "P-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3}])
    assert picks(shop.allocate("O1")) == [("allocated", "A-1", 1), ("allocated", "A-2", 2)]
    answer = shop.short_pick(
        "O1",
        [
            {"line": 1, "location": "A-1", "qty": 2},
            {"line": 2, "location": "A-1", "qty": 1},
            {"line": 2, "location": "A-2", "qty": 2},
        ],
    )
    assert sorted(columns(answer, "line", "outcome", "location", "qty")) == [
        (1, "allocated", "P-1", 2),
        (1, "deallocated", "A-1", 2),
        (1, "held", "A-1", 2),
        (2, "allocated", "P-1", 3),
        (2, "deallocated", "A-1", 1),
        (2, "deallocated", "A-2", 2),
        (2, "held", "A-1", 1),
        (2, "held", "A-2", 2),
    ]
    assert bins(shop) == [
        ("A-1", "available", 3, 0, 3),
        ("A-1", "hold", 3, 3, 0),
        ("A-2", "available", 2, 0, 0),
        ("A-2", "hold", 2, 2, 0),
        ("P-1", "available", 10, 0, 5),
    ]


def test_the_earlier_line_gets_the_last_other_units(shop: Shop) -> None:
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3}])
    shop.allocate("O1")
    answer = shop.short_pick("O1", [{"line": 2, "location": "A-1", "qty": 1}, {"line": 1, "location": "A-1", "qty": 3}])
    assert columns(answer, "line", "outcome", "location", "qty") == [
        (1, "deallocated", "A-1", 3),
        (2, "deallocated", "A-1", 1),
        (1, "held", "A-1", 3),
        (2, "held", "A-1", 1),
        (1, "allocated", "A-2", 2),
        (1, "short", None, 1),
        (2, "short", None, 1),
    ]


def test_a_sku_means_its_pins_of_all_lines_there_the_newest_first(shop: Shop) -> None:
    shop.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    shop.allocate("O1")
    answer = shop.short_pick("O1", [{"sku": "APPLE", "location": "A-1", "qty": 2}])
    assert sorted(columns(answer, "line", "outcome", "qty")) == [
        (1, "allocated", 1),
        (1, "deallocated", 1),
        (1, "held", 1),
        (2, "allocated", 1),
        (2, "deallocated", 1),
        (2, "held", 1),
    ]


def test_a_lot_is_held_as_that_lot(shop: Shop) -> None:
    for lot, ahead in (("SOON", 10), ("LATE", 20)):
        shop.receive("LON", [{"sku": "MILK", "qty": 2.5, "lot": lot, "expires_on": day(ahead), "location": "A-1"}])
    shop.receive("LON", [{"sku": "MILK", "qty": 9, "lot": "LAST", "expires_on": day(30), "location": "A-2"}])
    shop.reserve("O2", [{"sku": "MILK", "qty": 4}])
    shop.allocate("O2")
    answer = shop.short_pick("O2", [{"line": 1, "location": "A-1", "lot": "SOON", "qty": 0.5}])
    assert columns(answer, "outcome", "location", "lot", "qty") == [
        ("deallocated", "A-1", "SOON", Decimal("0.5")),
        ("held", "A-1", "SOON", Decimal("0.5")),
        ("allocated", "A-1", "LATE", Decimal("0.5")),
    ]
    assert columns(shop.view("bins", sku="MILK", status="hold"), "lot", "on_hand") == [("SOON", Decimal("0.5"))]
    answer = shop.short_pick("O2", [{"line": 1, "location": "A-1", "qty": 4}])
    assert sorted(columns(answer, "outcome", "lot", "qty"))[0] == ("allocated", "LAST", 4)


def test_a_line_that_asks_for_certain_units_gets_none_of_that_bin_either(shop: Shop) -> None:
    milk = {"sku": "MILK", "lot": "SOON"}
    shop.receive("LON", [milk | {"qty": 3, "location": "A-1"}, milk | {"qty": 1, "location": "A-2"}])
    shop.reserve("O2", [milk | {"qty": 2}], warehouse="LON")
    assert shop.entries("location", "allocated_delta", order_ref="O2", event_type="ALLOCATE") == [("A-1", 2)]
    answer = shop.short_pick("O2", [{"line": 1, "location": "A-1", "lot": "SOON", "qty": 2}])
    assert picks(answer) == [("deallocated", "A-1", 2), ("held", "A-1", 2), ("allocated", "A-2", 1), ("short", None, 1)]


def test_a_line_at_another_warehouse_is_left_alone(shop: Shop) -> None:
    shop.put_locations("BER", [{"code": "A-1"}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 3, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3, "warehouse": "BER"}])
    shop.allocate("O1")
    answer = shop.short_pick("O1", [{"sku": "APPLE", "warehouse": "BER", "location": "A-1", "qty": 1}])
    assert columns(answer, "line", "warehouse", "outcome") == [
        (2, "BER", "deallocated"),
        (2, "BER", "held"),
        (2, "BER", "short"),
    ]
    assert shop.level("APPLE") == (10, 0, 5, 5)


def test_units_pinned_by_a_hold_that_ended_are_pinned_instead(shop: Shop, clock: Clock) -> None:
    shop.reserve("CART", [{"sku": "APPLE", "qty": 5}], ttl="1 hour")
    shop.allocate("CART")
    clock.advance(hours=2)
    answer = shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 4}], op_id="short")
    assert picks(answer)[2:] == [("allocated", "A-2", 4)]
    assert columns(shop.view("ledger", op_id="short", event_type="EXPIRE"), "order_ref") == [("CART",)]


def test_pins_of_ended_holds_in_the_bin_that_was_named_help_nobody(shop: Shop, clock: Clock) -> None:
    """The hold that ended first has its units where the missing ones should be: those of the second are taken, and it alone is booked."""
    shop.reserve("FIRST", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    shop.reserve("SECOND", [{"sku": "APPLE", "qty": 4}], ttl="2 hours")
    assert picks(shop.allocate("FIRST")) == [("allocated", "A-1", 1)]
    assert picks(shop.allocate("SECOND")) == [("allocated", "A-2", 4)]
    clock.advance(hours=3)
    answer = shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 1}], op_id="short")
    assert picks(answer) == [("deallocated", "A-1", 1), ("held", "A-1", 1), ("allocated", "A-2", 1)]
    assert shop.entries("order_ref", event_type="EXPIRE") == [("SECOND",)]


def test_a_hold_is_short_picked_until_it_ends(shop: Shop, clock: Clock) -> None:
    shop.reserve("CART", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    shop.allocate("CART")
    assert len(shop.short_pick("CART", [{"line": 1, "location": "A-1", "qty": 1}])) == 3
    clock.advance(hours=2)
    with fails("OS305", order_ref="CART"):
        shop.short_pick("CART", [{"line": 1, "location": "A-2", "qty": 1}])


def test_pins_of_a_lot_that_has_expired_are_gone_already(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(2), "location": "A-1"}])
    shop.reserve("O2", [{"sku": "MILK", "qty": 2}])
    shop.allocate("O2")
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L2", "expires_on": day(40), "location": "Q-1"}])
    clock.advance(days=4)
    with fails("OS303", line=1, location="A-1", asked=1, allocated=0):
        shop.short_pick("O2", [{"line": 1, "location": "A-1", "qty": 1}])
    assert shop.level("MILK") == (10, 10, 2, -2)


def test_what_waits_for_stock_stays_in_the_queue(shop: Shop) -> None:
    let_wait(shop)
    shop.reserve("O1", [{"sku": "APPLE", "qty": 8}], on_shortage="backorder")
    shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 5}])
    assert columns(shop.view("backorders"), "order_ref", "line", "qty") == [("O1", 2, 3)]
    assert shop.fill_backorders() == []


def test_held_units_are_missing_from_what_is_promised(shop: Shop) -> None:
    shop.reserve("O2", [{"sku": "APPLE", "qty": 5}])
    shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 2}])
    [row] = shop.view("shortages")
    assert (row["qty_short"], [order["order_ref"] for order in row["orders"]]) == (2, ["O2"])

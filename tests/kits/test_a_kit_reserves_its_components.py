"""A line of kits reserves the components of all its kits, or nothing; in part, whole kits only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.support import Shop, columns, refused, unchanged

HALF = Decimal("0.5")


def promised(shop: Shop, order_ref: str = "O1") -> list[tuple[Any, ...]]:
    """(line, sku, warehouse, reserved, kit) of an order."""
    return columns(shop.view("reservations", order_ref=order_ref), "line", "sku", "warehouse", "reserved", "kit")


def test_a_line_of_kits_is_a_line_of_each_component(kits: Shop) -> None:
    answer = kits.reserve("O1", [{"sku": "HAMPER", "qty": 3}, {"sku": "APPLE", "qty": 1}])
    assert columns(answer, "line", "sku", "warehouse", "outcome", "qty_reserved", "kit", "available") == [
        (1, "APPLE", "LON", "reserved", 6, "HAMPER", 4),
        (1, "RICE", "LON", "reserved", 3 * HALF, "HAMPER", HALF),
        (2, "APPLE", "LON", "reserved", 1, None, 3),
    ]
    assert promised(kits) == [
        (1, "APPLE", "LON", 6, "HAMPER"),
        (1, "RICE", "LON", 3 * HALF, "HAMPER"),
        (2, "APPLE", "LON", 1, None),
    ]
    assert columns(kits.view("order_lines", order_ref="O1"), "line", "sku", "ordered", "kit") == [
        (1, "APPLE", 6, "HAMPER"),
        (1, "RICE", 3 * HALF, "HAMPER"),
        (2, "APPLE", 1, None),
    ]
    assert kits.differences() == []


def test_another_order_whose_line_has_the_number_is_no_kit(kits: Shop) -> None:
    kits.reserve("O1", [{"sku": "HAMPER", "qty": 1}])
    assert columns(kits.reserve("O2", [{"sku": "APPLE", "qty": 1}]), "line", "sku", "kit") == [(1, "APPLE", None)]
    assert columns(kits.reserve("O3", [{"sku": "BAG", "qty": 1}]), "line", "sku", "kit") == [(1, "APPLE", "BAG")]


def test_components_come_from_the_warehouses_that_have_them(kits: Shop) -> None:
    kits.reserve("O1", [{"sku": "HAMPER", "qty": 6}])
    assert promised(kits) == [
        (1, "APPLE", "BER", 2, "HAMPER"),
        (1, "APPLE", "LON", 10, "HAMPER"),
        (1, "RICE", "BER", 1, "HAMPER"),
        (1, "RICE", "LON", 2, "HAMPER"),
    ]


def test_a_line_may_name_a_warehouse(kits: Shop) -> None:
    kits.reserve("O1", [{"sku": "HAMPER", "qty": 2, "warehouse": "BER"}])
    assert promised(kits) == [(1, "APPLE", "BER", 4, "HAMPER"), (1, "RICE", "BER", 1, "HAMPER")]
    assert columns(kits.reserve("O2", [{"sku": "HAMPER", "qty": 1, "warehouse": "BER"}]), "outcome", "available") == [("rejected", 0)]


def test_one_warehouse_sends_all_components(kits: Shop) -> None:
    kits.reserve("O1", [{"sku": "HAMPER", "qty": 2, "line": 7}], strategy="ship_complete", warehouse=None)
    assert promised(kits) == [(7, "APPLE", "LON", 4, "HAMPER"), (7, "RICE", "LON", 1, "HAMPER")]
    [row] = kits.reserve("O2", [{"sku": "HAMPER", "qty": 4}], strategy="ship_complete")
    assert (row["outcome"], row["sku"], row["available"]) == ("rejected", "HAMPER", 4)


def test_lines_that_ask_for_one_product_are_summed(kits: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": 4}, {"sku": "BAG", "qty": 2}, {"sku": "HAMPER", "qty": 3}]
    answer = kits.reserve("O1", lines)
    assert columns(answer, "line", "sku", "kit", "outcome", "qty_ordered", "qty_short") == [
        (1, "APPLE", None, "rejected", 4, 0),
        (2, "BAG", "BAG", "rejected", 2, 0),
        (3, "HAMPER", "HAMPER", "rejected", 3, 1),
    ]
    assert promised(kits) == []
    assert kits.level("APPLE") == (10, 0, 0, 10)
    lines[0]["qty"] = 3
    assert {row["outcome"] for row in kits.reserve("O1", lines)} == {"reserved"}
    assert columns(kits.reserve("O2", [{"sku": "BAG", "qty": 1}, {"sku": "BAG", "qty": 2}]), "line", "qty_ordered") == [(1, 3)]


def test_what_is_short_is_told_in_kits(kits: Shop, db: psycopg.Connection) -> None:
    [row] = kits.reserve("O1", [{"sku": "HAMPER", "qty": 8}])
    offers = [{"warehouse": "LON", "available": 4}, {"warehouse": "BER", "available": 2}]
    told = ("HAMPER", "rejected", 8, 2, 6, offers, None)
    assert columns([row], "sku", "outcome", "qty_ordered", "qty_short", "available", "offers", "on_hand") == [told]
    with refused(db, "OS201", order_ref="O1") as refusal:
        kits.reserve("O1", [{"sku": "HAMPER", "qty": 8}], on_shortage="error")
    assert refusal.detail["lines"] == [
        {"line": 1, "sku": "HAMPER", "qty_ordered": 8, "available": 6, "qty_short": 2, "offers": offers}
    ]


def test_a_part_is_whole_kits(kits: Shop) -> None:
    kits.reserve("O0", [{"sku": "RICE", "qty": 1.8}])
    answer = kits.reserve("O1", [{"sku": "HAMPER", "qty": 5}, {"sku": "BAG", "qty": 4}, {"sku": "APPLE", "qty": 9}], on_shortage="partial")
    assert columns(answer, "line", "sku", "outcome", "qty_ordered", "qty_reserved", "qty_short") == [
        (1, "APPLE", "reserved", 4, 4, 0),
        (1, "RICE", "reserved", Decimal("0.2"), Decimal("0.2"), 0),
        (1, "RICE", "reserved", Decimal("0.8"), Decimal("0.8"), 0),
        (2, "APPLE", "reserved", 6, 6, 0),
        (2, "APPLE", "reserved", 3, 3, 0),
        (3, "APPLE", "reserved", 2, 2, 0),
        (1, "HAMPER", "short", 3, 0, 3),
        (2, "BAG", "short", 1, 0, 1),
        (3, "APPLE", "short", 7, 0, 7),
    ]
    assert kits.differences() == []


def test_lines_that_name_a_warehouse_are_served_first(kits: Shop) -> None:
    lines = [{"sku": "BAG", "qty": 5}, {"sku": "BAG", "qty": 2, "warehouse": "BER"}]
    answer = kits.reserve("O1", lines, on_shortage="partial")
    assert columns(answer, "line", "sku", "warehouse", "outcome", "qty_reserved", "qty_short") == [
        (1, "APPLE", "LON", "reserved", 10, 0),
        (1, "APPLE", "BER", "reserved", 2, 0),
        (2, "APPLE", "BER", "reserved", 3, 0),
        (1, "BAG", None, "short", 0, 1),
        (2, "BAG", "BER", "short", 0, 1),
    ]


def test_kits_beside_lines_that_ask_for_certain_units(kits: Shop) -> None:
    lines = [{"sku": "HAMPER", "qty": 9}, {"sku": "APPLE", "qty": 8, "warehouse": "LON", "location": "A-1"}]
    answer = kits.reserve("O1", lines, on_shortage="partial")
    assert columns(answer, "line", "sku", "warehouse", "outcome", "qty_reserved", "qty_short") == [
        (1, "APPLE", "LON", "reserved", 2, 0),
        (1, "APPLE", "BER", "reserved", 4, 0),
        (1, "RICE", "LON", "reserved", 3 * HALF, 0),
        (2, "APPLE", "LON", "reserved", 8, 0),
        (1, "HAMPER", None, "short", 0, 6),
    ]


def test_no_whole_kit_is_no_order(kits: Shop) -> None:
    kits.reserve("O0", [{"sku": "RICE", "qty": 3}])
    [row] = kits.reserve("O1", [{"sku": "HAMPER", "qty": 5}], on_shortage="partial")
    assert (row["outcome"], row["qty_short"], row["available"], row["offers"]) == ("short", 5, 0, [])
    assert kits.view("orders", order_ref="O1") == []


@pytest.mark.parametrize("warehouse", ["LON", None])
def test_a_line_of_no_whole_kit_leaves_the_order_to_the_others(kits: Shop, warehouse: str | None) -> None:
    kits.reserve("O0", [{"sku": "RICE", "qty": 3}])
    kits.reserve("O1", [{"sku": "APPLE", "qty": 1}, {"sku": "HAMPER", "qty": 5}], on_shortage="partial", warehouse=warehouse)
    assert promised(kits) == [(1, "APPLE", "LON", 1, None)]


def test_kits_do_not_wait(kits: Shop) -> None:
    kits.put_products(lines=[{"sku": "APPLE", "backorder": "unlimited"}, {"sku": "RICE", "backorder": "unlimited"}])
    lines = [{"sku": "HAMPER", "qty": 7}, {"sku": "APPLE", "qty": 1}]
    assert {row["outcome"] for row in kits.reserve("O1", lines, on_shortage="backorder")} == {"rejected"}
    lines[0]["qty"], lines[1]["qty"] = 6, 5
    answer = kits.reserve("O1", lines, on_shortage="backorder")
    assert columns(answer, "line", "sku", "outcome", "kit")[-1] == (2, "APPLE", "backordered", None)


def test_a_hold_that_ended_gives_way_to_kits(kits: Shop, clock: Any) -> None:
    kits.reserve("C1", [{"sku": "HAMPER", "qty": 5}], ttl="1 hour")
    clock.advance(hours=2)
    assert {row["outcome"] for row in kits.reserve("O1", [{"sku": "HAMPER", "qty": 6}])} == {"reserved"}
    assert kits.differences() == []


@pytest.mark.parametrize("asked", [{"location": "A-1", "warehouse": "LON"}, {"lot": "L1"}, {"min_days_left": 3}])
def test_a_kit_has_no_units_of_its_own_to_ask_for(kits: Shop, db: psycopg.Connection, asked: dict[str, Any]) -> None:
    with refused(db, "22023", line=2, sku="HAMPER", key=next(iter(asked))):
        kits.reserve("O1", [{"sku": "APPLE", "qty": 1}, {"sku": "HAMPER", "qty": 1} | asked])


def test_kits_are_whole_and_their_components_sold(kits: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS110", line=1, sku="HAMPER"):
        kits.reserve("O1", [{"sku": "HAMPER", "qty": 1.5}])
    with refused(db, "OS110", line=1, sku="APPLE", kit="HAMPER"):
        kits.reserve("O1", [{"sku": "HAMPER", "qty": 999999999999}])
    kits.put_products(lines=[{"sku": "RICE", "active": False}])
    with refused(db, "OS102", line=1, sku="RICE", kit="HAMPER"):
        kits.reserve("O1", [{"sku": "HAMPER", "qty": 1}])


def test_an_order_has_at_most_ten_thousand_components(kits: Shop, db: psycopg.Connection) -> None:
    skus = [f"PART-{number}" for number in range(100)]
    kits.put_products(lines=[{"sku": sku, "name": sku} for sku in [*skus, "CASE"]])
    kits.put_kits(lines=[{"sku": "CASE", "components": [{"sku": sku, "qty": 1} for sku in skus]}])
    with refused(db, "22023", argument="lines", parts=10100):
        kits.reserve("O1", [{"sku": "CASE", "qty": 1, "line": line} for line in range(1, 102)])


def test_later_changes_of_the_kit_leave_the_order_alone(kits: Shop) -> None:
    kits.reserve("O1", [{"sku": "HAMPER", "qty": 2}])
    kits.put_kits(lines=[{"sku": "HAMPER", "components": [{"sku": "APPLE", "qty": 1}]}])
    assert promised(kits) == [(1, "APPLE", "LON", 4, "HAMPER"), (1, "RICE", "LON", 1, "HAMPER")]
    kits.release("O1", [{"sku": "HAMPER", "qty": 1}])
    assert promised(kits) == [(1, "APPLE", "LON", 2, "HAMPER"), (1, "RICE", "LON", HALF, "HAMPER")]
    kits.reserve("O2", [{"sku": "HAMPER", "qty": 1}])
    assert promised(kits, "O2") == [(1, "APPLE", "LON", 1, "HAMPER")]


def test_availability_is_the_least_over_the_components(kits: Shop, db: psycopg.Connection) -> None:
    names = ("sku", "warehouse", "on_hand", "blocked", "reserved", "available", "version")
    assert columns(kits.availability("HAMPER"), *names) == [
        ("HAMPER", "BER", 2, 0, 0, 2, 0),
        ("HAMPER", "LON", 4, 0, 0, 4, 0),
    ]
    kits.reserve("O1", [{"sku": "APPLE", "qty": 5, "warehouse": "LON"}])
    assert columns(kits.availability("HAMPER", warehouse="LON"), *names) == [("HAMPER", "LON", 4, 0, 0, 2, 0)]
    kits.adjust("LON", [{"sku": "APPLE", "qty": -8, "location": "A-1"}], reason="lost")
    kits.put_kits(lines=[{"sku": "BAG", "components": [{"sku": "APPLE", "qty": 2}, {"sku": "MILK", "qty": 1}]}])
    assert columns(kits.availability("HAMPER", warehouse="LON"), "on_hand", "available") == [(1, 0)]
    assert columns(kits.availability("BAG"), "warehouse", "on_hand", "available") == [("BER", 0, 0), ("LON", 0, 0)]


@pytest.mark.parametrize("inactive", ["HAMPER", "RICE", "APPLE"])
def test_none_are_available_where_the_kit_or_a_component_is_sold_no_more(kits: Shop, db: psycopg.Connection, inactive: str) -> None:
    kits.put_products(lines=[{"sku": inactive, "active": False}])
    assert columns(kits.availability("HAMPER"), "warehouse", "on_hand", "available") == [("BER", 2, 0), ("LON", 4, 0)]
    with refused(db, "OS102", sku=inactive):
        kits.reserve("O1", [{"sku": "HAMPER", "qty": 1}])
    # What another kit is made of plays no part in it.
    kits.put_kits(lines=[{"sku": "BAG", "components": [{"sku": "MILK", "qty": 1}]}])
    kits.put_products(lines=[{"sku": inactive, "active": True}, {"sku": "MILK", "active": False}])
    assert columns(kits.availability("HAMPER"), "warehouse", "available") == [("BER", 2), ("LON", 4)]


def test_none_are_available_in_a_closed_warehouse(kits: Shop) -> None:
    kits.put_warehouses(lines=[{"code": "BER", "active": False}])
    assert columns(kits.availability("HAMPER"), "warehouse", "on_hand", "available") == [("BER", 2, 0), ("LON", 4, 4)]


def test_a_quote_says_it_per_component(kits: Shop, db: psycopg.Connection) -> None:
    with unchanged(db):
        rows = kits.quote([{"sku": "HAMPER", "qty": 7}])
    assert columns(rows, "line", "sku", "kit", "warehouse", "outcome", "reason", "qty_ordered", "qty", "qty_short") == [
        (1, "APPLE", "HAMPER", "LON", "chosen", None, 14, 10, 2),
        (1, "APPLE", "HAMPER", "BER", "chosen", None, 14, 2, 2),
        (1, "APPLE", "HAMPER", "SHUT", "rejected", "inactive", 14, 0, 2),
        (1, "RICE", "HAMPER", "LON", "chosen", None, 7 * HALF, 2, HALF),
        (1, "RICE", "HAMPER", "BER", "chosen", None, 7 * HALF, 1, HALF),
        (1, "RICE", "HAMPER", "SHUT", "rejected", "inactive", 7 * HALF, 0, HALF),
    ]


def test_what_a_closed_warehouse_has_makes_no_kits(kits: Shop) -> None:
    """London's ten apples make three bags, and five more in Berlin would make two."""
    kits.put_warehouses(lines=[{"code": "BER", "active": False}])
    rows = kits.reserve("O1", [{"sku": "BAG", "qty": 5}], on_shortage="partial")
    assert columns(rows, "outcome", "warehouse", "qty_reserved", "qty_short") == [("reserved", "LON", 9, 0), ("short", None, 0, 2)]


def test_each_line_of_kits_that_is_short_has_offers_of_its_own(kits: Shop) -> None:
    """Of one kit twice, and another between them; what is too little for one kit is no offer."""
    kits.put_warehouses(lines=[{"code": "ROM"}])
    kits.receive("ROM", [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 2}])
    lines = [{"sku": "HAMPER", "qty": 9, "line": 4}, {"sku": "BAG", "qty": 8, "line": 3}, {"sku": "HAMPER", "qty": 7, "line": 5}]
    answer = kits.reserve("O1", lines)
    hampers, bags = ([{"warehouse": "LON", "available": london}, {"warehouse": "BER", "available": berlin}] for london, berlin in ((4, 2), (3, 1)))
    assert columns(answer, "line", "sku", "qty_ordered", "qty_short", "available", "offers") == [
        (4, "HAMPER", 9, 1, 8, hampers),
        (3, "BAG", 8, 8, 5, bags),
        (5, "HAMPER", 7, 7, 8, hampers),
    ]

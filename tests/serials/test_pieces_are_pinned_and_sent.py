"""allocate, ship and short_pick choose pieces themselves, the first that came in first, or take those that are named."""

from __future__ import annotations

import pytest

from tests.support import Clock, Shop, columns, fails, refused, unchanged
from tests.waiting import let_wait

from .pieces import phones, picked, pieces, story, where


def standing(shop: Shop, order_ref: str) -> tuple[object, ...]:
    """(reserved, allocated, shipped) of an order of one line."""
    [row] = columns(shop.view("reservations", order_ref=order_ref), "reserved", "allocated", "shipped")
    return row


def test_allocate_says_which_pieces_to_pick(stocked: Shop) -> None:
    stocked.reserve("O3", [{"sku": "PHONE", "qty": 1}])
    stocked.reserve("O4", [{"sku": "PHONE", "qty": 1}])
    assert picked(stocked.allocate("O3")) == [("allocated", "A-2", ["P5"])]
    assert picked(stocked.allocate_next("LON")) == [("allocated", "A-2", ["P6"])]
    assert [row[3:] for row in pieces(stocked)] == [("allocated", order) for order in ("O1", "O1", "O1", "O2", "O3", "O4")]


def test_lines_that_share_a_bin_get_different_pieces(shop: Shop) -> None:
    shop.receive("LON", [phones("A", "B", "C", "D")])
    shop.reserve("O1", [{"sku": "PHONE", "qty": 1}, {"sku": "PHONE", "qty": 2, "warehouse": "LON"}])
    assert columns(shop.allocate("O1"), "line", "serials") == [(1, ["A"]), (2, ["B", "C"])]
    assert columns(shop.ship("O1"), "line", "serials") == [(1, ["A"]), (2, ["B", "C"])]


def test_what_is_not_pinned_is_chosen_as_it_is_sent(shop: Shop) -> None:
    shop.receive("LON", [phones("A", "B", location="A-1"), phones("C", location="A-2")])
    shop.reserve("O1", [{"sku": "PHONE", "qty": 2}, {"sku": "PHONE", "qty": 1, "warehouse": "LON"}])
    assert columns(shop.ship("O1"), "line", "location", "serials", "on_hand") == [
        (1, "A-1", ["A", "B"], 1),
        (2, "A-2", ["C"], 0),
    ]
    assert {row[3] for row in pieces(shop)} == {"gone"}


def test_pinned_pieces_are_sent_before_free_ones(stocked: Shop) -> None:
    stocked.reserve("O2", [{"sku": "PHONE", "qty": 1}])
    assert columns(stocked.ship("O2"), "line", "location", "serials") == [(1, "A-1", ["P4"]), (2, "A-2", ["P5"])]


def test_named_pieces_are_sent(stocked: Shop) -> None:
    rows = stocked.ship("O1", [{"sku": "PHONE", "serials": ["P3", "P1"]}], op_id="van")
    assert columns(rows, "line", "location", "qty", "serials", "reserved") == [(1, "A-1", 2, ["P1", "P3"], 2)]
    assert standing(stocked, "O1") == (1, 1, 2)
    assert where(stocked, "P2") == ("A-1", "available", "allocated", "O1")


def test_free_pieces_go_instead_of_pinned_ones(stocked: Shop) -> None:
    rows = stocked.ship("O1", [{"line": 1, "warehouse": "LON", "serials": ["P6", "P1"], "qty": 2}], op_id="van")
    assert columns(rows, "location", "serials") == [("A-1", ["P1"]), ("A-2", ["P6"])]
    assert standing(stocked, "O1") == (1, 1, 2)
    assert stocked.entries("event_type", "location", "qty_delta", "reserved_delta", "allocated_delta", op_id="van") == [
        ("DEALLOCATE", "A-1", 0, 0, -1),
        ("SHIP", "A-1", -1, -1, -1),
        ("SHIP", "A-2", -1, -1, 0),
    ]
    assert where(stocked, "P3") == ("A-1", "available", "in_stock", None)
    assert where(stocked, "P2") == ("A-1", "available", "allocated", "O1")


def test_a_line_keeps_its_pins_as_long_as_it_has_room_for_them(stocked: Shop) -> None:
    assert picked(stocked.deallocate("O1", [{"line": 1, "qty": 1}])) == [("deallocated", "A-1", ["P1"])]
    assert where(stocked, "P1") == ("A-1", "available", "in_stock", None)
    stocked.ship("O1", [{"line": 1, "serials": ["P5"]}])
    assert standing(stocked, "O1") == (2, 2, 1)


def test_pieces_of_two_lines_and_two_warehouses_find_their_lines(shop: Shop) -> None:
    shop.receive("LON", [phones("L1", "L2", "L3")])
    shop.receive("BER", [phones("B1", "B2")])
    shop.reserve("O1", [{"sku": "PHONE", "qty": 4}, {"sku": "PHONE", "qty": 1, "warehouse": "BER"}])
    assert columns(shop.view("reservations"), "line", "warehouse", "reserved") == [(1, "BER", 1), (1, "LON", 3), (2, "BER", 1)]
    rows = shop.ship("O1", [{"sku": "PHONE", "serials": ["B2", "L3", "B1"]}])
    assert sorted(columns(rows, "line", "warehouse", "serials")) == [(1, "BER", ["B2"]), (1, "LON", ["L3"]), (2, "BER", ["B1"])]
    with refused(shop.db, "OS303", line=1, asked=1, reserved=0, order_ref="O1"):
        shop.ship("O1", [{"line": 1, "warehouse": "BER", "serials": ["L1"]}])


def test_named_pieces_go_together_with_what_has_no_names(stocked: Shop) -> None:
    stocked.receive("LON", [{"sku": "APPLE", "qty": 5}, {"sku": "WATCH", "serials": ["W1", "W2"]}])
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 2}, {"sku": "WATCH", "qty": 1}])
    rows = stocked.ship("O1", [{"sku": "APPLE", "qty": 1}, {"sku": "PHONE", "serials": ["P5"]}, {"sku": "WATCH"}])
    assert sorted(columns(rows, "sku", "qty", "serials")) == [("APPLE", 1, None), ("PHONE", 1, ["P5"]), ("WATCH", 1, ["W1"])]


@pytest.mark.parametrize(
    ("lines", "code", "detail"),
    [
        ([{"line": 1, "serials": ["P9"]}], "OS111", {"serial": "P9"}),
        ([{"line": 1, "serials": ["P4"]}], "OS113", {"serial": "P4", "location": "A-1", "order_ref": "O2"}),
        ([{"line": 1, "serials": ["B1"]}], "OS113", {"serial": "B1", "warehouse": "BER"}),
        ([{"line": 1, "serials": ["H1"]}], "OS113", {"serial": "H1", "status": "hold"}),
        ([{"line": 1, "serials": ["G1"]}], "OS113", {"serial": "G1", "warehouse": None}),
        ([{"line": 1, "serials": ["P5", "P5"]}], "22023", {"key": "serials", "serial": "P5"}),
        ([{"line": 1, "serials": ["P1"]}, {"sku": "PHONE", "serials": ["P1"]}], "22023", {"key": "serials", "serial": "P1"}),
        ([{"line": 1, "serials": ["P1", "P2", "P3", "P5"]}], "OS303", {"asked": 4, "reserved": 3}),
        ([{"line": 1, "serials": ["P1", "P5"]}, {"sku": "PHONE", "serials": ["P2", "P6"]}], "22023", {}),
        ([{"line": 1, "serials": ["P1"], "qty": 2}], "OS112", {"qty": 2, "serials": 1}),
        ([{"serials": ["P1"]}], "22023", {"problem": "must name a line or a sku"}),
        ([{"line": 9, "serials": ["P1"]}], "OS303", {"reserved": 0}),
        ([{"line": 2, "serials": ["P1"]}], "OS112", {"problem": "the product is not tracked by serial"}),
        ([{"line": 1, "serials": ["P1"]}, {"line": 3, "qty": 1}], "22023", {"key": "serials"}),
    ],
)
def test_what_cannot_be_sent_is_named(stocked: Shop, lines: list[dict[str, object]], code: str, detail: dict[str, object]) -> None:
    stocked.receive("BER", [phones("B1")])
    stocked.receive("LON", [phones("H1", status="hold"), {"sku": "APPLE", "qty": 1}, phones("G1")])
    stocked.adjust("LON", [phones("G1", qty=-1)], reason="lost")
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 1}, {"sku": "PHONE", "qty": 1, "warehouse": "LON"}])
    with refused(stocked.db, code, **detail):
        stocked.ship("O1", lines)


def test_a_line_shows_the_pieces_that_it_asks_for_in_the_order_in_which_they_came_in(shop: Shop) -> None:
    for serial in ("P3", "P1", "P2"):
        shop.receive("LON", [phones(serial)])
    shop.reserve("O1", [phones("P1", "P3"), {"sku": "PHONE", "qty": 1}])
    assert columns(shop.view("reservations"), "line", "serials") == [(1, ["P3", "P1"]), (2, None)]
    shop.ship("O1", [phones("P3", line=1)])
    assert columns(shop.view("reservations"), "line", "serials") == [(1, ["P1"]), (2, None)]


def test_what_is_given_back_is_free_again(stocked: Shop) -> None:
    stocked.release("O1", [{"line": 1, "qty": 2}])
    assert [row for row in pieces(stocked) if row[4] == "O1"] == [("P3", "A-1", "available", "allocated", "O1")]
    stocked.cancel("O1")
    assert {row[4] for row in pieces(stocked)} == {None, "O2"}


def test_a_hold_that_ended_has_no_piece(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [phones("A", "B")])
    shop.reserve("CART", [{"sku": "PHONE", "qty": 2}], ttl="1 hour")
    shop.allocate("CART")
    assert {row[3:] for row in pieces(shop)} == {("allocated", "CART")}
    clock.advance(hours=2)
    assert {row[3:] for row in pieces(shop)} == {("in_stock", None)}
    shop.reserve("O1", [{"sku": "PHONE", "qty": 1}])
    assert {row[3:] for row in pieces(shop)} == {("in_stock", None)}
    assert picked(shop.allocate("O1")) == [("allocated", "DEFAULT", ["A"])]


def test_a_piece_that_an_ended_hold_had_pinned_can_be_named(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [phones("A", "B", "C", location="A-1"), phones("D", location="A-2")])
    shop.reserve("SALE", [{"sku": "PHONE", "qty": 1}])
    shop.reserve("CART", [{"sku": "PHONE", "qty": 2}], ttl="1 hour")
    shop.allocate("CART")
    with unchanged(shop.db), fails("OS113", serial="B", order_ref="CART"):
        shop.ship("SALE", [{"line": 1, "serials": ["B"]}])
    clock.advance(hours=2)
    assert columns(shop.ship("SALE", [{"line": 1, "serials": ["B"]}], op_id="van"), "serials") == [(["B"],)]
    assert shop.entries("event_type", "order_ref", op_id="van") == [("DEALLOCATE", "CART"), ("EXPIRE", "CART"), ("SHIP", "SALE")]
    assert where(shop, "A") == ("A-1", "available", "in_stock", None)


def test_missing_pieces_are_held_and_others_pinned(stocked: Shop) -> None:
    rows = stocked.short_pick("O1", [{"line": 1, "location": "A-1", "serials": ["P2"]}])
    assert picked(rows) == [("deallocated", "A-1", ["P2"]), ("held", "A-1", ["P2"]), ("allocated", "A-2", ["P5"])]
    assert where(stocked, "P2") == ("A-1", "hold", "in_stock", None)
    assert story(stocked, "P2")[-3:] == [
        ("DEALLOCATE", "A-1", 0, -1, "O1"),
        ("STATUS", "A-1", -1, 0, None),
        ("STATUS", "A-1", 1, 0, None),
    ]
    rows = stocked.short_pick("O1", [{"sku": "PHONE", "location": "A-1", "qty": 2}])
    assert picked(rows) == [("deallocated", "A-1", ["P1", "P3"]), ("held", "A-1", ["P1", "P3"]), ("allocated", "A-2", ["P6"]), ("short", None, None)]


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({"line": 1, "location": "A-1", "serials": ["P4"]}, "OS303", {"asked": 1, "allocated": 0}),
        ({"line": 1, "location": "A-2", "serials": ["P1"]}, "OS303", {"asked": 1, "allocated": 0}),
        ({"line": 1, "location": "A-1", "serials": ["P1", "P9"]}, "OS303", {"asked": 2, "allocated": 1}),
        ({"line": 1, "location": "A-1", "serials": ["P1"], "qty": 2}, "OS112", {"qty": 2, "serials": 1}),
        ({"line": 1, "location": "A-1"}, "22023", {"key": "qty", "problem": "missing"}),
        ({"line": 2, "location": "DEFAULT", "serials": ["P1"]}, "OS112", {"problem": "the product is not tracked by serial"}),
    ],
)
def test_what_is_not_pinned_there_cannot_be_missing(stocked: Shop, line: dict[str, object], code: str, detail: dict[str, object]) -> None:
    stocked.receive("LON", [{"sku": "APPLE", "qty": 1}])
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    stocked.allocate("O1")
    with refused(stocked.db, code, line=1, **detail):
        stocked.short_pick("O1", [line])


def test_a_receipt_serves_who_waits(shop: Shop) -> None:
    let_wait(shop, "PHONE")
    shop.reserve("O1", [{"sku": "PHONE", "qty": 2}], on_shortage="backorder")
    shop.receive("LON", [phones("A", "B", "C")])
    assert standing(shop, "O1") == (2, 0, 0)
    assert columns(shop.ship("O1", [{"sku": "PHONE", "serials": ["B", "C"]}]), "serials") == [(["B", "C"],)]


def test_a_piece_that_nobody_knows_has_no_story(stocked: Shop) -> None:
    with unchanged(stocked.db):
        with fails("OS101", sku="PLUM"):
            stocked.serial_history("PLUM", "P1")
        with fails("OS111", sku="PHONE", serial="P9"):
            stocked.serial_history("PHONE", "P9")
        with fails("22023", argument="serial"):
            stocked.serial_history("PHONE", "")

"""ship takes each named piece off a line that it may go to, where an order has many lines, and a call many entries."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Shop, columns, refused

from .pieces import phones, pieces, wants_one_of

A_1, A_2 = {"location": "A-1"}, {"location": "A-2"}


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """Phones F, E, D in A-1, C, B in A-2 and K, J, I, H, in A-1 again, came in London in this order, as A and G did in Berlin; watches are called the same.

    Of the order O1 the lines 1 (2 units) and 2 (2) are pinned in London: E and D, C and B; F is another's. 3 is a phone in Berlin and not pinned,
    4 and 6 are a watch each, 5 is 2 apples, and 7 asks for the phone K.
    """
    for serial, place in [("F", A_1), ("E", A_1), ("D", A_1), ("C", A_2), ("B", A_2)]:
        shop.receive("LON", [phones(serial, **place), {"sku": "WATCH", "serials": [serial]}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    for serial in ("A", "G"):
        shop.receive("BER", [phones(serial)])
    shop.reserve("X", [{"sku": "PHONE", "qty": 1}], warehouse="LON")
    shop.allocate("X")
    shop.reserve("O1", [{"line": line, "sku": "PHONE", "qty": 2} for line in (1, 2)], warehouse="LON")
    shop.allocate("O1")
    for serial in "KJIH":
        shop.receive("LON", [phones(serial, **A_1)])
    lines = [{"sku": "PHONE", "qty": 1, "warehouse": "BER"}, {"sku": "WATCH", "qty": 1}, {"sku": "APPLE", "qty": 2}, {"sku": "WATCH", "qty": 1}, phones("K")]
    shop.reserve("O1", [line | {"line": n} for n, line in enumerate(lines, 3)])
    assert sorted(row for row in pieces(shop) if row[4]) == [
        ("B", "A-2", "available", "allocated", "O1"),
        ("C", "A-2", "available", "allocated", "O1"),
        ("D", "A-1", "available", "allocated", "O1"),
        ("E", "A-1", "available", "allocated", "O1"),
        ("F", "A-1", "available", "allocated", "X"),
        ("K", "A-1", "available", "allocated", "O1"),
    ]
    return shop


def test_pieces_go_to_the_lines_that_they_are_pinned_to_and_free_ones_to_the_first_with_room_in_the_order_of_their_names(ordered: Shop) -> None:
    rows = ordered.ship(
        "O1",
        [
            {"sku": "PHONE", "warehouse": "LON", "serials": ["I", "B", "H", "J"]},
            {"sku": "WATCH", "serials": ["B"]},
            {"line": 3, "serials": ["G"]},
            {"line": 5, "qty": 1},
            {"line": 7, "serials": ["K"]},
        ],
        op_id="van",
    )
    assert columns(rows, "line", "sku", "warehouse", "location", "qty", "serials") == [
        (5, "APPLE", "LON", "DEFAULT", 1, None),
        (1, "PHONE", "LON", "A-1", 2, ["I", "H"]),
        (2, "PHONE", "LON", "A-2", 1, ["B"]),
        (2, "PHONE", "LON", "A-1", 1, ["J"]),
        (3, "PHONE", "BER", "DEFAULT", 1, ["G"]),
        (4, "WATCH", "LON", "DEFAULT", 1, ["B"]),
        (7, "PHONE", "LON", "A-1", 1, ["K"]),
    ]
    assert {row[0] for row in pieces(ordered) if row[3] == "gone"} == set("IBHJGK")
    assert {row[0] for row in pieces(ordered, "WATCH") if row[3] == "gone"} == {"B"}
    assert {row[0]: row[4] for row in pieces(ordered) if row[4]} == {"F": "X"}
    assert ordered.entries("line", "location", "allocated_delta", op_id="van", event_type="DEALLOCATE") == [(1, "A-1", -2), (2, "A-2", -1)]


@pytest.mark.parametrize(
    ("lines", "code", "detail"),
    [
        ([{"line": 1, "serials": ["D"]}, {"line": 9, "serials": ["E"]}], "OS303", {"line": 2, "asked": 1, "reserved": 0}),
        ([{"line": 1, "serials": ["D"]}, {"line": 5, "serials": ["E"]}], "OS112", {"line": 2, "problem": "the product is not tracked by serial"}),
        ([{"line": 1, "serials": ["D"]}, {"line": 4, "serials": ["C"]}, {"line": 6}], "22023", {"line": 2, "problem": "another entry takes pieces of the product and names none"}),
        ([{"line": 3, "serials": ["G"]}, {"line": 1, "serials": ["A"]}], "OS113", {"line": 2, "serial": "A", "warehouse": "BER"}),
        ([{"line": 1, "serials": ["E"]}, {"line": 7, "serials": ["I"]}], "22023", {"line": 2, "serial": "I", "problem": "the line asks for other pieces"}),
        ([{"line": 3, "serials": ["G"]}, {"line": 1, "serials": ["E", "D", "I"]}], "OS303", {"line": 2, "serial": "I", "asked": 3, "reserved": 2}),
        ([{"line": 1, "serials": ["E", "Z", "Y"]}, {"line": 2, "serials": ["X"]}], "OS111", {"line": 1, "serial": "Z"}),
        ([{"line": 1, "serials": ["E"], "qty": 2}, {"line": 2, "serials": ["B"], "qty": 2}], "OS112", {"line": 1, "qty": 2, "serials": 1}),
    ],
    ids=["not reserved", "no pieces", "another entry", "elsewhere", "asks for others", "too many", "unknown", "not as many"],
)
def test_the_entry_that_is_wrong_is_named(ordered: Shop, lines: list[dict[str, Any]], code: str, detail: dict[str, Any]) -> None:
    with refused(ordered.db, code, **detail):
        ordered.ship("O1", lines)


def test_a_piece_is_not_sent_instead_of_those_that_the_line_at_its_warehouse_asks_for(ordered: Shop) -> None:
    """The line in Berlin, where it is not, would take any."""
    ordered.reserve("O2", [phones("J"), {"sku": "PHONE", "qty": 1, "warehouse": "BER"}])
    with refused(ordered.db, "22023", line=1, serial="I", problem="the line asks for other pieces"):
        ordered.ship("O2", [phones("I")])


def test_a_piece_that_was_missing_is_there_for_the_line_that_asked_for_it(ordered: Shop) -> None:
    ordered.reserve("O2", [phones("I", line=1)])
    ordered.short_pick("O2", [phones("I", location="A-1")])
    ordered.move("LON", [phones("I", status="hold", to_status="available", **{"from": "A-1"})])
    assert columns(ordered.reserve("O2", [phones("I", line=2)]), "outcome", "available") == [("rejected", 0)]
    assert columns(ordered.ship("O2", [phones("I")]), "line", "serials") == [(1, ["I"])]


def test_a_piece_that_two_lines_ask_for_goes_to_the_one_that_asks_for_fewer(ordered: Shop) -> None:
    """Line 1 wants one of H and I, line 2 wants I: all were missing and are there again."""
    wants_one_of(ordered, "O2", "H", "I")
    ordered.reserve("O2", [phones("I", line=2)])
    for qty in (-1, 1):
        ordered.adjust("LON", [phones("I", qty=qty, location="A-1")], reason="counted")
    assert sorted(columns(ordered.ship("O2", [phones("H", "I")]), "line", "serials")) == [(1, ["H"]), (2, ["I"])]


def test_of_two_that_ask_for_as_many_the_first_gets_it(ordered: Shop) -> None:
    """Line 1 wants one of H and I, line 2 one of I and J."""
    for line, names in ((1, "HI"), (2, "IJ")):
        wants_one_of(ordered, "O2", *names, line=line)
    assert columns(ordered.ship("O2", [phones("I")]), "line", "serials") == [(1, ["I"])]

"""receive, adjust and move name the pieces; each is in one place, and may leave and come back."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Shop, columns, fails, refused, unchanged

from .pieces import phones, pieces, story, where


def test_as_many_units_as_names_come_in(shop: Shop) -> None:
    rows = shop.receive("LON", [phones("B", "A", location="A-1"), {"sku": "APPLE", "qty": 2}, phones("C", qty=1)])
    assert columns(rows, "line", "sku", "qty", "serials", "on_hand") == [
        (1, "PHONE", 2, ["A", "B"], 2),
        (2, "APPLE", 2, None, 2),
        (3, "PHONE", 1, ["C"], 3),
    ]
    assert pieces(shop) == [
        ("A", "A-1", "available", "in_stock", None),
        ("B", "A-1", "available", "in_stock", None),
        ("C", "DEFAULT", "available", "in_stock", None),
    ]
    assert columns(shop.view("bins", sku="PHONE"), "location", "on_hand") == [("A-1", 2), ("DEFAULT", 1)]


def test_names_are_normalised_and_a_products_own(shop: Shop) -> None:
    shop.receive("LON", [phones(" A ", "Cafe\u0301"), {"sku": "WATCH", "serials": ["A"]}])
    assert columns(shop.view("serials"), "sku", "serial") == [("PHONE", "A"), ("PHONE", "Caf\u00e9"), ("WATCH", "A")]


def test_the_same_request_again_brings_nothing(shop: Shop) -> None:
    first = shop.receive("LON", [phones("A")], op_id="once")
    again = shop.receive("LON", [phones("A")], op_id="once")
    assert columns(again, "serials", "entry_id", "replayed") == [(["A"], first[0]["entry_id"], True)]


def test_a_piece_is_in_stock_once(stocked: Shop) -> None:
    for warehouse in ("LON", "BER"):
        with refused(stocked.db, "OS109", line=2, sku="PHONE", serial="P5", warehouse="LON", location="A-2"):
            stocked.receive(warehouse, [phones("P7"), phones("P8", "P5")])


def test_a_piece_that_left_may_come_back(stocked: Shop) -> None:
    stocked.ship("O1", [{"line": 1, "serials": ["P2"]}])
    assert where(stocked, "P2") == (None, None, "gone", None)
    stocked.receive("BER", [phones("P2")])
    assert where(stocked, "P2") == ("DEFAULT", "available", "in_stock", None)
    assert story(stocked, "P2") == [
        ("RECEIPT", "A-1", 4, 0, None),
        ("ALLOCATE", "A-1", 0, 3, "O1"),
        ("SHIP", "A-1", -1, -1, "O1"),
        ("RECEIPT", "DEFAULT", 1, 0, None),
    ]


def test_pieces_are_lost_and_found_by_name(stocked: Shop) -> None:
    rows = stocked.adjust("LON", [phones("P6", qty=-1, location="A-2"), phones("P8", "P9", qty=2)], reason="counted")
    assert columns(rows, "qty", "serials") == [(-1, ["P6"]), (2, ["P8", "P9"])]
    assert (where(stocked, "P6"), where(stocked, "P9")) == ((None, None, "gone", None), ("DEFAULT", "available", "in_stock", None))
    stocked.adjust("LON", [phones("P6", qty=1)], reason="found")
    assert where(stocked, "P6") == ("DEFAULT", "available", "in_stock", None)


def test_the_line_that_had_a_lost_piece_pinned_loses_that_pin(stocked: Shop) -> None:
    stocked.adjust("LON", [phones("P2", "P4", qty=-2, location="A-1")], reason="stolen", op_id="theft")
    assert [row for row in pieces(stocked) if row[3] == "allocated"] == [
        ("P1", "A-1", "available", "allocated", "O1"),
        ("P3", "A-1", "available", "allocated", "O1"),
    ]
    assert stocked.entries("event_type", "order_ref", "allocated_delta", "qty_delta", op_id="theft") == [
        ("DEALLOCATE", "O1", -1, 0),
        ("DEALLOCATE", "O2", -1, 0),
        ("ADJUST", None, 0, -2),
    ]
    assert columns(stocked.view("reservations"), "order_ref", "reserved", "allocated") == [("O1", 3, 2), ("O2", 1, 0)]


def test_pieces_move_by_name_and_take_their_pins_along(stocked: Shop) -> None:
    rows = stocked.move("LON", [phones("P4", "P1", **{"from": "A-1", "to": "A-2"}), phones("P6", **{"from": "A-2", "to": "A-1"})])
    assert columns(rows, "line", "location", "qty", "serials") == [
        (1, "A-1", -1, ["P1"]),
        (1, "A-2", 1, ["P1"]),
        (1, "A-1", -1, ["P4"]),
        (1, "A-2", 1, ["P4"]),
        (2, "A-2", -1, ["P6"]),
        (2, "A-1", 1, ["P6"]),
    ]
    assert pieces(stocked) == [
        ("P1", "A-2", "available", "allocated", "O1"),
        ("P2", "A-1", "available", "allocated", "O1"),
        ("P3", "A-1", "available", "allocated", "O1"),
        ("P4", "A-2", "available", "allocated", "O2"),
        ("P5", "A-2", "available", "in_stock", None),
        ("P6", "A-1", "available", "in_stock", None),
    ]
    assert columns(stocked.ship("O2"), "location", "serials") == [("A-2", ["P4"])]


def test_pieces_that_become_blocked_lose_their_pins(stocked: Shop) -> None:
    stocked.move("LON", [phones("P1", "P2", **{"from": "A-1", "to_status": "damaged"})])
    assert where(stocked, "P1") == ("A-1", "damaged", "in_stock", None)
    assert where(stocked, "P3") == ("A-1", "available", "allocated", "O1")
    assert columns(stocked.view("reservations", order_ref="O1"), "reserved", "allocated") == [(3, 1)]


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({"sku": "PHONE", "qty": 1}, "OS112", {"sku": "PHONE", "problem": "the product is tracked by serial and none are named"}),
        (phones("A", qty=2), "OS112", {"qty": 2, "serials": 1, "problem": "must be as many as units"}),
        ({"sku": "APPLE", "qty": 1, "serials": ["A"]}, "OS112", {"problem": "the product is not tracked by serial"}),
        (phones("A", lot="L1"), "OS108", {"problem": "the product is not tracked by lot"}),
        (phones("A", " A"), "22023", {"key": "serials", "problem": "names a piece a second time", "serial": "A"}),
        (phones("FIRST"), "22023", {"key": "serials", "problem": "names a piece a second time", "serial": "FIRST"}),
        (phones("A", qty=1.5), "OS112", {}),
        (phones("A", qty=-1), "OS110", {"problem": "must be positive"}),
        (phones("A", "B", ""), "22023", {"key": "serials", "problem": "has an element that must have 1 to 64 characters"}),
    ],
)
def test_a_line_that_does_not_fit_is_named(shop: Shop, db: psycopg.Connection, line: dict[str, object], code: str, detail: dict[str, object]) -> None:
    with refused(db, code, line=2, **detail):
        shop.receive("LON", [phones("FIRST"), line])


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        (phones("P9", qty=-1, location="A-1"), "OS111", {"serial": "P9"}),
        (phones("P5", qty=-1, location="A-1"), "OS113", {"serial": "P5", "warehouse": "LON", "location": "A-2"}),
        (phones("P5", qty=-1, location="A-2", status="hold"), "OS201", {"on_hand": 0}),
        (phones("P2", qty=1, location="A-2"), "OS109", {"serial": "P2", "location": "A-1"}),
        ({"sku": "PHONE", "qty": -1, "location": "A-1"}, "OS112", {}),
        ({"sku": "PHONE", "set_to": 0, "expected": 2, "location": "A-2"}, "OS112", {}),
        (phones("P5", "P6", set_to=0, expected=2, location="A-2"), "OS112", {}),
        (phones("P5", location="A-2"), "22023", {"problem": "must have either qty or set_to"}),
    ],
)
def test_what_is_not_there_is_not_adjusted(stocked: Shop, line: dict[str, object], code: str, detail: dict[str, object]) -> None:
    with refused(stocked.db, code, line=1, **detail):
        stocked.adjust("LON", [line], reason="counted")


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        (phones("P9", **{"from": "A-1", "to": "A-2"}), "OS111", {"serial": "P9"}),
        (phones("P5", **{"from": "A-1", "to": "P-1"}), "OS113", {"serial": "P5", "location": "A-2", "status": "available"}),
        (phones("P5", "P6", "P1", **{"from": "A-2", "to": "P-1"}), "OS113", {"serial": "P1", "location": "A-1"}),
        ({"sku": "PHONE", "qty": 1, "from": "A-1", "to": "A-2"}, "OS112", {}),
        (phones("P1", "P2", **{"from": "A-1", "to": "A-2", "qty": 3}), "OS112", {"qty": 3, "serials": 2}),
    ],
)
def test_what_is_not_there_is_not_moved(stocked: Shop, line: dict[str, object], code: str, detail: dict[str, object]) -> None:
    with refused(stocked.db, code, line=1, **detail):
        stocked.move("LON", [line])


@pytest.mark.parametrize(
    ("function", "lines", "code", "detail"),
    [
        ("receive", [phones("P5")], "OS109", {"line": 1, "serial": "P5"}),
        ("receive", [phones("N1", "P6", "P5"), phones("P1")], "OS109", {"line": 1, "serial": "P6"}),
        ("receive", [phones("B"), phones("A", "A"), phones("B")], "22023", {"line": 2, "serial": "A", "problem": "names a piece a second time"}),
        ("adjust", [phones("N1", qty=1), phones("P9", qty=-1, location="A-2")], "OS111", {"line": 2, "serial": "P9"}),
        ("adjust", [phones("P5", qty=-1, location="A-2"), phones("P2", qty=1, location="P-1")], "OS109", {"line": 2, "serial": "P2"}),
        ("move", [phones("P5", "P4", "P1", **{"from": "A-2", "to": "P-1"}), phones("P6", **{"from": "A-1", "to": "P-1"})], "OS113", {"line": 1, "serial": "P4"}),
    ],
    ids=["in stock", "two in stock", "named twice", "unknown", "in stock beside one that leaves", "elsewhere"],
)
def test_of_several_pieces_that_do_not_fit_the_first_is_told(stocked: Shop, function: str, lines: list[dict[str, object]], code: str, detail: dict[str, object]) -> None:
    stocked.receive("LON", [phones("G1", "G2")])
    stocked.adjust("LON", [phones("G1", "G2", qty=-2)], reason="lost")
    with refused(stocked.db, code, **detail):
        getattr(stocked, function)("LON", lines, **({"reason": "counted"} if function == "adjust" else {}))


def test_the_place_of_the_line_is_told_whatever_its_number(stocked: Shop) -> None:
    with unchanged(stocked.db), fails("OS113", line=2, serial="P1"):
        stocked.move("LON", [phones("P5", line=7, **{"from": "A-2", "to": "P-1"}), phones("P1", line=3, **{"from": "A-2", "to": "P-1"})])


def test_a_product_of_pieces_has_whole_units_and_keeps_its_tracking(stocked: Shop) -> None:
    with refused(stocked.db, "22023", line=1, key="decimals", problem="must be 0 where tracking is serial"):
        stocked.put_products(lines=[{"sku": "WATCH", "decimals": 1}])
    with refused(stocked.db, "22023", line=1, key="decimals"):
        stocked.put_products(lines=[{"sku": "NEW", "name": "New", "tracking": "serial", "decimals": 2}])
    for sku, tracking in (("PHONE", "none"), ("PHONE", "lot")):
        with refused(stocked.db, "OS120", sku=sku):
            stocked.put_products(lines=[{"sku": sku, "tracking": tracking}])
    stocked.receive("LON", [{"sku": "APPLE", "qty": 1}])
    with refused(stocked.db, "OS120", sku="APPLE"):
        stocked.put_products(lines=[{"sku": "APPLE", "tracking": "serial"}])
    with refused(stocked.db, "22023", key="tracking", problem="must be none, lot or serial"):
        stocked.put_products(lines=[{"sku": "WATCH", "tracking": "batch"}])

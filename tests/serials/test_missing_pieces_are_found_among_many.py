"""short_pick and deallocate take pins off the right pieces, where lines share bins and have units in several."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Shop, columns, refused

from .pieces import phones, pieces


@pytest.fixture
def pinned(shop: Shop) -> Shop:
    """Of the order O1 line 1 has the phone P2 pinned in A-1 and P1 in A-2, line 2 P5 and P6 in A-1 and P4 in A-2, line 3 an apple in A-1, line 4 two watches in DEFAULT.

    P3 in A-1 and P7 in A-2 are free, as are the spares S1 to S4 in P-1.
    """
    shop.receive("LON", [phones("P1", "P2", "P3", "P4", "P5", "P6", "P7", location="A-1"), {"sku": "APPLE", "qty": 1, "location": "A-1"}, {"sku": "WATCH", "serials": ["P1", "P2"]}])
    shop.reserve("O1", [{"line": 1, "sku": "PHONE", "qty": 2}])
    shop.allocate("O1")
    shop.reserve("X", [{"sku": "PHONE", "qty": 1}])
    shop.allocate("X")
    lines = [("PHONE", 3), ("APPLE", 1), ("WATCH", 2)]
    shop.reserve("O1", [{"line": line, "sku": sku, "qty": qty} for line, (sku, qty) in enumerate(lines, 2)])
    shop.allocate("O1")
    shop.cancel("X")
    shop.move("LON", [phones("P4", "P1", "P7", **{"from": "A-1", "to": "A-2"})])
    shop.receive("LON", [phones("S1", "S2", "S3", "S4", location="P-1")])
    assert columns(shop.view("serials"), "sku", "serial", "location", "order_ref") == [
        ("PHONE", "P1", "A-2", "O1"),
        ("PHONE", "P2", "A-1", "O1"),
        ("PHONE", "P3", "A-1", None),
        ("PHONE", "P4", "A-2", "O1"),
        ("PHONE", "P5", "A-1", "O1"),
        ("PHONE", "P6", "A-1", "O1"),
        ("PHONE", "P7", "A-2", None),
        *[("PHONE", f"S{n}", "P-1", None) for n in (1, 2, 3, 4)],
        ("WATCH", "P1", "DEFAULT", "O1"),
        ("WATCH", "P2", "DEFAULT", "O1"),
    ]
    return shop


@pytest.mark.parametrize(
    ("entries", "missing"),
    [
        ([{"sku": "PHONE", "serials": ["P6", "P2"]}], [(1, ["P2"]), (2, ["P6"])]),
        ([{"sku": "PHONE", "serials": ["P2"]}], [(1, ["P2"])]),
        ([{"line": 2, "serials": ["P5"]}], [(2, ["P5"])]),
        ([{"line": 2, "qty": 2}], [(2, ["P5", "P6"])]),
        ([{"sku": "PHONE", "qty": 1}], [(2, ["P5"])]),
        ([{"sku": "PHONE", "qty": 3}], [(1, ["P2"]), (2, ["P5", "P6"])]),
        ([{"line": 2, "qty": 1}, {"line": 1, "serials": ["P2"]}], [(1, ["P2"]), (2, ["P5"])]),
    ],
    ids=["named", "of the older line", "of one line", "as many as there are", "the first of the newest line", "of both lines", "two entries"],
)
def test_it_is_the_named_pieces_of_the_bin_or_the_first_of_the_newest_line(pinned: Shop, entries: list[dict[str, Any]], missing: list[tuple[int, list[str]]]) -> None:
    rows = pinned.short_pick("O1", [entry | {"location": "A-1"} for entry in entries])
    for outcome in ("deallocated", "held"):
        assert columns([row for row in rows if row["outcome"] == outcome], "line", "location", "serials") == [(line, "A-1", names) for line, names in missing]
    held = [name for _, names in missing for name in names]
    assert [row[0] for row in pieces(pinned) if row[1:3] == ("A-1", "hold")] == held
    replaced = [row for row in rows if row["outcome"] == "allocated"]
    assert sum(row["qty"] for row in replaced) == len(held)
    assert {row["location"] for row in replaced} <= {"A-2", "P-1"}
    assert columns(pinned.view("reservations", order_ref="O1"), "line", "reserved", "allocated") == [(1, 2, 2), (2, 3, 3), (3, 1, 1), (4, 2, 2)]


@pytest.mark.parametrize(("serials", "line"), [(["P5", "P6"], 1), (["P2", "P6"], 2)], ids=["both", "the second"])
def test_the_first_entry_that_is_wrong_is_told(pinned: Shop, serials: list[str], line: int) -> None:
    """Line 1 has P2 pinned in A-1, and line 4 nothing."""
    with refused(pinned.db, "OS303", line=line, asked=1, allocated=0):
        pinned.short_pick("O1", [{"line": n, "location": "A-1", "serials": [serial]} for n, serial in zip((1, 4), serials, strict=True)])


@pytest.mark.parametrize(
    ("lines", "freed"),
    [
        ([{"line": 1, "qty": 1}], [(1, "A-2", ["P1"])]),
        ([{"line": 2, "qty": 2}], [(2, "A-1", ["P5"]), (2, "A-2", ["P4"])]),
        ([{"sku": "PHONE", "qty": 4}, {"sku": "WATCH", "qty": 1}], [(1, "A-1", ["P2"]), (1, "A-2", ["P1"]), (2, "A-1", ["P5"]), (2, "A-2", ["P4"]), (4, "DEFAULT", ["P1"])]),
        (None, [(1, "A-1", ["P2"]), (1, "A-2", ["P1"]), (2, "A-1", ["P5", "P6"]), (2, "A-2", ["P4"]), (3, "A-1", None), (4, "DEFAULT", ["P1", "P2"])]),
    ],
    ids=["one of two bins", "from two bins", "of two lines", "all"],
)
def test_of_a_lines_pins_the_first_pieces_of_each_bin_are_freed(pinned: Shop, lines: list[dict[str, Any]] | None, freed: list[tuple[Any, ...]]) -> None:
    assert columns(pinned.deallocate("O1", lines, op_id="freed"), "line", "location", "serials") == freed
    entries = sorted(pinned.view("ledger", op_id="freed"), key=lambda row: row["entry_id"])
    assert columns(entries, "line", "location") == [row[:2] for row in freed]


def test_a_shipment_takes_what_is_pinned_to_its_lines_and_leaves_free_pieces_beside_it(pinned: Shop) -> None:
    rows = pinned.ship("O1", [{"line": 2}, {"line": 4, "qty": 1}])
    assert columns(rows, "line", "location", "serials") == [(2, "A-1", ["P5", "P6"]), (2, "A-2", ["P4"]), (4, "DEFAULT", ["P1"])]
    assert columns(pinned.ship("O1"), "line", "location", "serials") == [(1, "A-1", ["P2"]), (1, "A-2", ["P1"]), (3, "A-1", None), (4, "DEFAULT", ["P2"])]
    assert {row[0] for row in pieces(pinned) if row[3] == "in_stock"} == {"P3", "P7", "S1", "S2", "S3", "S4"}

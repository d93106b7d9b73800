"""Units are received in pallets, totes and cartons, taken out of them, and moved with them; what one holds lies at one location."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.concurrency.sessions import ALL_LEVELS, NEVER, READ_COMMITTED, SNAPSHOT_LEVELS, Session
from tests.support import Connect, Shop, columns, fails, refused

each_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """In A-1: the pallet H1 with 6 APPLE and 2 MILK of L1, and 5 loose APPLE. In the end all is as verify wants it."""
    shop.receive(
        "LON",
        [
            {"sku": "APPLE", "qty": 6, "location": "A-1", "handling_unit": "H1"},
            {"sku": "MILK", "qty": 2, "location": "A-1", "lot": "L1", "handling_unit": " H1 "},
            {"sku": "APPLE", "qty": 5, "location": "A-1"},
        ],
    )
    yield shop
    assert shop.differences() == []


def bins(shop: Shop) -> list[tuple[Any, ...]]:
    rows = columns(shop.view("bins"), "sku", "location", "handling_unit", "on_hand", "allocated")
    return sorted(rows, key=lambda row: (row[0], row[1], row[2] or ""))


def test_units_in_a_pallet_are_apart_from_loose_ones(shop: Shop) -> None:
    assert bins(shop) == [("APPLE", "A-1", None, 5, 0), ("APPLE", "A-1", "H1", 6, 0), ("MILK", "A-1", "H1", 2, 0)]
    rows = shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1", "handling_unit": "H1"}])
    assert columns(rows, "location", "handling_unit", "qty") == [("A-1", "H1", 1)]
    assert columns(shop.view("ledger", sku="APPLE"), "handling_unit", "qty_delta") == [("H1", 6), (None, 5), ("H1", 1)]


def test_a_unit_is_of_the_kind_that_it_was_first_received_as(shop: Shop) -> None:
    for kind in ("carton", "tote"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 1, "handling_unit": "H2", "handling_unit_kind": kind}])
    kinds = shop.db.execute("select code, kind from openstock_core.handling_unit order by 1").fetchall()
    assert kinds == [("H1", "pallet"), ("H2", "carton")]
    with refused(shop.db, "22023", line=1, key="handling_unit_kind"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 1, "handling_unit": "H3", "handling_unit_kind": "lorry"}])


@pytest.mark.parametrize("kind", ["tote", "lorry"])
@pytest.mark.parametrize("other", [{}, {"handling_unit": "H3"}], ids=["no line names a unit", "another line does"])
def test_a_kind_is_that_of_a_unit(shop: Shop, kind: str, other: dict[str, Any]) -> None:
    with refused(shop.db, "22023", line=2, key="handling_unit_kind", problem="needs a handling_unit"):
        shop.receive("LON", [{"sku": "RICE", "qty": 1} | other, {"sku": "APPLE", "qty": 1, "handling_unit_kind": kind}])


def test_nothing_enters_a_unit_whose_other_units_are_elsewhere(shop: Shop) -> None:
    for warehouse, location in (("LON", "A-2"), ("BER", "DEFAULT")):
        with refused(shop.db, "OS115", line=2, handling_unit="H1", warehouse="LON", location="A-1"):
            shop.receive(warehouse, [{"sku": "RICE", "qty": 1}, {"sku": "RICE", "qty": 1, "location": location, "handling_unit": "H1"}])
    with refused(shop.db, "OS115", line=2, handling_unit="H2", location="A-1"):
        shop.receive("LON", [{"sku": "RICE", "qty": 1, "location": place, "handling_unit": "H2"} for place in ("A-1", "A-2")])
    with refused(shop.db, "OS115", line=1, handling_unit="H1"):
        shop.adjust("LON", [{"sku": "RICE", "qty": 1, "location": "A-2", "handling_unit": "H1"}], reason="found")


def test_units_that_come_in_together_may_lie_apart(shop: Shop) -> None:
    lines = [{"sku": sku, "qty": 1, "location": place, "handling_unit": unit} for sku, place, unit in [("RICE", "A-2", "H3"), ("RICE", "P-1", "H2"), ("APPLE", "A-2", "H3")]]
    assert columns(shop.receive("LON", lines), "location", "handling_unit", "sku") == [("A-2", "H3", "RICE"), ("P-1", "H2", "RICE"), ("A-2", "H3", "APPLE")]


@pytest.mark.parametrize(
    ("places", "detail"),
    [
        ([("H1", "A-2"), ("H1", "P-1")], {"line": 1, "handling_unit": "H1", "location": "A-1"}),
        ([("H2", "A-2"), ("H2", "P-1"), ("H1", "A-2")], {"line": 2, "handling_unit": "H2", "location": "A-2"}),
    ],
)
def test_of_several_lines_that_do_not_fit_the_first_is_told(shop: Shop, places: list[tuple[str, str]], detail: dict[str, Any]) -> None:
    with refused(shop.db, "OS115", **detail):
        shop.receive("LON", [{"sku": "RICE", "qty": 1, "handling_unit": unit, "location": place} for unit, place in places])
    with refused(shop.db, "22023", line=2, key="handling_unit_kind"):
        shop.receive("LON", [{"sku": "RICE", "qty": 1, "handling_unit": "H3", "handling_unit_kind": kind} for kind in ("tote", "lorry", "van")])


def test_a_count_that_finds_nothing_of_a_unit_says_nothing_of_where_it_lies(shop: Shop) -> None:
    """H1 lies in A-1, and H2 nowhere until the second line puts it into P-1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-2", "handling_unit": "H2"}])
    shop.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-2", "handling_unit": "H2"}], reason="lost")
    nothing = {"sku": "APPLE", "location": "A-2", "set_to": 0, "expected": 0}
    shop.adjust("LON", [nothing | {"handling_unit": "H2"}, {"sku": "APPLE", "location": "P-1", "qty": 3, "handling_unit": "H2"}, nothing | {"handling_unit": "H1"}], reason="counted")
    assert bins(shop) == [("APPLE", "A-1", None, 5, 0), ("APPLE", "A-1", "H1", 6, 0), ("APPLE", "P-1", "H2", 3, 0), ("MILK", "A-1", "H1", 2, 0)]


def test_an_empty_unit_is_used_again_anywhere(shop: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": -6, "location": "A-1", "handling_unit": "H1"}, {"sku": "MILK", "lot": "L1", "qty": -2, "location": "A-1", "handling_unit": "H1"}]
    shop.adjust("LON", lines, reason="lost")
    shop.receive("BER", [{"sku": "APPLE", "qty": 3, "handling_unit": "H1"}])
    assert bins(shop) == [("APPLE", "A-1", None, 5, 0), ("APPLE", "DEFAULT", "H1", 3, 0)]


def test_what_is_taken_out_becomes_loose(shop: Shop) -> None:
    rows = shop.move("LON", [{"sku": "APPLE", "qty": 4, "from": "A-1", "to": "A-1", "handling_unit": "H1"}, {"sku": "MILK", "lot": "L1", "qty": 1, "from": "A-1", "to": "A-2", "handling_unit": "H1"}])
    assert columns(rows, "location", "handling_unit", "qty") == [("A-1", "H1", -4), ("A-1", None, 4), ("A-1", "H1", -1), ("A-2", None, 1)]
    assert bins(shop) == [("APPLE", "A-1", None, 9, 0), ("APPLE", "A-1", "H1", 2, 0), ("MILK", "A-1", "H1", 1, 0), ("MILK", "A-2", None, 1, 0)]


def test_a_unit_moves_with_all_it_holds_pins_and_pieces_too(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P1", "P2"], "location": "A-1", "handling_unit": "H1"}])
    shop.reserve("O1", [{"sku": "PHONE", "qty": 1}, {"sku": "APPLE", "qty": 8}])
    shop.allocate("O1")
    shop.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-1", "handling_unit": "H1"}], reason="lost")
    rows = shop.move("LON", [{"line": 7, "handling_unit": "H1", "to": "P-1"}])
    assert {(row["line"], row["handling_unit"], row["location"]) for row in rows} == {(7, "H1", "A-1"), (7, "H1", "P-1")}
    assert bins(shop) == [("APPLE", "A-1", None, 5, 2), ("APPLE", "P-1", "H1", 5, 5), ("MILK", "P-1", "H1", 2, 0), ("PHONE", "P-1", "H1", 2, 1)]
    assert columns(shop.view("serials"), "serial", "location", "order_ref") == [("P1", "P-1", "O1"), ("P2", "P-1", None)]


def test_units_move_in_the_order_in_which_they_are_named_and_what_they_hold_in_the_order_in_which_it_came(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    for sku, more in [("RICE", {"qty": 2}), ("PHONE", {"serials": ["P2", "P1"]}), ("APPLE", {"qty": 4})]:
        shop.receive("LON", [{"sku": sku, **more, "location": "A-2", "handling_unit": "H2"}, {"sku": sku, "location": "A-1", **({"serials": ["P3"]} if sku == "PHONE" else {"qty": 1})}])
    rows = shop.move("LON", [{"handling_unit": "H2", "to": "Q-1"}, {"handling_unit": "H1", "to": "P-1"}])
    assert columns(rows, "line", "sku", "handling_unit", "location", "qty", "serials") == [
        (line, sku, unit, place, sign * qty, serials)
        for line, sku, unit, old, new, qty, serials in [
            (1, "RICE", "H2", "A-2", "Q-1", 2, None),
            (1, "PHONE", "H2", "A-2", "Q-1", 2, ["P1", "P2"]),
            (1, "APPLE", "H2", "A-2", "Q-1", 4, None),
            (2, "APPLE", "H1", "A-1", "P-1", 6, None),
            (2, "MILK", "H1", "A-1", "P-1", 2, None),
        ]
        for place, sign in ((old, -1), (new, 1))
    ]
    assert columns(shop.view("serials"), "serial", "location") == [("P1", "Q-1"), ("P2", "Q-1"), ("P3", "A-1")]


@pytest.mark.parametrize(
    ("units", "code", "detail"),
    [(("H9", "H8"), "OS114", {"line": 1, "handling_unit": "H9"}), (("H1", "H2"), "OS201", {"line": 2, "handling_unit": "H2", "on_hand": 0})],
    ids=["unknown", "empty"],
)
def test_of_several_units_the_first_that_cannot_move_is_told(shop: Shop, units: tuple[str, str], code: str, detail: dict[str, Any]) -> None:
    shop.receive("BER", [{"sku": "RICE", "qty": 1, "handling_unit": "H2"}])
    with refused(shop.db, code, **detail):
        shop.move("LON", [{"handling_unit": unit, "to": "A-2"} for unit in units])


def test_pieces_that_lie_beside_a_unit_stay_where_they_are(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P1"], "location": "A-1"}, {"sku": "PHONE", "serials": ["P2"], "location": "A-1", "handling_unit": "H1"}])
    rows = shop.move("LON", [{"handling_unit": "H1", "to": "P-1"}])
    assert [row["serials"] for row in rows if row["sku"] == "PHONE"] == [["P2"], ["P2"]]
    assert columns(shop.view("serials"), "serial", "location") == [("P1", "A-1"), ("P2", "P-1")]


def test_missing_units_are_no_part_of_the_pallet_any_more(shop: Shop) -> None:
    shop.reserve("O1", [{"sku": "MILK", "qty": 2}])
    assert columns(shop.allocate("O1"), "location", "handling_unit", "qty") == [("A-1", "H1", 2)]
    rows = shop.short_pick("O1", [{"line": 1, "location": "A-1", "qty": 1}])
    assert columns(rows, "outcome", "handling_unit") == [("deallocated", "H1"), ("held", None), ("short", None)]
    shop.move("LON", [{"handling_unit": "H1", "to": "A-2"}])
    assert [row for row in bins(shop) if row[0] == "MILK"] == [("MILK", "A-1", None, 1, 0), ("MILK", "A-2", "H1", 1, 1)]
    assert columns(shop.ship("O1", [{"line": 1, "qty": 1}]), "location", "handling_unit") == [("A-2", "H1")]


@pytest.mark.parametrize(
    ("lines", "code", "detail"),
    [
        ([{"handling_unit": "H9", "to": "A-2"}], "OS114", {"handling_unit": "H9"}),
        ([{"handling_unit": "H1"}], "22023", {"key": "to", "problem": "missing"}),
        ([{"handling_unit": "H1", "to": "A-1"}], "22023", {"problem": "must go to another bin or status"}),
        ([{"handling_unit": "H1", "to": "Z-9"}], "OS105", {"location": "Z-9"}),
        ([{"handling_unit": "H1", "to": "A-2", "qty": 1}], "22023", {}),
        ([{"handling_unit": "H1", "to": "A-2"}, {"handling_unit": "H1", "to": "P-1"}], "22023", {"key": "handling_unit"}),
        ([{"sku": "APPLE", "qty": 1, "handling_unit": "H1", "from": "A-1", "to": "A-2"}, {"handling_unit": "H1", "to": "P-1"}], "22023", {}),
        ([{"sku": "APPLE", "qty": 1, "handling_unit": "H9", "from": "A-1", "to": "A-2"}], "OS114", {"handling_unit": "H9"}),
        ([{"sku": "APPLE", "qty": 7, "handling_unit": "H1", "from": "A-1", "to": "A-2"}], "OS201", {"on_hand": 6}),
        ([{"sku": "APPLE", "qty": 1, "handling_unit": "H1", "from": "A-2", "to": "A-1"}], "OS201", {"on_hand": 0}),
        ([{"to": "A-2"}], "22023", {"key": "qty", "problem": "missing"}),
    ],
)
def test_what_cannot_be_moved_is_named(shop: Shop, db: psycopg.Connection, lines: list[dict[str, Any]], code: str, detail: dict[str, Any]) -> None:
    with refused(db, code, line=1, **detail):
        shop.move("LON", lines)


def test_a_unit_of_another_warehouse_is_not_moved(shop: Shop) -> None:
    with refused(shop.db, "OS201", line=1, handling_unit="H1", on_hand=0):
        shop.move("BER", [{"handling_unit": "H1", "to": "DEFAULT"}])


@each_level
@pytest.mark.parametrize(("function", "more"), [("receive", {}), ("adjust", {"reason": "found"})], ids=["receive", "adjust"])
def test_a_unit_is_not_filled_while_it_moves(shop: Shop, connect: Connect, level: IsolationLevel, function: str, more: dict[str, str]) -> None:
    """What is received for where it was meets where it is: also units of a product that it did not hold."""
    with Session(connect("app", autocommit=False), shop.db, READ_COMMITTED) as mover, Session(connect("app", autocommit=False), shop.db, level) as receiver:
        mover.move("LON", [{"handling_unit": "H1", "to": "A-2"}])
        receiver.look()
        waiting = receiver.blocked(function, "LON", [{"sku": "RICE", "qty": 1, "location": "A-1", "handling_unit": "H1"}], **more)
        mover.commit()
        with pytest.raises(psycopg.Error) as raised:
            waiting.result(NEVER)
        assert raised.value.sqlstate == ("OS115" if level is READ_COMMITTED else "40001")


@each_level
def test_what_leaves_a_unit_meanwhile_stays_behind(shop: Shop, connect: Connect, level: IsolationLevel) -> None:
    with Session(connect("app", autocommit=False), shop.db, READ_COMMITTED) as sender, Session(connect("app", autocommit=False), shop.db, level) as mover:
        shop.reserve("O1", [{"sku": "MILK", "qty": 2}])
        sender.ship("O1")
        mover.look()
        waiting = mover.blocked("move", "LON", [{"handling_unit": "H1", "to": "A-2"}])
        sender.commit()
        if level is READ_COMMITTED:
            assert {row["sku"] for row in waiting.result(NEVER)} == {"APPLE"}
            mover.commit()
        else:
            with pytest.raises(psycopg.errors.SerializationFailure):
                waiting.result(NEVER)


@pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)
def test_an_older_snapshot_does_not_refuse_what_fits_since_the_rest_has_left(shop: Shop, connect: Connect, level: IsolationLevel) -> None:
    shop.reserve("O1", [{"sku": "MILK", "qty": 2}, {"sku": "APPLE", "qty": 11}])
    with Session(connect("app", autocommit=False), shop.db, level) as older:
        older.look()
        shop.ship("O1")
        with pytest.raises(psycopg.errors.SerializationFailure):
            older.receive("LON", [{"sku": "RICE", "qty": 1, "location": "A-2", "handling_unit": "H1"}])


@pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)
def test_what_becomes_of_other_bins_meanwhile_does_not_matter_to_who_fills_a_unit_that_lies_elsewhere(shop: Shop, connect: Connect, level: IsolationLevel) -> None:
    with Session(connect("app", autocommit=False), shop.db, level) as older:
        older.look()
        shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}])
        with fails("OS115", handling_unit="H1", location="A-1"):
            older.receive("LON", [{"sku": "RICE", "qty": 1, "location": "A-2", "handling_unit": "H1"}])


@each_level
def test_who_fills_a_unit_that_lies_elsewhere_does_not_wait_for_what_leaves_it(shop: Shop, connect: Connect, level: IsolationLevel) -> None:
    shop.reserve("O1", [{"sku": "MILK", "qty": 1}])
    with Session(connect("app", autocommit=False), shop.db, READ_COMMITTED) as sender, Session(connect("app", autocommit=False), shop.db, level) as receiver:
        sender.ship("O1")
        with fails("OS115", handling_unit="H1", location="A-1"):
            receiver.unhindered("receive", "LON", [{"sku": "RICE", "qty": 1, "location": "A-2", "handling_unit": "H1"}])
        sender.commit()

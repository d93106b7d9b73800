"""A line may name pieces: these are promised and pinned in one step, nobody else gets them, and no others go in their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import IsolationLevel

from tests.concurrency.sessions import ALL_LEVELS, NEVER, READ_COMMITTED, Session
from tests.serials.pieces import phones
from tests.support import Clock, Connect, Shop, columns, fails, refused


@pytest.fixture
def stocked(shop: Shop) -> Iterator[Shop]:
    """P1 to P4 of PHONE in A-1 of LON, P5 and P6 in A-2, P7 in Berlin; in the end all is as verify wants it."""
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    shop.put_products(lines=[{"sku": "SET", "name": "Set"}])
    shop.put_kits(lines=[{"sku": "SET", "components": [{"sku": "PHONE", "qty": 1}]}])
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P1", "P2", "P3", "P4"], "location": "A-1"}])
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P5", "P6"], "location": "A-2"}])
    shop.receive("BER", [{"sku": "PHONE", "serials": ["P7"]}])
    yield shop
    assert shop.differences() == []


def pinned(shop: Shop) -> dict[str, str]:
    """Which order has which piece pinned."""
    return {row["serial"]: row["order_ref"] for row in shop.view("serials", sku="PHONE") if row["state"] == "allocated"}


def test_pieces_are_promised_and_pinned_in_one_step_wherever_they_lie(stocked: Shop) -> None:
    answer = stocked.reserve("O1", [phones("P2", "P6", "P7")])
    assert columns(answer, "line", "warehouse", "outcome", "qty_reserved") == [(1, "BER", "reserved", 1), (1, "LON", "reserved", 2)]
    assert pinned(stocked) == {"P2": "O1", "P6": "O1", "P7": "O1"}
    assert columns(stocked.view("reservations"), "warehouse", "serials", "reserved", "allocated") == [
        ("BER", ["P7"], 1, 1),
        ("LON", ["P2", "P6"], 2, 2),
    ]
    assert stocked.reserve("O1", [phones("P2", "P6", "P7")], op_id="again")[0]["outcome"] == "rejected"


def test_lines_of_one_order_name_pieces_and_take_others(stocked: Shop) -> None:
    """Those that name pieces choose first, whichever line comes first."""
    lines = [{"sku": "PHONE", "qty": 3, "warehouse": "LON", "location": "A-1"}, phones("P1"), phones("P5"), {"sku": "PHONE", "qty": 2}]
    assert {row["outcome"] for row in stocked.reserve("O1", lines)} == {"reserved"}
    assert pinned(stocked) == dict.fromkeys(["P1", "P2", "P3", "P4", "P5"], "O1")
    assert columns(stocked.view("reservations", line=2), "serials") == [(["P1"],)]
    stocked.ship("O1")
    assert {row["state"] for row in stocked.view("serials")} == {"gone"}


def test_each_line_keeps_the_names_of_its_own_pieces(stocked: Shop) -> None:
    stocked.reserve("O1", [phones("P1", line=1), phones("P2", "P3", line=2)])
    assert columns(stocked.view("reservations"), "line", "serials", "allocated") == [(1, ["P1"], 1), (2, ["P2", "P3"], 2)]
    stocked.reserve("O2", [phones("P6", line=1), phones("P5", line=2)])
    assert columns(stocked.view("reservations", order_ref="O2"), "line", "serials", "allocated") == [(1, ["P6"], 1), (2, ["P5"], 1)]


def test_what_another_has_is_short(stocked: Shop) -> None:
    stocked.reserve("O1", [phones("P1", "P2")])
    [row] = stocked.reserve("O2", [phones("P2", "P3", "P7")])
    assert (row["outcome"], row["qty_ordered"], row["qty_short"], row["available"]) == ("rejected", 3, 1, 2)
    assert row["offers"] == [{"warehouse": "LON", "available": 1}, {"warehouse": "BER", "available": 1}]
    with refused(stocked.db, "OS201"):
        stocked.reserve("O2", [phones("P2")], on_shortage="error")
    rows = stocked.reserve("O2", [phones("P2", "P3")], on_shortage="partial")
    assert columns(rows, "outcome", "qty_reserved", "qty_short") == [("reserved", 1, 0), ("short", 0, 1)]
    assert columns(stocked.view("reservations", order_ref="O2"), "serials") == [(["P3"],)]


def test_pieces_that_are_nowhere_elsewhere_or_held_are_short(stocked: Shop) -> None:
    stocked.adjust("LON", [phones("P1", qty=-1, location="A-1")], reason="stolen")
    stocked.move("LON", [{**phones("P2"), "from": "A-1", "to": "A-1", "to_status": "damaged"}])
    for line in (phones("P1"), phones("P2"), phones("P3", warehouse="BER"), phones("P3", warehouse="LON", location="A-2")):
        [row] = stocked.reserve("O1", [line])
        assert (row["outcome"], row["qty_short"], row["offers"]) == ("rejected", 1, [])
    assert pinned(stocked) == {}


def test_a_piece_is_not_promised_where_all_is_promised_without_names(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "PHONE", "qty": 6, "warehouse": "LON"}])
    assert columns(stocked.reserve("O2", [phones("P1")]), "outcome", "available") == [("rejected", 0)]
    stocked.release("O1", [{"sku": "PHONE", "qty": 1}])
    assert columns(stocked.reserve("O2", [phones("P1")]), "outcome") == [("reserved",)]
    assert [row["serials"] for row in stocked.allocate("O1")] == [["P2", "P3", "P4"], ["P5", "P6"]]


def test_it_does_not_wait_for_stock(stocked: Shop) -> None:
    stocked.put_products(lines=[{"sku": "PHONE", "backorder": "unlimited"}])
    stocked.reserve("O1", [phones("P1")])
    assert columns(stocked.reserve("O2", [phones("P1")], on_shortage="backorder"), "outcome") == [("rejected",)]


def test_a_hold_that_ended_keeps_no_piece(stocked: Shop, clock: Clock) -> None:
    stocked.reserve("CART", [phones("P1", "P2")], ttl="1 hour")
    stocked.reserve("ALIVE", [phones("P3")], ttl="3 hours")
    assert {row["outcome"] for row in stocked.quote([phones("P1")])} == {"rejected"}
    clock.advance(hours=2)
    assert columns(stocked.quote([phones("P1", "P3", warehouse="LON")]), "outcome", "qty", "qty_short") == [("chosen", 1, 1)]
    assert columns(stocked.reserve("O1", [phones("P1")]), "outcome") == [("reserved",)]
    assert pinned(stocked) == {"P1": "O1", "P3": "ALIVE"}


def test_the_wish_stays_with_the_line(stocked: Shop) -> None:
    """Who allocates after a loss gets the piece again once it is found, and no other; ship sends no other."""
    stocked.reserve("O1", [phones("P1", "P2")])
    with refused(stocked.db, "22023", problem="it asks for a location, a lot, days left or serials, and stays pinned as long as it is promised"):
        stocked.deallocate("O1", [{"line": 1, "qty": 1}])
    assert stocked.deallocate("O1") == []
    stocked.short_pick("O1", [{"sku": "PHONE", "location": "A-1", "serials": ["P1"]}])
    assert pinned(stocked) == {"P2": "O1"}
    assert columns(stocked.allocate("O1"), "outcome", "qty") == [("short", 1)]
    with refused(stocked.db, "OS201"):
        stocked.ship("O1")
    with refused(stocked.db, "22023", key="serials", problem="the line asks for other pieces"):
        stocked.ship("O1", [{"sku": "PHONE", "serials": ["P3"]}])
    stocked.move("LON", [{**phones("P1"), "from": "A-1", "to": "A-2", "status": "hold", "to_status": "available"}])
    stocked.reserve("O2", [{"sku": "PHONE", "qty": 4}])
    assert [row["serials"] for row in stocked.allocate("O1")] == [["P1"]]
    assert [row["serials"] for row in stocked.ship("O1")] == [["P2"], ["P1"]]


def test_a_piece_that_came_back_is_sent_by_name_without_having_been_pinned_again(stocked: Shop) -> None:
    stocked.reserve("O1", [phones("P1", "P2"), {"sku": "PHONE", "qty": 1}])
    stocked.adjust("LON", [phones("P1", qty=-1, location="A-1")], reason="lent")
    stocked.receive("LON", [phones("P1")])
    rows = stocked.ship("O1", [{"sku": "PHONE", "serials": ["P1", "P6"]}])
    assert columns(rows, "line", "serials") == [(1, ["P1"]), (2, ["P6"])]


def test_amend_gives_pieces_back_and_adds_none(stocked: Shop) -> None:
    stocked.reserve("O1", [phones("P1", "P2")])
    with refused(stocked.db, "22023", key="qty", problem="the line asks for certain pieces: reserve more of them as another line"):
        stocked.amend("O1", [{"line": 1, "qty": 3}])
    stocked.amend("O1", [{"line": 1, "qty": 1}])
    assert len(pinned(stocked)) == 1
    stocked.reserve("O1", [phones("P5")])
    assert stocked.cancel("O1") != []
    assert pinned(stocked) == {}


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        (phones("P9"), "OS111", {"line": 1, "sku": "PHONE", "serial": "P9"}),
        (phones("P1", "P1"), "22023", {"line": 1, "key": "serials", "problem": "names a piece a second time", "serial": "P1"}),
        (phones("P1", "P2", qty=1), "OS112", {"line": 1, "qty": 1, "serials": 2, "problem": "must be as many as units"}),
        ({"sku": "APPLE", "serials": ["P1"]}, "OS112", {"line": 1, "problem": "the product is not tracked by serial"}),
        ({"sku": "SET", "serials": ["P1"]}, "22023", {"line": 1, "key": "serials"}),
        (phones(), "22023", {"line": 1, "key": "serials"}),
        ({"sku": "PHONE"}, "22023", {"line": 1, "key": "qty", "problem": "missing"}),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
def test_a_bad_wish_changes_nothing(stocked: Shop, line: dict[str, Any], code: str, detail: dict[str, Any]) -> None:
    with refused(stocked.db, code, **detail):
        stocked.reserve("O1", [line])
    with fails(code, **detail):
        stocked.quote([line])


def test_two_lines_cannot_name_one_piece(stocked: Shop) -> None:
    with refused(stocked.db, "22023", line=2, key="serials", problem="names a piece a second time", serial="P2"):
        stocked.reserve("O1", [phones("P1", "P2"), phones("P2", "P3")])


def test_a_strategy_that_chooses_warehouses_needs_one_for_them(stocked: Shop) -> None:
    with refused(stocked.db, "22023", argument="strategy", problem="lines that ask for a lot, days left or serials must name a warehouse"):
        stocked.reserve("O1", [phones("P1")], strategy="fewest_splits")
    assert columns(stocked.reserve("O1", [phones("P1", warehouse="LON")], strategy="ship_complete"), "outcome") == [("reserved",)]


@pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
def test_of_two_who_want_one_piece_one_gets_it(stocked: Shop, connect: Connect, level: IsolationLevel) -> None:
    with (
        Session(connect("app", autocommit=False), stocked.db, READ_COMMITTED) as first,
        Session(connect("app", autocommit=False), stocked.db, level) as second,
    ):
        first.reserve("O1", [phones("P1", "P5")])
        second.look()
        waiting = second.blocked("reserve", "O2", [phones("P5")])
        first.commit()
        if level is READ_COMMITTED:
            assert columns(waiting.result(NEVER), "outcome", "available") == [("rejected", 0)]
        else:
            with pytest.raises(psycopg.errors.SerializationFailure):
                waiting.result(NEVER)
        second.rollback()
    assert pinned(stocked) == {"P1": "O1", "P5": "O1"}


SERIALS = [f"P{n}" for n in range(1, 8)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    orders=st.lists(
        st.one_of(
            st.lists(st.sampled_from(SERIALS), min_size=1, max_size=4, unique=True),
            st.integers(1, 4),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_who_asks_gets_those_pieces_or_nothing(stocked: Shop, orders: list[list[str] | int]) -> None:
    """Against a list of who has what: a line of names is served where all are free and enough is left unpromised at each place."""
    home = {serial: "BER" if serial == "P7" else "LON" for serial in SERIALS}
    left = {"LON": 6, "BER": 1}
    owner: dict[str, str] = {}
    with stocked.connection.transaction(force_rollback=True):
        for number, wish in enumerate(orders):
            order_ref = f"H{number}"
            if isinstance(wish, int):
                outcome = stocked.reserve(order_ref, [{"sku": "PHONE", "qty": wish}])
                assert (outcome[0]["outcome"] == "reserved") == (wish <= sum(left.values()))
                for row in outcome:
                    if row["outcome"] == "reserved":
                        left[row["warehouse"]] -= int(row["qty_reserved"])
                continue
            outcome = stocked.reserve(order_ref, [phones(*wish)])
            need = {place: sum(home[serial] == place for serial in wish) for place in left}
            fits = not any(serial in owner for serial in wish) and all(need[place] <= left[place] for place in left)
            assert (outcome[0]["outcome"] == "reserved") == fits
            if fits:
                owner |= dict.fromkeys(wish, order_ref)
                left = {place: left[place] - need[place] for place in left}
            assert pinned(stocked) == owner

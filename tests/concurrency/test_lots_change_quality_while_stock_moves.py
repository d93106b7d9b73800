"""A lot is put on hold while its units come in, are promised and picked: none is left unblocked, none pinned, and nobody deadlocks."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from ..support import Shop, columns
from .sessions import ALL_LEVELS, NEVER, OpenSession, unlocked

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
MILK = {"sku": "MILK", "lot": "L1", "qty": 2}
COMES_IN: list[tuple[str, dict[str, Any]]] = [
    ("receive", {"warehouse": "LON", "lines": [MILK | {"location": "A-1"}]}),
    ("receive", {"warehouse": "BER", "lines": [MILK]}),
    ("move", {"warehouse": "LON", "lines": [MILK | {"to": "A-1"}]}),
    ("adjust", {"warehouse": "LON", "lines": [MILK | {"location": "A-1"}], "reason": "found"}),
]
each_way_in = pytest.mark.parametrize(("function", "request_"), COMES_IN, ids=[f"{function} {request['warehouse']}" for function, request in COMES_IN])
HOLD = [{"sku": "MILK", "lot": "L1", "quality": "hold"}]


@pytest.fixture
def dairy(shop: Shop) -> Shop:
    """Five of L1 in the default bin in London, none in Berlin; three of L2 in A-2."""
    shop.receive("LON", [MILK | {"qty": 5}, {"sku": "MILK", "lot": "L2", "qty": 3, "location": "A-2"}])
    return shop


def held(shop: Shop) -> list[tuple[Any, ...]]:
    """Units of the lot, and those of them that are not blocked."""
    return [(sum(row["on_hand"] for row in shop.view("bins", lot="L1")), sum(row["on_hand"] - row["blocked"] for row in shop.view("bins", lot="L1")))]


@each_way_in
def test_units_that_come_in_first_are_blocked_with_the_others(dairy: Shop, session: OpenSession, function: str, request_: dict[str, Any]) -> None:
    one, two = session(), session()
    one.later(function, **request_).result()
    waiting = two.blocked("put_lots", lines=HOLD)
    one.commit()
    units = 5 if function == "move" else 7
    assert columns(two.outcome(waiting, "put_lots"), "qty_blocked") == [(units,)]
    assert held(dairy) == [(units, 0)]
    assert dairy.differences() == []


@each_way_in
@every_level
def test_units_that_come_in_next_are_blocked_as_they_come(
    dairy: Shop, session: OpenSession, level: IsolationLevel, function: str, request_: dict[str, Any]
) -> None:
    one, two = session(), session(level)
    one.put_lots(lines=HOLD)
    waiting = two.blocked(function, **request_)
    one.commit()
    two.outcome(waiting, function, **request_)
    assert held(dairy) == [(5 if function == "move" else 7, 0)]
    assert dairy.differences() == []


@pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
def test_who_reserves_next_is_promised_other_lots(dairy: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(), session(level)
    one.put_lots(lines=HOLD)
    request = {"order_ref": "O1", "lines": [{"sku": "MILK", "qty": 4}], "on_shortage": "partial"}
    waiting = two.blocked("reserve", **request)
    one.commit()
    assert columns(two.outcome(waiting, "reserve", **request), "outcome", "qty_reserved", "qty_short") == [("reserved", 3, 0), ("short", 0, 1)]
    assert dairy.differences() == []


def test_what_was_promised_first_stays_promised_and_is_short(dairy: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    one.reserve("O1", [{"sku": "MILK", "qty": 7}])
    waiting = two.blocked("put_lots", lines=HOLD)
    one.commit()
    assert columns(two.outcome(waiting, "put_lots"), "qty_blocked", "qty_deallocated") == [(5, 0)]
    assert columns(dairy.view("shortages"), "qty_short") == [(4,)]


def test_a_bin_that_is_emptied_first_is_left_alone(dairy: Shop, session: OpenSession) -> None:
    dairy.reserve("O1", [{"sku": "MILK", "lot": "L1", "qty": 5}])
    one, two = session(), session()
    one.ship("O1")
    waiting = two.blocked("put_lots", lines=HOLD)
    one.commit()
    assert columns(two.outcome(waiting, "put_lots"), "qty_blocked") == [(0,)]
    assert dairy.entries("event_type", lot="L1") == [("RECEIPT",), ("ALLOCATE",), ("SHIP",)]
    assert dairy.differences() == []


@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
def test_pins_that_a_picker_just_put_are_taken_off(dairy: Shop, session: OpenSession, commits: bool) -> None:
    dairy.reserve("O1", [{"sku": "MILK", "qty": 2}])
    picker, two = session(), session()
    assert columns(picker.allocate("O1"), "lot") == [("L1",)]
    waiting = two.blocked("put_lots", lines=HOLD)
    picker.commit() if commits else picker.rollback()
    assert columns(two.outcome(waiting, "put_lots"), "qty_deallocated") == [(2 if commits else 0,)]
    assert columns(dairy.view("reservations"), "reserved", "allocated") == [(2, 0)]
    assert dairy.differences() == []


def test_a_picker_who_comes_next_takes_other_lots(dairy: Shop, session: OpenSession) -> None:
    dairy.reserve("O1", [{"sku": "MILK", "qty": 4}])
    one, picker = session(), session()
    one.put_lots(lines=HOLD)
    waiting = picker.blocked("allocate", "O1")
    one.commit()
    assert columns(picker.outcome(waiting, "allocate", "O1"), "lot", "outcome", "qty") == [("L2", "allocated", 3), (None, "short", 1)]
    assert dairy.differences() == []


def test_levels_and_bins_are_locked_in_their_order(shop: Shop, db: psycopg.Connection, session: OpenSession) -> None:
    shop.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    for sku in ("MILK", "CREAM"):
        for location in ("A-2", "A-1"):
            shop.receive("LON", [{"sku": sku, "lot": "L1", "qty": 5, "location": location}])
    lines = [{"sku": sku, "lot": "L1", "quality": "hold"} for sku in ("CREAM", "MILK")]
    shop.reserve("O1", [{"sku": "MILK", "qty": 10}])
    bins = [row[0] for row in db.execute("select bin_id from openstock_core.stock_bin order by 1").fetchall()]
    products = [row[0] for row in db.execute("select product_id from openstock_core.stock_level order by 1").fetchall()]
    holder, one = session(), session()
    holder.adjust("LON", [{"sku": "MILK", "lot": "L1", "qty": 1, "location": "A-1"}], reason="found")
    waiting = one.blocked("put_lots", lines=lines)
    assert unlocked(db, "stock_level") == set(products[1:])
    assert unlocked(db, "stock_bin") == {bins[0], *bins[2:]}
    holder.rollback()
    waiting.result(NEVER)
    one.rollback()
    holder.allocate("O1")
    waiting = one.blocked("put_lots", lines=lines)
    assert unlocked(db, "stock_bin") == set(bins[2:])
    holder.commit()
    assert columns(one.outcome(waiting, "put_lots"), "qty_deallocated") == [(0,), (10,)]
    assert shop.differences() == []


def test_nobody_waits_who_has_nothing_of_the_lot(dairy: Shop, session: OpenSession) -> None:
    dairy.receive("BER", [MILK, MILK | {"lot": "L2"}])
    dairy.adjust("BER", [MILK | {"qty": -2}], reason="lost")
    holder, one = session(), session()
    holder.reserve("O1", [{"sku": "MILK", "qty": 1}], warehouse="BER")
    assert columns(one.unhindered("put_lots", lines=HOLD), "qty_blocked") == [(5,)]


def test_other_lots_come_in_meanwhile(dairy: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    one.receive("BER", [MILK | {"lot": "L2"}])
    assert columns(two.unhindered("put_lots", lines=[HOLD[0] | {"lot": "N1"}]), "outcome") == [("created",)]
    two.commit()
    assert columns(two.unhindered("put_lots", lines=[HOLD[0] | {"lot": "N1", "quality": "released"}]), "outcome") == [("updated",)]


def test_two_who_make_one_lot_agree_on_it(shop: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    one.receive("LON", [MILK])
    waiting = two.blocked("put_lots", lines=HOLD)
    one.commit()
    assert columns(two.outcome(waiting, "put_lots"), "outcome", "qty_blocked") == [("updated", 2)]
    assert shop.differences() == []

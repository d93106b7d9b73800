"""A line that asks for certain units and lost them has a claim on such units when there are some again: nobody else is promised them, or picks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import Clock, Shop, columns, day

L1 = {"sku": "MILK", "lot": "L1"}
L2 = {"sku": "MILK", "lot": "L2"}


@pytest.fixture
def dairy(shop: Shop) -> Iterator[Shop]:
    """In London 3 of L1 in A-1, which ends first, and 4 of L2 in A-2; 9 of L1 in Berlin. In the end all is as verify wants it."""
    shop.receive("LON", [L1 | {"qty": 3, "location": "A-1", "expires_on": day(5)}, L2 | {"qty": 4, "location": "A-2", "expires_on": day(9)}])
    shop.receive("BER", [L1 | {"qty": 9}])
    yield shop
    assert shop.differences() == []


def lost_and_found(shop: Shop) -> None:
    for qty in (-3, 3):
        shop.adjust("LON", [L1 | {"qty": qty, "location": "A-1"}], reason="counted")


def held_and_released(shop: Shop) -> None:
    shop.move("LON", [L1 | {"qty": 3, "from": "A-1", "to_status": "hold"}])
    shop.move("LON", [L1 | {"qty": 3, "from": "A-1", "status": "hold", "to_status": "available"}])


def judged_twice(shop: Shop) -> None:
    for quality in ("hold", "released"):
        shop.put_lots(lines=[L1 | {"quality": quality}])


def missing_and_found(shop: Shop) -> None:
    shop.short_pick("O1", [L1 | {"qty": 3, "location": "A-1"}])
    shop.move("LON", [L1 | {"qty": 3, "from": "A-1", "status": "hold", "to_status": "available"}])


def lost_and_received(shop: Shop) -> None:
    shop.adjust("LON", [L1 | {"qty": -3, "location": "A-1"}], reason="counted")
    shop.receive("LON", [L1 | {"qty": 3, "location": "A-1"}])


Event = Callable[[Shop], None]
each_way = pytest.mark.parametrize("lose", [lost_and_found, held_and_released, judged_twice, missing_and_found, lost_and_received])
each_wish = pytest.mark.parametrize("wish", [{"lot": "L1"}, {"location": "A-1"}, {"lot": "L1", "location": "A-1"}], ids=["lot", "location", "both"])


def pins(shop: Shop) -> list[tuple[Any, ...]]:
    """What is pinned for each line, and how many units in each bin."""
    bins = [row for row in columns(shop.view("bins", warehouse="LON"), "location", "lot", "allocated") if row[-1] > 0]
    return [row for row in columns(shop.view("reservations"), "order_ref", "line", "allocated") if row[-1] > 0] + bins


@each_way
@each_wish
def test_nobody_else_is_promised_them(dairy: Shop, lose: Event, wish: dict[str, Any]) -> None:
    dairy.reserve("O1", [{"sku": "MILK", "qty": 3} | wish], warehouse="LON")
    lose(dairy)
    assert pins(dairy) == []
    assert columns(dairy.reserve("O2", [L1 | {"qty": 1}], warehouse="LON"), "outcome", "available") == [("rejected", 0)]
    assert columns(dairy.reserve("O3", [{"sku": "MILK", "qty": 1, "location": "A-1"}], warehouse="LON"), "outcome", "available") == [("rejected", 0)]
    assert columns(dairy.quote([L1 | {"qty": 1}], warehouse="LON"), "reason", "available") == [("no_such_units", 0)]
    assert columns(dairy.reserve("O4", [{"sku": "MILK", "qty": 4, "min_days_left": 1}], warehouse="LON"), "outcome") == [("reserved",)]
    assert columns(dairy.allocate("O1"), "outcome", "qty") == [("allocated", 3)]
    assert pins(dairy) == [("O1", 1, 3), ("O4", 1, 4), ("A-1", "L1", 3), ("A-2", "L2", 4)]


@each_way
@each_wish
def test_nobody_else_picks_them(dairy: Shop, lose: Event, wish: dict[str, Any]) -> None:
    dairy.reserve("O1", [{"sku": "MILK", "qty": 3} | wish], warehouse="LON")
    lose(dairy)
    for order_ref, qty in [("O2", 2), ("O3", 1), ("O4", 1)]:
        assert columns(dairy.reserve(order_ref, [{"sku": "MILK", "qty": qty}], warehouse="LON"), "outcome") == [("reserved",)]
    assert columns(dairy.allocate("O2"), "lot", "qty") == [("L2", 2)]
    assert columns(dairy.ship("O3"), "lot", "qty") == [("L2", 1)]
    assert columns(dairy.allocate_next("LON", max_orders=2), "order_ref", "lot", "qty") == [("O1", "L1", 3), ("O4", "L2", 1)]


def test_of_several_the_one_that_is_served_comes_first(dairy: Shop) -> None:
    for order_ref, qty in [("O1", 2), ("O2", 1)]:
        dairy.reserve(order_ref, [L1 | {"qty": qty}], warehouse="LON")
    dairy.adjust("LON", [L1 | {"qty": -2, "location": "A-1"}], reason="counted")
    dairy.short_pick("O1", [L1 | {"qty": 1, "location": "A-1"}])
    dairy.receive("LON", [L1 | {"qty": 1}])
    assert columns(dairy.reserve("O3", [L1 | {"qty": 1}], warehouse="LON"), "outcome") == [("rejected",)]
    assert columns(dairy.allocate("O2"), "outcome", "qty") == [("allocated", 1)]
    assert columns(dairy.allocate("O1"), "outcome", "qty") == [("short", 2)]


@pytest.mark.parametrize("pick", ["allocate", "allocate_next", "short_pick"])
def test_who_could_have_others_leaves_them(shop: Shop, pick: str) -> None:
    """The removal rule would give O2, of which the place is asked, the one unit of L1."""
    for lot, days in (("L1", 5), ("L2", 9), ("L3", 20)):
        shop.receive("LON", [{"sku": "MILK", "lot": lot, "qty": 1, "location": "A-1", "expires_on": day(days)}])
    shop.reserve("O1", [L1 | {"qty": 1}], warehouse="LON")
    shop.reserve("O2", [{"sku": "MILK", "qty": 1, "location": "A-1"}], warehouse="LON", priority=9)
    lines = [{"sku": "MILK", "lot": lot, "qty": 1, "location": "A-1"} for lot in ("L1", "L2")]
    for sign in (-1, 1):
        shop.adjust("LON", [line | {"qty": sign} for line in (lines[:1] if pick == "short_pick" else lines)], reason="counted")
    if pick == "allocate":
        shop.allocate("O2")
    elif pick == "allocate_next":
        shop.allocate_next("LON", max_orders=1)
    else:
        shop.short_pick("O2", [lines[1]])
    assert columns(shop.allocate("O1"), "outcome", "lot") == [("allocated", "L1")]
    assert columns(shop.view("reservations", order_ref="O2"), "allocated") == [(1,)]
    assert shop.differences() == []


def test_only_what_is_lacking_is_claimed_and_only_by_who_is_promised_it(dairy: Shop, clock: Clock) -> None:
    dairy.reserve("O1", [L1 | {"qty": 1}], warehouse="LON")
    dairy.reserve("CART", [L1 | {"qty": 2}], warehouse="LON", ttl="1 hour")
    lost_and_found(dairy)
    assert columns(dairy.reserve("O2", [L1 | {"qty": 1}], warehouse="LON"), "outcome") == [("rejected",)]
    dairy.allocate("O1")
    clock.advance(hours=2)
    assert columns(dairy.quote([L1 | {"qty": 3}], warehouse="LON"), "available") == [(2,)]
    assert columns(dairy.reserve("O3", [L1 | {"qty": 3}], warehouse="LON"), "outcome", "available") == [("rejected", 2)]
    assert columns(dairy.reserve("O4", [L1 | {"qty": 2}], warehouse="LON"), "outcome") == [("reserved",)]


def test_units_elsewhere_are_left_instead_where_they_will_do(dairy: Shop) -> None:
    dairy.reserve("O1", [L1 | {"qty": 3}], warehouse="LON")
    lost_and_found(dairy)
    dairy.receive("LON", [L1 | {"qty": 3, "location": "A-2"}])
    assert columns(dairy.reserve("O2", [L1 | {"qty": 3, "location": "A-1"}], warehouse="LON"), "outcome") == [("reserved",)]
    assert columns(dairy.reserve("O3", [L1 | {"qty": 1}], warehouse="LON"), "outcome") == [("rejected",)]
    dairy.allocate("O1")
    assert pins(dairy) == [("O1", 1, 3), ("O2", 1, 3), ("A-1", "L1", 3), ("A-2", "L1", 3)]


def test_a_line_that_is_to_have_more_needs_what_it_lacks_as_well(dairy: Shop) -> None:
    dairy.reserve("O1", [L1 | {"qty": 2}], warehouse="LON")
    lost_and_found(dairy)
    assert columns(dairy.amend("O1", [{"line": 1, "qty": 4, "warehouse": "LON"}]), "outcome", "available") == [("rejected", 1)]
    assert columns(dairy.amend("O1", [{"line": 1, "qty": 3, "warehouse": "LON"}]), "outcome") == [("reserved",)]
    dairy.allocate("O1")
    assert pins(dairy) == [("O1", 1, 3), ("A-1", "L1", 3)]


def test_what_an_order_gives_back_is_claimed_no_more(dairy: Shop) -> None:
    dairy.reserve("O1", [L1 | {"qty": 2}, {"sku": "MILK", "qty": 1, "location": "A-1"}], warehouse="LON")
    lost_and_found(dairy)
    rows = dairy.amend("O1", [{"line": 1, "qty": 1}, {"line": 2, "qty": 2}])
    assert columns(rows, "line", "outcome") == [(1, "released"), (2, "reserved")]
    dairy.allocate("O1")
    assert pins(dairy) == [("O1", 1, 1), ("O1", 2, 2), ("A-1", "L1", 3)]


def test_units_of_lots_that_expire_are_lost_at_once(dairy: Shop, clock: Clock) -> None:
    """Nobody booked it yet: who comes next does, and leaves what is left in that place to the line that lost them."""
    dairy.receive("LON", [L2 | {"qty": 3, "location": "A-1"}, {"sku": "MILK", "lot": "L3", "qty": 9, "location": "A-2"}])
    dairy.reserve("O1", [{"sku": "MILK", "qty": 3, "location": "A-1"}], warehouse="LON")
    assert pins(dairy) == [("O1", 1, 3), ("A-1", "L1", 3)]
    clock.advance(days=6)
    assert columns(dairy.quote([L2 | {"qty": 7}], warehouse="LON"), "qty", "available") == [(4, 4)]
    assert columns(dairy.reserve("O2", [L2 | {"qty": 5}], warehouse="LON"), "outcome", "available") == [("rejected", 4)]
    assert columns(dairy.reserve("O3", [L2 | {"qty": 4}], warehouse="LON"), "outcome") == [("reserved",)]
    dairy.allocate("O1")
    assert pins(dairy) == [("O1", 1, 3), ("O3", 1, 4), ("A-1", "L2", 3), ("A-2", "L2", 4)]


def test_they_are_no_less_available_for_others(dairy: Shop) -> None:
    dairy.reserve("O1", [L1 | {"qty": 3}], warehouse="LON")
    lost_and_found(dairy)
    rows = dairy.reserve("O2", [L2 | {"qty": 1}, {"sku": "MILK", "qty": 3}], warehouse="LON")
    assert columns(rows, "outcome", "qty_reserved") == [("reserved", 1), ("reserved", 3)]


def test_who_lacks_nothing_is_in_nobodys_way(dairy: Shop) -> None:
    dairy.reserve("O1", [L1 | {"qty": 1}], warehouse="LON")
    dairy.reserve("O2", [{"sku": "MILK", "qty": 2, "min_days_left": 1}], warehouse="LON")
    assert pins(dairy) == [("O1", 1, 1), ("O2", 1, 2), ("A-1", "L1", 3)]


def test_other_warehouses_and_products_are_free(dairy: Shop) -> None:
    dairy.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    dairy.receive("LON", [{"sku": "CREAM", "lot": "L1", "qty": 2, "location": "A-1"}])
    dairy.reserve("O1", [L1 | {"qty": 3}], warehouse="LON")
    lost_and_found(dairy)
    assert columns(dairy.reserve("O2", [L1 | {"qty": 9}], warehouse="BER"), "outcome") == [("reserved",)]
    assert columns(dairy.reserve("O3", [{"sku": "CREAM", "lot": "L1", "qty": 2}]), "outcome") == [("reserved",)]
    assert columns(dairy.reserve("O4", [L1 | {"qty": 1}]), "outcome") == [("rejected",)]


def test_a_claim_counts_once_wherever_else_is_looked(dairy: Shop) -> None:
    """An order of other products, or from any warehouse, has many levels."""
    dairy.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    dairy.receive("LON", [{"sku": "CREAM", "lot": "C1", "qty": 1}, L1 | {"qty": 3, "location": "A-1"}])
    dairy.reserve("O1", [L1 | {"qty": 3}], warehouse="LON")
    for qty in (-6, 6):
        dairy.adjust("LON", [L1 | {"qty": qty, "location": "A-1"}], reason="counted")
    rows = dairy.reserve("O2", [L1 | {"qty": 2}, {"sku": "CREAM", "lot": "C1", "qty": 1}])
    assert columns(rows, "sku", "warehouse", "outcome") == [("MILK", "LON", "reserved"), ("CREAM", "LON", "reserved")]


def test_a_handling_unit_is_not_whole_where_some_of_it_is_claimed(shop: Shop) -> None:
    for code, days in (("H1", 5), ("H2", 9)):
        shop.receive("LON", [L1 | {"lot": code, "qty": 3, "location": "A-1", "expires_on": day(days), "handling_unit": code}])
    shop.receive("LON", [L2 | {"qty": 3, "location": "A-2", "expires_on": day(20)}])
    shop.reserve("O1", [{"sku": "MILK", "lot": "H1", "qty": 1}], warehouse="LON")
    for qty in (-3, 3):
        shop.adjust("LON", [{"sku": "MILK", "lot": "H1", "qty": qty, "location": "A-1", "handling_unit": "H1"}], reason="counted")
    shop.reserve("O9", [L2 | {"qty": 1}], warehouse="LON")
    for qty in (-3, 3):
        shop.adjust("LON", [L2 | {"qty": qty, "location": "A-2"}], reason="counted")
    shop.reserve("O2", [{"sku": "MILK", "qty": 3}], warehouse="LON")
    assert columns(shop.allocate("O2", whole_units=True), "handling_unit", "qty") == [("H2", 3)]
    shop.reserve("O3", [{"sku": "MILK", "qty": 4}], warehouse="LON")
    assert columns(shop.allocate("O3", whole_units=True), "handling_unit", "qty") == [("H1", 2), (None, 2)]
    assert columns(shop.allocate("O1"), "handling_unit", "qty") == [("H1", 1)]


class TestPieces:
    """The same where pieces are named."""

    @pytest.fixture
    def phones(self, shop: Shop) -> Iterator[Shop]:
        """P1 to P4 in A-1; O1 asked for P1 and P2, which were lost and found again."""
        shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
        shop.receive("LON", [{"sku": "PHONE", "serials": ["P1", "P2", "P3", "P4"], "location": "A-1"}])
        shop.reserve("O1", [{"sku": "PHONE", "serials": ["P1", "P2"]}])
        for qty in (-2, 2):
            shop.adjust("LON", [{"sku": "PHONE", "qty": qty, "serials": ["P1", "P2"], "location": "A-1"}], reason="counted")
        yield shop
        assert shop.differences() == []

    @pytest.mark.parametrize("wish", [{"serials": ["P2"]}, {"serials": ["P2", "P3"]}])
    def test_nobody_else_is_promised_them(self, phones: Shop, wish: dict[str, Any]) -> None:
        there = len(wish["serials"]) - 1
        quoted = phones.quote([{"sku": "PHONE"} | wish], warehouse="LON")
        assert columns(quoted, "available", "reason") == [(there, None if there else "no_such_units")]
        assert columns(phones.reserve("O2", [{"sku": "PHONE"} | wish]), "outcome", "available") == [("rejected", there)]
        assert columns(phones.reserve("O2", [{"sku": "PHONE", "serials": ["P3"]}]), "outcome") == [("reserved",)]

    def test_others_are_pinned_for_who_asks_for_none(self, phones: Shop) -> None:
        phones.reserve("O2", [{"sku": "PHONE", "qty": 2}])
        assert columns(phones.allocate("O2"), "serials") == [(["P3", "P4"],)]
        assert columns(phones.ship("O1"), "serials") == [(["P1", "P2"],)]

    def test_others_are_pinned_for_who_asks_for_the_place(self, phones: Shop) -> None:
        phones.reserve("O2", [{"sku": "PHONE", "qty": 2, "location": "A-1"}], warehouse="LON")
        assert columns(phones.view("serials", order_ref="O2"), "serial") == [("P3",), ("P4",)]
        assert columns(phones.allocate("O1"), "serials") == [(["P1", "P2"],)]

    def test_they_go_where_no_others_are(self, phones: Shop) -> None:
        phones.adjust("LON", [{"sku": "PHONE", "qty": -2, "serials": ["P3", "P4"], "location": "A-1"}], reason="counted")
        phones.adjust("LON", [{"sku": "PHONE", "qty": -1, "location": "A-1", "serials": ["P1"]}], reason="counted")
        assert columns(phones.allocate("O1"), "outcome", "qty") == [("allocated", 1), ("short", 1)]

    def test_who_asks_for_the_place_leaves_enough(self, phones: Shop) -> None:
        assert columns(phones.reserve("O2", [{"sku": "PHONE", "qty": 3, "location": "A-1"}], warehouse="LON"), "outcome", "available") == [("rejected", 2)]

"""Lines that ask for certain units have others where these will do as well, so that nobody comes short who need not: neither who is promised units now, nor who lost some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.concurrency.sessions import READ_COMMITTED, Session
from tests.serials.pieces import phones, wants_one_of
from tests.support import Clock, Connect, Row, Shop, columns, day

A1 = {"sku": "MILK", "location": "A-1"}
L1 = {"sku": "MILK", "lot": "L1"}
L2 = {"sku": "MILK", "lot": "L2"}
LIVES = {"L1": 5, "L2": 9, "L3": 20}


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """In the end all is as verify wants it."""
    yield shop
    assert shop.differences() == []


def stock(shop: Shop, *bins: tuple[str, str, int]) -> None:
    """(lot, location, units) of milk in London."""
    shop.receive("LON", [{"sku": "MILK", "lot": lot, "location": place, "qty": qty, "expires_on": day(LIVES[lot])} for lot, place, qty in bins])


def lost_and_found(shop: Shop, *bins: tuple[str, str, int]) -> None:
    for sign in (-1, 1):
        shop.adjust("LON", [{"sku": "MILK", "lot": lot, "location": place, "qty": sign * qty} for lot, place, qty in bins], reason="counted")


def reserve(shop: Shop, order_ref: str, line: dict[str, Any], **more: Any) -> str:
    """What becomes of an order of one line, of one unit where it does not say more."""
    return str(shop.reserve(order_ref, [line if "serials" in line else {"qty": 1} | line], warehouse="LON", **more)[0]["outcome"])


def picked(shop: Shop, *order_refs: str) -> list[tuple[Any, ...]]:
    return [(order_ref, *row) for order_ref in order_refs for row in columns(shop.allocate(order_ref), "outcome", "lot", "location")]


def test_who_is_promised_units_now_finds_those_that_who_lost_some_can_do_without(shop: Shop) -> None:
    """There are ten of L2: so O1, of which the place is asked, can have one of these, and leaves the only one of L1."""
    bins = [("L1", "A-1", 1), ("L2", "A-1", 10)]
    stock(shop, *bins)
    for order_ref, line in (("O1", A1), ("O2", L2), ("O3", L2)):
        reserve(shop, order_ref, line)
    lost_and_found(shop, *bins)
    assert reserve(shop, "O4", L1) == "reserved"
    assert reserve(shop, "O5", L1) == "rejected"
    assert reserve(shop, "O6", L2 | {"qty": 8}) == "rejected"
    assert reserve(shop, "O7", L2 | {"qty": 7}) == "reserved"
    assert picked(shop, "O1", "O2", "O3") == [(order_ref, "allocated", "L2", "A-1") for order_ref in ("O1", "O2", "O3")]


def test_who_lost_some_is_left_all_that_he_can_have(shop: Shop) -> None:
    """L2, and the one of L1 in A-1, are all that O1 and O2 can have: O3 and O4 need both others of L1."""
    bins = [("L2", "A-1", 1), ("L1", "A-1", 1), ("L1", "A-2", 2)]
    stock(shop, *bins)
    for order_ref, line in (("O1", A1), ("O2", L2), ("O3", L1), ("O4", L1)):
        assert reserve(shop, order_ref, line) == "reserved"
    lost_and_found(shop, *bins)
    stock(shop, ("L3", "P-1", 9))
    assert reserve(shop, "O5", L1) == "rejected"
    assert picked(shop, "O3", "O4", "O1", "O2") == [
        ("O3", "allocated", "L1", "A-2"),
        ("O4", "allocated", "L1", "A-2"),
        ("O1", "allocated", "L1", "A-1"),
        ("O2", "allocated", "L2", "A-1"),
    ]


def test_lines_of_one_order_leave_each_other_what_only_the_other_can_have(shop: Shop) -> None:
    """The lot is as narrow as the place, and chooses first: of A-2, which fewest could use, and of A-1 only what is left."""
    stock(shop, ("L1", "A-1", 2), ("L1", "A-2", 1), ("L2", "A-1", 1))
    answer = shop.reserve("O1", [L1 | {"qty": 2}, A1 | {"qty": 2}], warehouse="LON")
    assert columns(answer, "outcome", "qty_reserved") == [("reserved", 2), ("reserved", 2)]


def test_a_line_has_its_units_of_another_warehouse_where_only_one_will_do_for_the_next(shop: Shop) -> None:
    """The line of the lot comes first, and London is the first warehouse; what is promised to ANY leaves one unit of it."""
    shop.receive("LON", [L1 | {"qty": 2, "location": "A-1"}, L2 | {"qty": 1, "location": "A-2"}])
    shop.receive("BER", [L1 | {"qty": 2}])
    shop.reserve("ANY", [{"sku": "MILK", "qty": 2}], warehouse="LON")
    answer = shop.reserve("O1", [L1 | {"qty": 1}, {"sku": "MILK", "qty": 1, "location": "A-2", "warehouse": "LON"}])
    assert columns(answer, "line", "warehouse", "outcome") == [(1, "BER", "reserved"), (2, "LON", "reserved")]


def test_a_hold_that_is_being_extended_keeps_what_it_lacks(shop: Shop, connect: Connect, db: psycopg.Connection, clock: Clock) -> None:
    """It was extended in time, and that is not committed yet: who is promised such units waits for it."""
    stock(shop, ("L1", "A-1", 3), ("L2", "A-2", 4))
    reserve(shop, "CART", L1 | {"qty": 3}, ttl="1 hour")
    lost_and_found(shop, ("L1", "A-1", 3))
    with Session(connect("app", autocommit=False), db, READ_COMMITTED) as first, Session(connect("app", autocommit=False), db, READ_COMMITTED) as second:
        first.extend("CART", "5 hours")
        clock.advance(hours=2)
        waits = second.blocked("reserve", order_ref="O1", lines=[L1 | {"qty": 3}], warehouse="LON")
        first.commit()
        assert columns(waits.result(), "outcome") == [("rejected",)]
        second.commit()
    assert picked(shop, "CART") == [("CART", "allocated", "L1", "A-1")]


def test_of_holds_that_ended_those_are_booked_that_lacked_such_units_and_no_others(shop: Shop, clock: Clock) -> None:
    stock(shop, ("L1", "A-1", 3), ("L2", "A-2", 9))
    reserve(shop, "CART", L1, ttl="1 hour")
    reserve(shop, "PLAIN", {"sku": "MILK"}, ttl="1 hour")
    lost_and_found(shop, ("L1", "A-1", 3))
    clock.advance(hours=2)
    assert reserve(shop, "O1", L1) == "reserved"
    assert shop.entries("order_ref", event_type="EXPIRE") == [("CART",)]


def test_units_come_from_bins_in_the_order_of_the_removal_rule(shop: Shop) -> None:
    bins = [("L1", "A-2", 1), ("L2", "A-1", 2), ("L3", "A-1", 1)]
    stock(shop, *bins)
    reserve(shop, "O1", {"sku": "MILK", "min_days_left": 1, "qty": 4})
    lost_and_found(shop, *bins)
    assert columns(shop.allocate("O1"), "lot", "qty") == [("L1", 1), ("L2", 2), ("L3", 1)]


class TestPieces:
    """Where pieces are named."""

    @pytest.fixture
    def store(self, shop: Shop) -> Shop:
        """P1 to P4 in A-1."""
        shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
        shop.receive("LON", [phones("P1", "P2", "P3", "P4", location="A-1")])
        return shop

    @staticmethod
    def pinned_one_that_another_lacks(store: Shop, serial: str) -> None:
        """O1 has P1 and P2, O2 lacks one of P3 and this one of them: it had P3, which was lost then."""
        store.reserve("O2", [phones(serial, "P3")])
        store.adjust("LON", [phones(serial, qty=-1, location="A-1")], reason="lost")
        store.release("O2", [{"line": 1, "qty": 1}])
        store.adjust("LON", [phones(serial, qty=1, location="A-1")], reason="found")
        store.reserve("O1", [{"sku": "PHONE", "qty": 2}])
        store.allocate("O1")
        store.adjust("LON", [phones("P3", qty=-1, location="A-1")], reason="lost")

    def test_who_named_several_leaves_the_one_that_another_named(self, store: Shop) -> None:
        store.reserve("O1", [phones("P1", "P2")])
        store.adjust("LON", [phones("P1", "P2", qty=-2, location="A-1")], reason="lost")
        store.release("O1", [{"line": 1, "qty": 1}])
        store.adjust("LON", [phones("P1", location="A-1", qty=1)], reason="found")
        assert columns(store.reserve("O2", [phones("P1")]), "outcome") == [("rejected",)]
        store.adjust("LON", [phones("P2", location="A-1", qty=1)], reason="found")
        assert columns(store.reserve("O3", [phones("P1")]), "outcome") == [("reserved",)]
        assert columns(store.reserve("O4", [phones("P2")]), "outcome") == [("rejected",)]
        assert columns(store.allocate("O1"), "outcome", "serials") == [("allocated", ["P2"])]

    @pytest.mark.parametrize("pick", ["allocate", "ship"])
    def test_of_pieces_that_one_of_several_needs_those_are_picked_that_will_do_least(self, store: Shop, pick: str) -> None:
        """O1 needs one of P1, P2 and P3, O2 needs P1: one of P2 and P3 can be had by who asks for none of them."""
        store.adjust("LON", [phones("P4", qty=-1, location="A-1")], reason="lost")
        wants_one_of(store, "O1", "P1", "P2", "P3")
        store.reserve("O2", [phones("P1")])
        for qty in (-1, 1):
            store.adjust("LON", [phones("P1", qty=qty, location="A-1")], reason="counted")
        store.reserve("O3", [{"sku": "PHONE", "qty": 1}])
        [(serials,)] = columns(getattr(store, pick)("O3"), "serials")
        assert serials in (["P2"], ["P3"])
        assert columns(store.allocate("O1") + store.allocate("O2"), "outcome") == [("allocated",), ("allocated",)]

    def test_lines_of_one_call_leave_it_too(self, store: Shop) -> None:
        """O1 needs one of P1 and P2; the call names P2 and takes one more of the place."""
        store.adjust("LON", [phones("P4", qty=-1, location="A-1")], reason="lost")
        wants_one_of(store, "O1", "P1", "P2")
        store.reserve("O2", [phones("P2"), {"sku": "PHONE", "location": "A-1", "qty": 1}], warehouse="LON")
        assert columns(store.view("serials", order_ref="O2"), "serial") == [("P2",), ("P3",)]
        assert columns(store.allocate("O1"), "outcome", "serials") == [("allocated", ["P1"])]

    def test_a_piece_that_was_shipped_is_asked_for_no_more(self, store: Shop) -> None:
        store.reserve("O1", [phones("P1", "P2")])
        store.ship("O1", [phones("P1", line=1)])
        assert columns(store.view("reservations", order_ref="O1"), "serials") == [(["P2"],)]
        store.adjust("LON", [phones("P2", qty=-1, location="A-1")], reason="lost")
        store.receive("LON", [phones("P1", location="A-1")])
        assert columns(store.reserve("O2", [phones("P1")]), "outcome") == [("reserved",)]

    def test_a_piece_that_was_shipped_to_another_line_is_asked_for_still(self, store: Shop) -> None:
        wants_one_of(store, "O1", "P1", "P2")
        store.reserve("O2", [phones("P1")])
        store.ship("O2")
        store.adjust("LON", [phones("P2", qty=-1, location="A-1")], reason="lost")
        store.receive("LON", [phones("P1", location="A-1")])
        assert columns(store.reserve("O3", [phones("P1")]), "outcome") == [("rejected",)]
        assert columns(store.allocate("O1"), "serials") == [(["P1"],)]

    def test_a_line_that_asks_for_no_piece_asks_for_none_either_when_some_have_gone(self, store: Shop) -> None:
        store.reserve("O1", [{"sku": "PHONE", "qty": 2}])
        store.ship("O1", [{"line": 1, "qty": 1}])
        assert columns(store.view("reservations", order_ref="O1"), "serials") == [(None,)]

    def test_of_the_pieces_of_a_line_that_gave_one_back_any_will_do(self, store: Shop) -> None:
        store.reserve("O1", [phones("P1", "P2")])
        store.release("O1", [{"line": 1, "qty": 1}])
        assert columns(store.view("serials", order_ref="O1"), "serial") == [("P2",)]
        assert columns(store.ship("O1", [phones("P1", line=1)]), "serials") == [(["P1"],)]
        assert columns(store.view("reservations", order_ref="O1"), "serials") == [(["P2"],)]
        assert columns(store.reserve("O2", [phones("P2")]), "outcome") == [("reserved",)]

    @pytest.mark.parametrize("give_back", ["release", "deallocate"])
    def test_pieces_that_others_lack_come_free_first(self, store: Shop, give_back: str) -> None:
        """O2 lacks one of P2 and P3; of P1 and P2, which O1 has, the latter is given back."""
        self.pinned_one_that_another_lacks(store, "P2")
        getattr(store, give_back)("O1", [{"line": 1, "qty": 1}])
        assert columns(store.view("serials", order_ref="O1"), "serial") == [("P1",)]
        assert columns(store.allocate("O2"), "outcome", "serials") == [("allocated", ["P2"])]

    def test_pieces_that_others_lack_leave_last(self, store: Shop) -> None:
        """One of P1 and P2 is sent first, and the other given back."""
        self.pinned_one_that_another_lacks(store, "P1")
        assert columns(store.ship("O1", [{"line": 1, "qty": 1}]), "serials") == [(["P2"],)]
        store.cancel("O1")
        assert columns(store.allocate("O2"), "outcome", "serials") == [("allocated", ["P1"])]


PLACES = ("A-1", "A-2")
SERIALS = ("P1", "P2", "P3", "P4")
WISHES = st.one_of(
    st.builds(lambda place, qty: {"sku": "MILK", "location": place, "qty": qty}, st.sampled_from(PLACES), st.integers(1, 2)),
    st.builds(lambda lot, qty: {"sku": "MILK", "lot": lot, "qty": qty}, st.sampled_from(["L1", "L2"]), st.integers(1, 2)),
    st.builds(lambda place: {"sku": "PHONE", "location": place, "qty": 1}, st.sampled_from(PLACES)),
    st.builds(lambda serials: phones(*serials), st.lists(st.sampled_from(SERIALS), min_size=1, max_size=2, unique=True)),
)
PLAIN = st.builds(lambda sku: {"sku": sku, "qty": 1}, st.sampled_from(["MILK", "PHONE"]))


def free_units(shop: Shop) -> list[Row]:
    """Each free unit: its product, place, lot and serial."""
    milk = [row for row in shop.view("bins", sku="MILK") for _ in range(int(row["on_hand"] - row["allocated"]))]
    return milk + [row for row in shop.view("serials", sku="PHONE") if row["location"] and not row["order_ref"]]


def lacking(shop: Shop, order_ref: str | None = None) -> list[Row]:
    """The line of each unit that is promised and not pinned, where certain units are asked for."""
    lines = [row for row in shop.view("reservations") if row["location"] or row["lot"] or row["serials"]]
    return [row for row in lines if order_ref in (None, row["order_ref"]) for _ in range(int(row["reserved"] - row["allocated"]))]


def met(lines: list[Row], units: list[Row]) -> int:
    """How many of these can have one of the units each, at most: one after the other, by alternating paths (Berge)."""
    owner: dict[int, int] = {}

    def served(n: int, tried: set[int]) -> bool:
        line = lines[n]
        for k, unit in enumerate(units):
            same = all(line.get(name) in (None, unit.get(name)) for name in ("sku", "location", "lot"))
            if same and k not in tried and (not line.get("serials") or unit["serial"] in line["serials"]):
                tried.add(k)
                if k not in owner or served(owner[k], tried):
                    owner[k] = n
                    return True
        return False

    return sum(served(n, set()) for n in range(len(lines)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    milk=st.dictionaries(st.tuples(st.sampled_from(["L1", "L2"]), st.sampled_from(PLACES)), st.integers(1, 3)).map({("L1", "A-1"): 1, ("L2", "A-2"): 1}.__or__),
    homes=st.lists(st.sampled_from(PLACES), min_size=4, max_size=4),
    orders=st.lists(WISHES, min_size=2, max_size=7),
    given_back=st.lists(st.integers(0, 6), max_size=2),
    lost=st.sets(st.sampled_from([("L1", "A-1"), ("L1", "A-2"), ("L2", "A-1"), ("L2", "A-2"), *SERIALS]), min_size=2),
    newcomers=st.lists(st.one_of(WISHES, WISHES, PLAIN, st.integers(0, 6)), min_size=1, max_size=8),
)
def test_whatever_was_lost(
    connect: Connect, db: psycopg.Connection, milk: dict[tuple[str, str], int], homes: list[str], orders: list[dict[str, Any]], given_back: list[int],
    lost: set[Any], newcomers: list[Any],
) -> None:  # fmt: skip
    """Against the largest matching: who is new is promised units where all who lack some can still have as many, and pickers keep it that way."""
    tenant = uuid4()
    db.execute("select openstock_admin.create_tenant('Careful', %s)", [tenant])
    with connect("app") as connection:
        shop = Shop(connection, db, tenant).furnish()
        shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
        stock(shop, *((lot, place, qty) for (lot, place), qty in milk.items()))
        for serial, place in zip(SERIALS, homes, strict=True):
            shop.receive("LON", [phones(serial, location=place)])
        for number, line in enumerate(orders):
            shop.reserve(f"O{number}", [line], warehouse="LON")
        for number in given_back:
            if any(row["reserved"] > 1 for row in shop.view("reservations", order_ref=f"O{number}")):
                shop.release(f"O{number}", [{"line": 1, "qty": 1}])
        if bins := [(lot, place, qty) for (lot, place), qty in milk.items() if (lot, place) in lost]:
            lost_and_found(shop, *bins)
        for sign in (-1, 1):
            for serial, place in zip(SERIALS, homes, strict=True):
                if serial in lost:
                    shop.adjust("LON", [phones(serial, qty=sign, location=place)], reason="counted")
        for number, what in enumerate(newcomers):
            lines, units = lacking(shop), free_units(shop)
            can = met(lines, units)
            if isinstance(what, int):
                if mine := lacking(shop, f"O{what}"):
                    shop.allocate(f"O{what}")
                    pinned = len(mine) - len(lacking(shop, f"O{what}"))
                    assert pinned == met(mine, units)
                    assert pinned + met(lacking(shop), free_units(shop)) == can
                continue
            wanted = [what | {"qty": 1}] * int(what.get("qty", len(what.get("serials", ()))))
            available = shop.level(what["sku"])[3]
            certain = len(what) > 2 or "serials" in what
            fits = len(wanted) <= available and (not certain or met(lines + wanted, units) == can + len(wanted))
            assert reserve(shop, f"N{number}", what) == ("reserved" if fits else "rejected")
            if fits and not certain:
                others = met([line for line in lines if line["sku"] == what["sku"]], units)
                shop.allocate(f"N{number}")
                [(pinned,)] = columns(shop.view("reservations", order_ref=f"N{number}"), "allocated")
                assert pinned == min(1, sum(unit["sku"] == what["sku"] for unit in units) - others)
            assert met(lacking(shop), free_units(shop)) == can
        assert shop.differences() == []

"""Units are pinned while others pin, move, lose or ship units of the same bins: short is said only of what is short."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import IsolationLevel

from ..support import Clock, Shop, columns, day
from .sessions import ALL_LEVELS, NEVER, OpenSession

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """Five apples in bin A-1, three of them promised to ONE and two to TWO."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    shop.reserve("ONE", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("TWO", [{"sku": "APPLE", "qty": 2}])
    return shop


@every_level
def test_two_orders_share_a_bin_and_neither_is_short(ordered: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    one.allocate("ONE")
    waiting = two.blocked("allocate", "TWO")
    one.commit()
    assert columns(two.outcome(waiting, "allocate", "TWO"), "outcome", "location", "qty") == [("allocated", "A-1", 2)]
    assert ordered.view("bins")[0]["allocated"] == 5
    assert ordered.differences() == []


def test_a_held_bin_whose_turn_it_is_is_waited_for_and_not_passed_over(ordered: Shop, session: OpenSession) -> None:
    ordered.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-2"}])
    one, two = session(), session()
    one.allocate("ONE")
    waiting = two.blocked("allocate", "TWO")
    one.commit()
    assert columns(two.outcome(waiting, "allocate"), "outcome", "location", "qty") == [("allocated", "A-1", 2)]
    assert ordered.differences() == []


def test_orders_of_different_bins_do_not_wait_for_each_other(ordered: Shop, session: OpenSession) -> None:
    ordered.allocate("TWO")
    ordered.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-2"}])
    ordered.reserve("THREE", [{"sku": "APPLE", "qty": 2}])
    one, two = session(), session()
    one.allocate("ONE")  # A-1 is pinned out
    one.commit()
    one.adjust("LON", [{"sku": "RICE", "qty": 1, "location": "A-1"}], reason="found")
    assert columns(two.allocate("THREE"), "location", "qty") == [("A-2", 2)]


def test_a_bin_in_use_is_passed_over_where_the_next_has_enough(shop: Shop, session: OpenSession) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-2"}])
    shop.reserve("ONE", [{"sku": "APPLE", "qty": 3}])
    one, two = session(), session()
    one.adjust("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}], reason="found")
    assert columns(two.allocate("ONE"), "location", "qty") == [("A-2", 3)]


@pytest.mark.parametrize("removal", ["fifo", "lifo"], ids=["that comes later", "that came before"])
def test_the_second_pass_waits_on_top_of_no_lock_of_the_first(
    shop: Shop, session: OpenSession, db: psycopg.Connection, removal: str
) -> None:
    for location in ("A-1", "A-2"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": location}])
    shop.reserve("ONE", [{"sku": "APPLE", "qty": 4}])
    [(a_2,)] = db.execute("select location_id from openstock_core.location where code = 'A-2'").fetchall()
    # Among many bins these are looked up one by one, in the order of picking; of few, all are read in the order of making.
    others = [f"P-{n}" for n in range(500)]
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in others])
    shop.receive("LON", [{"sku": sku, "qty": 1} for sku in others])
    db.execute("analyze openstock_core.stock_bin")
    one, two = session(), session()
    one.adjust("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}], reason="found")
    waiting = two.blocked("allocate", "ONE", removal=removal)  # locked A-2 in its first pass, and waits for A-1
    free = "select count(*) from (select from openstock_core.stock_bin where location_id = %s for update skip locked) as b"
    assert db.execute(free, [a_2]).fetchone() == (1,)
    one.commit()
    picked = [("A-1", 3), ("A-2", 1)] if removal == "fifo" else [("A-2", 2), ("A-1", 2)]
    assert columns(two.outcome(waiting, "allocate"), "location", "qty") == picked
    assert shop.differences() == []


@every_level
def test_a_loss_that_is_taken_back_makes_nobody_short(ordered: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    one.adjust("LON", [{"sku": "APPLE", "qty": -5, "location": "A-1"}], reason="lost")
    waiting = two.blocked("allocate", "ONE")
    one.rollback()
    assert columns(two.outcome(waiting, "allocate", "ONE"), "outcome", "qty") == [("allocated", 3)]
    assert ordered.differences() == []


@every_level
def test_a_loss_makes_short_what_it_took(ordered: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    one.adjust("LON", [{"sku": "APPLE", "qty": -4, "location": "A-1"}], reason="lost")
    waiting = two.blocked("allocate", "ONE")
    one.commit()
    rows = two.outcome(waiting, "allocate", "ONE")
    assert columns(rows, "outcome", "qty") == [("allocated", 1), ("short", 2)]
    assert ordered.differences() == []


@every_level
@pytest.mark.parametrize("to", ["A-2", "DEFAULT"], ids=["to a bin that is new", "to a bin that was emptied"])
def test_units_on_the_move_are_found_where_they_went(
    ordered: Shop, session: OpenSession, level: IsolationLevel, to: str
) -> None:
    ordered.receive("LON", [{"sku": "APPLE", "qty": 1}])
    ordered.adjust("LON", [{"sku": "APPLE", "qty": -1}], reason="lost")
    one, two = session(level), session(level)
    one.move("LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", "to": to}])
    waiting = two.blocked("allocate", "ONE")
    one.commit()
    assert columns(two.outcome(waiting, "allocate", "ONE"), "outcome", "location", "qty") == [("allocated", to, 3)]
    assert ordered.differences() == []


def test_units_that_moved_twice_during_the_wait_are_found(ordered: Shop, session: OpenSession) -> None:
    one, two, three = session(), session(), session()
    one.move("LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", "to": "A-2"}])
    waiting = two.blocked("allocate", "ONE")  # for A-1
    further = three.at_once("move", "LON", [{"sku": "APPLE", "qty": 5, "from": "A-2", "to": "P-1"}])
    three.until_blocked(further)  # for the level
    one.commit()
    assert columns(two.outcome(waiting, "allocate"), "outcome", "qty") == [("allocated", 3)]
    further.result(NEVER)
    assert columns(ordered.view("bins"), "location", "on_hand", "allocated") == [("P-1", 5, 3)]
    assert ordered.differences() == []


def test_units_given_back_during_the_wait_are_found(ordered: Shop, session: OpenSession) -> None:
    ordered.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-2"}])
    ordered.allocate("ONE")
    ordered.allocate("TWO")  # both bins are pinned out, but for one apple
    ordered.reserve("THREE", [{"sku": "APPLE", "qty": 1}])
    one, two = session(), session()
    one.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-2"}], reason="lost")
    waiting = two.blocked("allocate", "THREE")  # for A-2
    one.rollback()
    assert columns(two.outcome(waiting, "allocate"), "outcome", "qty") == [("allocated", 1)]
    assert ordered.differences() == []


@every_level
def test_a_shipment_waits_for_pins_and_takes_the_free_units(
    ordered: Shop, session: OpenSession, level: IsolationLevel
) -> None:
    one, two = session(level), session(level)
    one.allocate("ONE")
    waiting = two.blocked("ship", "TWO")
    one.commit()
    assert columns(two.outcome(waiting, "ship", "TWO"), "location", "qty") == [("A-1", 2)]
    assert ordered.level("APPLE") == (3, 0, 3, 0)
    assert ordered.differences() == []


@every_level
def test_pins_wait_for_a_shipment_and_get_the_rest(ordered: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    one.ship("ONE")
    waiting = two.blocked("allocate", "TWO")
    one.commit()
    assert columns(two.outcome(waiting, "allocate", "TWO"), "outcome", "qty") == [("allocated", 2)]
    assert ordered.differences() == []


@every_level
def test_units_pinned_at_the_last_moment_move_along(ordered: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    one.allocate("ONE")
    move = ("move", "LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", "to": "A-2"}])
    waiting = two.blocked(*move)
    one.commit()
    two.outcome(waiting, *move)
    assert columns(ordered.view("bins"), "location", "on_hand", "allocated") == [("A-2", 5, 3)]
    assert ordered.differences() == []


@every_level
def test_units_pinned_at_the_last_moment_and_lost_are_pinned_no_more(
    ordered: Shop, session: OpenSession, level: IsolationLevel
) -> None:
    one, two = session(level), session(level)
    one.allocate("ONE")
    loss = ("adjust", "LON", [{"sku": "APPLE", "qty": -4, "location": "A-1"}])
    waiting = two.blocked(*loss, reason="lost")
    one.commit()
    two.outcome(waiting, *loss, reason="lost")
    assert columns(ordered.view("bins"), "on_hand", "allocated") == [(1, 1)]
    assert columns(ordered.view("reservations", order_ref="ONE"), "reserved", "allocated") == [(3, 1)]
    assert ordered.differences() == []


def test_a_release_waits_for_the_pins_of_its_own_order(ordered: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    one.allocate("ONE")
    waiting = two.blocked("release", "ONE")
    one.commit()
    two.outcome(waiting, "release")
    assert columns(ordered.view("bins"), "on_hand", "allocated") == [(5, 0)]
    assert ordered.differences() == []


@every_level
def test_units_pinned_as_their_lot_expires_are_pinned_no_more(
    shop: Shop, session: OpenSession, clock: Clock, level: IsolationLevel
) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "location": "A-1", "lot": "L", "expires_on": day(2)}])
    shop.reserve("ONE", [{"sku": "MILK", "qty": 3}])
    one = session(level)
    one.allocate("ONE")
    clock.advance(days=4)
    two = session(level)
    sale = ("reserve", "TWO", [{"sku": "MILK", "qty": 1}])
    waiting = two.blocked(*sale)  # books the expiry, and waits for the bin
    one.commit()
    [row] = two.outcome(waiting, *sale)
    assert (row["outcome"], row["blocked"]) == ("rejected", 5)
    assert columns(shop.view("bins"), "on_hand", "blocked", "allocated") == [(5, 5, 0)]
    assert shop.differences() == []


@pytest.mark.parametrize("whole_units", [False, True])
def test_whoever_allocates_a_hold_that_ends_meanwhile_gets_nothing(shop: Shop, session: OpenSession, clock: Clock, whole_units: bool) -> None:
    """It waits for the level where another hold, which ended before, has the units pinned that it looks for."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 6, "location": "A-1"}])
    shop.reserve("OLD", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    shop.allocate("OLD")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="3 hours")
    shop.adjust("LON", [{"sku": "APPLE", "qty": -3, "location": "A-1"}], reason="lost")
    clock.advance(hours=2)
    one, two = session(), session()
    one.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-2"}])
    waiting = two.blocked("allocate", "CART", whole_units=whole_units)
    clock.advance(hours=2)
    one.commit()
    assert two.refused(waiting) == "OS305"
    assert shop.differences() == []


def test_an_expiry_being_booked_pins_nothing(shop: Shop, session: OpenSession, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "location": "A-1", "lot": "L", "expires_on": day(2)}])
    shop.reserve("ONE", [{"sku": "MILK", "qty": 3}])
    clock.advance(days=4)
    one, two = session(), session()
    one.reserve("TWO", [{"sku": "MILK", "qty": 1}])
    assert columns(two.allocate("ONE"), "outcome", "qty") == [("short", 3)]
    two.commit()
    one.commit()
    assert shop.differences() == []


def test_a_line_that_asks_for_a_location_is_not_given_what_just_leaves_it(shop: Shop, session: OpenSession) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}, {"sku": "APPLE", "qty": 2, "location": "A-2"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2, "location": "A-2"}], warehouse="LON")
    shop.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-2"}], reason="lost")
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-2"}])
    one, two = session(), session()
    one.move("LON", [{"sku": "APPLE", "qty": 1, "from": "A-2", "to": "P-1"}])
    waiting = two.blocked("allocate", "O1")
    one.commit()
    assert columns(two.outcome(waiting, "allocate", "O1"), "outcome", "qty") == [("short", 1)]
    assert shop.differences() == []

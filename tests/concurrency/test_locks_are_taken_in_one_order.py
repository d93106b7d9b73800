"""Calls that name the same rows in opposite orders wait for each other in turn, never in a circle."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ..support import Shop, columns
from ..wall_clock import WallClock
from .sessions import NEVER, OpenSession, unlocked

APPLE, RICE = {"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 1}
BACK_AND_FORTH: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("reserve", {"order_ref": "N1", "lines": [APPLE, RICE]}, {"order_ref": "N2", "lines": [RICE, APPLE]}),
    ("ship", {"order_ref": "O1"}, {"order_ref": "O2", "lines": [{"sku": "RICE"}, {"sku": "APPLE"}]}),
    ("release", {"order_ref": "O1"}, {"order_ref": "O2", "lines": [{"sku": "RICE"}, {"sku": "APPLE"}]}),
    ("receive", {"warehouse": "LON", "lines": [APPLE, RICE]}, {"warehouse": "LON", "lines": [RICE, APPLE]}),
    ("adjust", {"warehouse": "LON", "lines": [APPLE, RICE]}, {"warehouse": "LON", "lines": [RICE, APPLE]}),
    (
        "move",
        {"warehouse": "LON", "lines": [APPLE | {"to": "A-1"}, RICE | {"to": "A-2"}]},
        {"warehouse": "LON", "lines": [RICE | {"to": "A-1"}, APPLE | {"to": "A-2"}]},
    ),
]


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """Ten of each in both warehouses; O1 and O2 have one of each."""
    for warehouse in ("LON", "BER"):
        shop.receive(warehouse, [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 10}])
    shop.reserve("O1", [APPLE, RICE])
    shop.reserve("O2", [RICE, APPLE])
    return shop


@pytest.mark.parametrize(("function", "forth", "back"), BACK_AND_FORTH, ids=[case[0] for case in BACK_AND_FORTH])
@pytest.mark.parametrize("held", ["APPLE", "RICE"])
def test_both_wait_for_the_first_level_and_hold_no_later_one(
    stocked: Shop, session: OpenSession, function: str, forth: dict[str, Any], back: dict[str, Any], held: str
) -> None:
    extra = {"reason": "x"} if function == "adjust" else {}
    holder, one, two, free = session(), session(), session(), session()
    holder.reserve("HOLD", [{"sku": held, "qty": 1}], warehouse="LON")
    first = one.at_once(function, **forth, **extra)
    one.until_blocked(first)
    second = two.at_once(function, **back, **extra)
    two.until_blocked(second)
    if held == "APPLE":  # the older product, whose level comes first: nobody holds rice while waiting for apples
        free.reserve("FREE", [RICE], warehouse="LON")
        free.commit()
    holder.commit()
    assert first.result(NEVER)
    assert second.result(NEVER)
    assert stocked.differences() == []


@pytest.mark.parametrize("function", ["reserve", "reserve for a new order", "receive", "adjust", "move", "ship", "release", "put_products"])
def test_levels_are_locked_by_product_in_whatever_order_they_are_named(
    shop: Shop, db: psycopg.Connection, session: OpenSession, function: str
) -> None:
    skus = [f"P-{n}" for n in range(9)]
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in skus])
    shop.receive("LON", [{"sku": sku, "qty": 9} for sku in skus])
    shop.reserve("OLD", [{"sku": sku, "qty": 1} for sku in skus])
    products = [row[0] for row in db.execute("select product_id from openstock_core.stock_level order by 1").fetchall()]
    lines = [{"sku": sku, "qty": 1} | ({"to": "A-1"} if function == "move" else {}) for sku in reversed(skus)]
    request: dict[str, Any] = {"lines": lines}
    if function == "put_products":
        request = {"lines": [{"sku": sku, "safety_stock": 1} for sku in reversed(skus)]}
    else:
        request |= {"warehouse": "LON"} if function in ("receive", "adjust", "move") else {"order_ref": "OLD" if function != "reserve for a new order" else "NEW"}
    request |= {"reason": "found"} if function == "adjust" else {}
    for held in (0, 5):
        holder, one = session(), session()
        holder.reserve("HOLD", [{"sku": skus[held], "qty": 1}])
        waiting = one.blocked(function.partition(" ")[0], **request)
        assert unlocked(db, "stock_level") == set(products[held + 1 :])
        holder.rollback()
        waiting.result(NEVER)
        one.rollback()


def test_bins_to_pick_from_are_locked_by_their_age(shop: Shop, db: psycopg.Connection, session: OpenSession) -> None:
    for location in ("A-1", "A-2", "P-1"):
        for sku in ("APPLE", "RICE"):  # their bins are made in turn
            shop.receive("LON", [{"sku": sku, "qty": 1, "location": location}])
    shop.reserve("O1", [{"sku": "RICE", "qty": 3}, {"sku": "APPLE", "qty": 3}])
    bins = [row[0] for row in db.execute("select bin_id from openstock_core.stock_bin order by 1").fetchall()]
    for held, (sku, location) in enumerate([("APPLE", "A-1"), ("RICE", "A-1"), ("APPLE", "A-2"), ("RICE", "A-2")]):
        holder, one = session(), session()
        holder.adjust("LON", [{"sku": sku, "qty": 1, "location": location}], reason="found")
        waiting = one.blocked("allocate", "O1")
        assert unlocked(db, "stock_bin") == set(bins[held + 1 :])
        holder.rollback()
        waiting.result(NEVER)
        one.rollback()


def test_handling_units_are_locked_by_their_age_in_whatever_order_they_are_read(shop: Shop, db: psycopg.Connection, session: OpenSession) -> None:
    lines = [{"sku": "APPLE", "qty": 1, "handling_unit": unit} for unit in ("H1", "H2", "H3")]
    shop.receive("LON", lines)
    shop.receive("LON", lines[:1])  # the row of H1 is behind those of the others now
    units = [row[0] for row in db.execute("select handling_unit_id from openstock_core.handling_unit order by code").fetchall()]
    holder, one = session(), session()
    for plan in ("enable_indexscan", "enable_bitmapscan"):
        one.query("select set_config(%s, 'off', false)", plan).result()
    holder.receive("LON", lines[:1])
    waiting = one.blocked("receive", "LON", lines)
    assert unlocked(db, "handling_unit") == set(units[1:])
    holder.rollback()
    waiting.result(NEVER)


def test_who_books_ended_holds_waits_for_the_first_bin_and_holds_no_later_one(
    shop: Shop, db: psycopg.Connection, session: OpenSession, wall_clock: WallClock
) -> None:
    places = [f"B-{n}" for n in range(9)]
    shop.put_locations("LON", [{"code": place} for place in places])
    for place in places:
        shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": place}])
    shop.reserve("FIRM", [{"sku": "APPLE", "qty": 1}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 1, "location": place} for place in places], warehouse="LON", ttl="1 hour")
    shop.adjust("LON", [{"sku": "APPLE", "qty": 1, "location": "B-0"}], reason="found")
    db.execute("analyze openstock_core.stock_bin")  # so few rows are then read as they lie: that of B-0, which was written last, after the others
    bins = [row[0] for row in db.execute("select bin_id from openstock_core.stock_bin order by 1").fetchall()]
    holder, one = session(), session()
    assert columns(holder.allocate("FIRM"), "location") == [("B-0",)]  # holds a bin, and no level
    wall_clock.advance(hours=2)
    waiting = one.blocked("expire_reservations")
    assert unlocked(db, "stock_bin") == set(bins[1:])
    holder.commit()
    assert len(one.outcome(waiting, "expire_reservations")) == len(places)
    assert shop.differences() == []


def test_a_shipment_locks_no_more_bins_than_it_takes_from(shop: Shop, db: psycopg.Connection, session: OpenSession) -> None:
    for location in ("A-1", "A-2", "P-1"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": location}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2}])
    bins = [row[0] for row in db.execute("select bin_id from openstock_core.stock_bin order by 1").fetchall()]
    one = session()
    assert columns(one.ship("O1"), "location") == [("A-1",), ("A-2",)]
    assert unlocked(db, "stock_bin") == {bins[2]}


def test_a_shipment_waits_for_a_pinned_bin_before_it_takes_others(
    shop: Shop, db: psycopg.Connection, session: OpenSession
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3}])
    shop.allocate("O1")
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-2"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    shop.reserve("O2", [{"sku": "APPLE", "qty": 2}])
    bins = [row[0] for row in db.execute("select bin_id from openstock_core.stock_bin order by 1").fetchall()]
    holder, one = session(), session()
    assert columns(holder.allocate("O2"), "location", "qty") == [("A-1", 2)]
    waiting = one.blocked("ship", "O1")
    assert unlocked(db, "stock_bin") == {bins[1]}
    holder.commit()
    assert columns(one.outcome(waiting, "ship"), "location", "qty") == [("A-1", 3), ("A-2", 4)]
    assert shop.differences() == []


@pytest.mark.parametrize("function", ["ship", "release", "cancel"])
def test_who_changes_an_order_waits_for_its_levels_and_not_for_those_of_others(shop: Shop, session: OpenSession, function: str) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}, {"sku": "RICE", "qty": 5}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("O2", [{"sku": "RICE", "qty": 3}])
    holder, one = session(), session()
    holder.reserve("O3", [{"sku": "RICE", "qty": 1}])
    assert columns(one.unhindered(function, "O1"), "line", "sku") == [(1, "APPLE")]


def test_who_changes_an_order_does_not_wait_for_the_level_of_a_line_that_is_over(shop: Shop, session: OpenSession) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}, {"sku": "RICE", "qty": 5}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3}, {"sku": "RICE", "qty": 3}])
    shop.ship("O1", [{"sku": "RICE"}])
    holder, one = session(), session()
    holder.reserve("O2", [{"sku": "RICE", "qty": 1}])
    assert columns(one.unhindered("ship", "O1"), "line", "sku") == [(1, "APPLE")]


def test_a_transaction_of_many_calls_fills_no_lock_table(shop: Shop, db: psycopg.Connection, session: OpenSession) -> None:
    held = "select count(*) from pg_locks where pid = %s and locktype in ('advisory', 'tuple', 'transactionid', 'object')"
    one = session()
    counts = []
    for round_ in range(2):
        for n in range(25):
            one.receive("LON", [{"sku": "APPLE", "qty": 2}])
            one.reserve(f"O{round_}-{n}", [{"sku": "APPLE", "qty": 1}])
            one.allocate(f"O{round_}-{n}")
            one.ship(f"O{round_}-{n}")
        counts.append(db.execute(held, [one.connection.info.backend_pid]).fetchone())
    assert counts[0] == counts[1]
    one.commit()
    assert shop.level("APPLE") == (50, 0, 0, 50)


@pytest.mark.parametrize(("function", "forth", "back"), BACK_AND_FORTH, ids=[case[0] for case in BACK_AND_FORTH])
def test_a_transaction_of_one_warehouse_does_not_wait_for_another(
    stocked: Shop, session: OpenSession, function: str, forth: dict[str, Any], back: dict[str, Any]
) -> None:
    if "warehouse" not in forth:
        forth = {"order_ref": "N1", "lines": [APPLE, RICE], "warehouse": "LON"}
        function = "reserve"
    extra = {"reason": "x"} if function == "adjust" else {}
    one, two = session(), session()
    one.later(function, **forth, **extra).result()
    two.reserve("BERLIN", [RICE, APPLE], warehouse="BER")
    two.commit()
    one.commit()
    assert stocked.differences() == []


def test_two_orders_pin_the_same_bins_in_opposite_orders(shop: Shop, session: OpenSession) -> None:
    for location in ("A-1", "A-2"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": location}, {"sku": "RICE", "qty": 5, "location": location}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4}, {"sku": "RICE", "qty": 4}])
    shop.reserve("O2", [{"sku": "RICE", "qty": 4}, {"sku": "APPLE", "qty": 4}])
    holder, one, two = session(), session(), session()
    holder.adjust("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}], reason="found")
    first = one.at_once("allocate", "O1")
    one.until_blocked(first)
    second = two.at_once("allocate", "O2", removal="lifo")
    holder.commit()
    for future in (first, second):
        assert set(columns(future.result(NEVER), "outcome")) == {("allocated",)}
    assert shop.differences() == []


def test_a_move_and_its_return_do_not_deadlock(shop: Shop, session: OpenSession) -> None:
    for location in ("A-1", "A-2"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": location}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 5}])
    holder, one, two = session(), session(), session()
    holder.allocate("O1")  # holds a bin, and no level
    forth = one.at_once("move", "LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", "to": "A-2"}])
    one.until_blocked(forth)
    back = two.at_once("move", "LON", [{"sku": "APPLE", "qty": 5, "from": "A-2", "to": "A-1"}])
    two.until_blocked(back)
    holder.commit()
    assert len(forth.result(NEVER)) == 2
    assert back.result(NEVER)
    assert sum(row["allocated"] for row in shop.view("bins")) == 5
    assert shop.differences() == []


def test_products_and_receipts_of_them_do_not_deadlock(shop: Shop, session: OpenSession) -> None:
    holder, one, two = session(), session(), session()
    holder.put_products(lines=[{"sku": "APPLE", "safety_stock": 1}])
    receipt = one.at_once("receive", "LON", [{"sku": "RICE", "qty": 5}, {"sku": "APPLE", "qty": 5}])
    one.until_blocked(receipt)
    change = two.at_once("put_products", lines=[{"sku": "RICE", "safety_stock": 1}, {"sku": "APPLE", "safety_stock": 2}])
    two.until_blocked(change)
    holder.commit()
    assert receipt.result(NEVER)
    assert change.result(NEVER)
    assert (shop.level("APPLE")[3], shop.level("RICE")[3]) == (3, 4)


def test_a_product_new_to_a_warehouse_and_a_new_product_are_locked_at_once(shop: Shop, session: OpenSession) -> None:
    shop.put_locations("BER", [{"code": "A"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])  # known, and not in Berlin; RICE is younger and known nowhere
    holder, one, two = session(), session(), session()
    holder.put_locations("BER", [{"code": "A", "pick_order": 1}])
    lines = [{"sku": "RICE", "qty": 5, "location": "A"}, {"sku": "APPLE", "qty": 5, "location": "A"}]
    receipt = one.at_once("receive", "BER", lines)
    one.until_blocked(receipt)
    change = two.at_once("put_products", lines=[{"sku": "APPLE", "safety_stock": 1}, {"sku": "RICE", "safety_stock": 1}])
    two.until_blocked(change)
    holder.commit()
    assert receipt.result(NEVER)
    assert change.result(NEVER)
    assert (shop.level("APPLE", "BER")[3], shop.level("RICE", "BER")[3]) == (4, 4)


def test_a_caller_who_takes_two_orders_the_other_way_round_gets_a_deadlock_and_nothing_else(
    stocked: Shop, session: OpenSession
) -> None:
    one, two = session(), session()
    one.reserve("N1", [APPLE], warehouse="LON")
    two.reserve("N2", [RICE], warehouse="LON")
    waiting = one.blocked("reserve", "N3", [RICE], warehouse="LON")
    with pytest.raises(psycopg.errors.DeadlockDetected):
        two.reserve("N4", [APPLE], warehouse="LON")
        waiting.result(NEVER)
        two.commit()
    two.rollback()
    one.rollback()
    assert stocked.differences() == []


def test_a_transaction_of_two_calls_may_deadlock_with_a_single_one_and_loses_nothing(
    stocked: Shop, session: OpenSession, wall_clock: WallClock
) -> None:
    stocked.reserve("CART", [{"sku": "RICE", "qty": 4}], warehouse="LON", ttl="1 hour")
    stocked.allocate("CART")
    stocked.reserve("O3", [APPLE, {"sku": "RICE", "qty": 4}], warehouse="LON")
    wall_clock.advance(hours=2)
    before = stocked.view("bins")
    seller, picker = session(), session()
    seller.reserve("N1", [APPLE, {"sku": "RICE", "qty": 2}], warehouse="LON")  # takes what the cart had, and so holds the bin of the rice
    picking = picker.blocked("allocate", "O3")  # holds the bin of the apples
    selling = seller.later("allocate", "N1")
    ended = [(one, future.exception(NEVER)) for one, future in ((seller, selling), (picker, picking))]
    assert [type(error) for _, error in ended if error] == [psycopg.errors.DeadlockDetected]
    for one, _ in ended:
        one.rollback()
    assert stocked.view("bins") == before
    assert stocked.differences() == []

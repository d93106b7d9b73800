"""A lot that is put on hold or rejected is promised and picked nowhere, whatever comes in of it, until it is released again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.support import OTHER_TENANT, Clock, Connect, Shop, call, columns, day
from tests.verify.test_projections_are_rebuilt_from_the_ledger_alone import tear_down

MILK = {"sku": "MILK", "lot": "L1"}
HOLD = [MILK | {"quality": "hold"}]
RELEASED = [MILK | {"quality": "released"}]


def milk(qty: float, lot: str = "L1", **more: Any) -> dict[str, Any]:
    return {"sku": "MILK", "lot": lot, "qty": qty} | more


@pytest.fixture
def dairy(shop: Shop) -> Iterator[Shop]:
    """Of L1 three in A-1, two in A-2 and four in Berlin; of L2 two in A-1, which last longer. In the end all is as verify wants it."""
    shop.receive("LON", [milk(3, location="A-1", expires_on=day(5)), milk(2, location="A-2", expires_on=day(5)), milk(2, "L2", location="A-1", expires_on=day(9))])
    shop.receive("BER", [milk(4)])
    yield shop
    assert shop.differences() == []


def available(shop: Shop) -> list[tuple[Any, ...]]:
    """What can be promised, by warehouse."""
    return columns(shop.view("stock", sku="MILK"), "warehouse", "on_hand", "blocked", "available")


def blocked(shop: Shop) -> list[tuple[Any, ...]]:
    """The bins whose units are blocked."""
    return [(row["warehouse"], row["location"], row["lot"], row["status"]) for row in shop.view("bins") if row["blocked"]]


@pytest.mark.parametrize("quality", ["hold", "rejected"])
def test_units_that_are_not_released_are_blocked_in_every_warehouse(dairy: Shop, quality: str) -> None:
    [row] = dairy.put_lots(lines=[MILK | {"quality": quality}])
    assert (row["outcome"], row["quality"], row["qty_blocked"], row["qty_deallocated"]) == ("updated", quality, 9, 0)
    assert available(dairy) == [("BER", 4, 4, 0), ("LON", 7, 5, 2)]
    assert columns(dairy.reserve("O1", [{"sku": "MILK", "qty": 3}]), "outcome") == [("rejected",)]
    assert columns(dairy.reserve("O2", [milk(1)]), "outcome") == [("rejected",)]
    assert columns(dairy.reserve("O3", [{"sku": "MILK", "qty": 2}]), "outcome") == [("reserved",)]
    assert columns(dairy.allocate("O3"), "lot", "qty") == [("L2", 2)]


def test_pins_are_taken_off_and_promises_stay(dairy: Shop) -> None:
    dairy.reserve("O1", [{"sku": "MILK", "qty": 4}], warehouse="LON")
    assert columns(dairy.allocate("O1"), "location", "lot", "qty") == [("A-1", "L1", 3), ("A-2", "L1", 1)]
    assert columns(dairy.put_lots(lines=HOLD), "qty_blocked", "qty_deallocated") == [(9, 4)]
    assert columns(dairy.view("reservations"), "order_ref", "reserved", "allocated") == [("O1", 4, 0)]
    assert columns(dairy.view("shortages"), "sku", "warehouse", "qty_short") == [("MILK", "LON", 2)]
    assert columns(dairy.allocate("O1"), "lot", "outcome", "qty") == [("L2", "allocated", 2), (None, "short", 2)]
    dairy.put_lots(lines=RELEASED)
    assert columns(dairy.allocate("O1"), "lot", "outcome", "qty") == [("L1", "allocated", 2)]


@pytest.mark.parametrize("wish", [{"lot": "L1"}, {"location": "A-1"}], ids=["lot", "location"])
def test_who_asked_for_such_units_gets_them_back_before_anybody_else(dairy: Shop, wish: dict[str, Any]) -> None:
    dairy.reserve("O1", [{"sku": "MILK", "qty": 3} | wish], warehouse="LON")
    dairy.reserve("O9", [milk(2, "L2")], warehouse="LON")  # others have theirs
    assert columns(dairy.put_lots(lines=HOLD), "qty_deallocated") == [(3,)]
    assert columns(dairy.put_lots(lines=RELEASED), "qty_deallocated") == [(0,)]
    assert columns(dairy.reserve("O2", [milk(3)], warehouse="LON"), "outcome") == [("rejected",)]
    assert columns(dairy.allocate_next("LON"), "order_ref", "lot", "qty") == [("O1", "L1", 3)]
    assert columns(dairy.ship("O1"), "qty") == [(3,)]


def test_what_comes_in_later_is_blocked_too(dairy: Shop) -> None:
    dairy.put_lots(lines=HOLD)
    dairy.receive("LON", [milk(1, location="P-1")])
    dairy.adjust("BER", [milk(1)], reason="found")
    dairy.move("LON", [{"sku": "MILK", "lot": "L1", "qty": 1, "from": "A-1", "to": "P-1"}])
    assert available(dairy) == [("BER", 5, 5, 0), ("LON", 8, 6, 2)]
    assert columns(dairy.put_lots(lines=RELEASED), "qty_blocked") == [(-11,)]
    assert available(dairy) == [("BER", 5, 0, 5), ("LON", 8, 0, 8)]


def test_a_lot_may_be_put_before_it_comes(dairy: Shop) -> None:
    [row] = dairy.put_lots(lines=[{"sku": "MILK", "lot": " N1 ", "expires_on": day(20), "quality": "hold"}])
    assert (row["lot"], row["outcome"], str(row["expires_on"]), row["qty_blocked"]) == ("N1", "created", day(20), 0)
    dairy.receive("LON", [milk(5, "N1")])
    assert blocked(dairy) == [("LON", "DEFAULT", "N1", "available")]
    [lot] = dairy.view("lots", lot="N1")
    assert (lot["sku"], str(lot["expires_on"]), lot["quality"]) == ("MILK", day(20), "hold")


def test_a_new_lot_is_released_unless_told_otherwise(dairy: Shop) -> None:
    assert columns(dairy.put_lots(lines=[{"sku": "MILK", "lot": "N1"}]), "quality", "expires_on", "outcome") == [("released", None, "created")]
    dairy.receive("LON", [milk(5, "N2")])
    assert columns(dairy.view("lots"), "lot", "quality") == [(lot, "released") for lot in ("L1", "L2", "N1", "N2")]


def test_what_is_as_it_was_changes_nothing(dairy: Shop) -> None:
    dairy.put_lots(lines=HOLD)
    before = dairy.view("ledger"), dairy.view("lots")
    for line in (MILK, HOLD[0], MILK | {"expires_on": day(5)}):
        assert columns(dairy.put_lots(lines=[line]), "quality", "outcome", "qty_blocked") == [("hold", "unchanged", 0)]
    assert (dairy.view("ledger"), dairy.view("lots")) == before


def test_what_something_else_blocks_stays_blocked(dairy: Shop) -> None:
    dairy.move("LON", [{"sku": "MILK", "lot": "L1", "qty": 1, "from": "A-1", "to": "Q-1"}])
    dairy.move("LON", [{"sku": "MILK", "lot": "L1", "qty": 1, "from": "A-2", "to_status": "damaged"}])
    elsewhere = blocked(dairy)
    assert columns(dairy.put_lots(lines=HOLD), "qty_blocked") == [(7,)]
    assert columns(dairy.put_lots(lines=RELEASED), "qty_blocked") == [(-7,)]
    assert blocked(dairy) == elsewhere


def test_a_lot_that_expired_meanwhile_stays_blocked_when_it_is_released(dairy: Shop, clock: Clock) -> None:
    dairy.put_lots(lines=HOLD)
    clock.advance(days=6)
    assert columns(dairy.put_lots(lines=RELEASED, reason="tested"), "qty_blocked") == [(0,)]
    assert available(dairy) == [("BER", 4, 4, 0), ("LON", 7, 5, 2)]
    told = [(row["reason"], row["blocked_delta"]) for row in dairy.view("ledger", warehouse="BER") if row["event_type"] == "STATUS"]
    assert told == [("lot quality", 4), ("tested", -4), ("expired", 4)]


def test_a_lot_that_has_expired_is_booked_as_that_before_it_is_held(dairy: Shop, clock: Clock) -> None:
    clock.advance(days=6)
    assert columns(dairy.put_lots(lines=HOLD), "qty_blocked") == [(0,)]
    assert {row["reason"] for row in dairy.view("ledger") if row["event_type"] == "STATUS"} == {"expired"}
    assert columns(dairy.put_lots(lines=RELEASED), "qty_blocked") == [(0,)]
    assert available(dairy) == [("BER", 4, 4, 0), ("LON", 7, 5, 2)]


def test_a_lot_that_is_released_expires_as_it_would_have(dairy: Shop, clock: Clock) -> None:
    dairy.put_lots(lines=HOLD)
    dairy.put_lots(lines=RELEASED)
    clock.set(f"{day(5)} 23:59:00 UTC")
    assert columns(dairy.reserve("O1", [{"sku": "MILK", "qty": 4}], warehouse="BER"), "outcome") == [("reserved",)]
    clock.set(f"{day(6)} 00:00:00 UTC")
    assert columns(dairy.reserve("O2", [{"sku": "MILK", "qty": 3}]), "outcome") == [("rejected",)]


def test_what_is_released_goes_to_who_waits_when_the_queue_is_filled(dairy: Shop) -> None:
    dairy.put_products(lines=[{"sku": "MILK", "backorder": "unlimited"}])
    dairy.put_lots(lines=HOLD)
    dairy.reserve("O1", [{"sku": "MILK", "qty": 6}], on_shortage="backorder")
    dairy.put_lots(lines=RELEASED)
    assert columns(dairy.fill_backorders(), "order_ref", "outcome", "qty_reserved") == [("O1", "filled", 6)]


def test_entries_say_why_and_nothing_else_is_written(dairy: Shop) -> None:
    before = len(dairy.view("ledger"))
    dairy.put_lots(lines=HOLD, reason="recall 4711")
    dairy.put_lots(lines=RELEASED)
    rows = dairy.view("ledger")[before:]
    assert sorted(columns(rows, "event_type", "reason", "warehouse", "location", "lot", "blocked_delta")) == [
        ("STATUS", "lot quality", "BER", "DEFAULT", "L1", -4),
        ("STATUS", "lot quality", "LON", "A-1", "L1", -3),
        ("STATUS", "lot quality", "LON", "A-2", "L1", -2),
        ("STATUS", "recall 4711", "BER", "DEFAULT", "L1", 4),
        ("STATUS", "recall 4711", "LON", "A-1", "L1", 3),
        ("STATUS", "recall 4711", "LON", "A-2", "L1", 2),
    ]


def test_other_lots_that_expired_are_left_as_they_are(dairy: Shop, clock: Clock, connect: Connect) -> None:
    dairy.receive("BER", [milk(1, "L3", expires_on=day(1)), milk(1, "L4", expires_on=day(2))])
    clock.advance(days=2)
    call(connect("operator"), "openstock_admin.block_expired_lots", tenant=dairy.tenant)
    dairy.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    dairy.receive("LON", [{"sku": "CREAM", "lot": "C1", "qty": 1, "expires_on": day(2)}])
    clock.advance(days=1)  # now L4 and C1 expire, of which nothing is booked
    before = len(dairy.view("ledger"))
    dairy.put_lots(lines=HOLD)
    rows = dairy.view("ledger")[before:]
    assert sorted(columns(rows, "sku", "lot", "reason")) == [("MILK", "L1", "lot quality")] * 3 + [("MILK", "L4", "expired")]


def test_several_lots_are_put_at_once(dairy: Shop) -> None:
    answer = dairy.put_lots(
        lines=[{"sku": "MILK", "lot": "L2", "quality": "rejected"}, {"sku": "MILK", "lot": "N1"}, {"line": 9, **MILK, "quality": "hold"}]
    )
    assert columns(answer, "line", "lot", "quality", "outcome", "qty_blocked") == [
        (1, "L2", "rejected", "updated", 2),
        (2, "N1", "released", "created", 0),
        (9, "L1", "hold", "updated", 9),
    ]
    assert columns(dairy.put_lots(lines=[{"sku": "MILK", "lot": "L2", "quality": "hold"}]), "outcome", "qty_blocked") == [("updated", 0)]


def test_lots_of_two_products_may_have_one_name(dairy: Shop) -> None:
    dairy.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    dairy.receive("LON", [{"sku": "CREAM", "lot": "L1", "qty": 5}])
    dairy.put_lots(lines=[MILK | {"quality": "hold"}, {"sku": "CREAM", "lot": "L1", "quality": "rejected"}])
    assert columns(dairy.view("lots", lot="L1"), "sku", "quality") == [("CREAM", "rejected"), ("MILK", "hold")]
    dairy.put_lots(lines=[MILK | {"quality": "rejected"}, {"sku": "CREAM", "lot": "L1", "quality": "hold"}])
    assert columns(dairy.view("lots", lot="L1"), "sku", "quality") == [("CREAM", "hold"), ("MILK", "rejected")]


def test_lots_that_one_call_makes_are_as_old_as_their_names_say(dairy: Shop, db: psycopg.Connection) -> None:
    names = [f"N{n}" for n in range(9)]
    dairy.put_lots(lines=[{"sku": "MILK", "lot": name} for name in reversed(names)])
    assert [name for (name,) in db.execute("select code from openstock_core.lot where code like 'N%' order by lot_id")] == names


def test_units_that_are_missing_and_held_stay_held(dairy: Shop) -> None:
    dairy.reserve("O1", [milk(2)], warehouse="LON")
    dairy.short_pick("O1", [{"sku": "MILK", "location": "A-1", "qty": 1}])
    dairy.put_lots(lines=HOLD)
    dairy.put_lots(lines=RELEASED)
    assert blocked(dairy) == [("LON", "A-1", "L1", "hold")]


def test_other_lots_products_and_tenants_are_left_alone(dairy: Shop, connect: Connect, db: psycopg.Connection) -> None:
    other = Shop(connect("app"), db, OTHER_TENANT).furnish()
    other.receive("LON", [milk(5)])
    dairy.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    dairy.receive("LON", [{"sku": "CREAM", "lot": "L1", "qty": 5}])
    dairy.put_lots(lines=HOLD)
    assert {row[2] for row in blocked(dairy)} == {"L1"}
    assert columns(dairy.availability("CREAM"), "available") == [(5,)]
    assert blocked(other) == []


def test_quality_outlives_a_rebuild(dairy: Shop, connect: Connect) -> None:
    dairy.reserve("O1", [{"sku": "MILK", "qty": 2}])
    dairy.put_lots(lines=HOLD)
    before = available(dairy), blocked(dairy)
    tear_down(dairy)
    call(connect("operator"), "openstock_admin.rebuild", tenant=dairy.tenant, replace=True)
    assert (available(dairy), blocked(dairy)) == before


def test_a_quote_offers_what_is_released(dairy: Shop) -> None:
    dairy.put_lots(lines=HOLD)
    offered = {row["warehouse"]: row["available"] for row in dairy.quote([{"sku": "MILK", "qty": 2}])}
    assert offered == {"LON": Decimal(2), "BER": Decimal(0), "SHUT": Decimal(0)}

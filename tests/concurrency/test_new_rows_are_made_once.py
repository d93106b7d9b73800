"""Two receipts make the same level, lot and bin at the same time."""

from __future__ import annotations

import pytest
from psycopg import IsolationLevel

from ..support import Shop, columns, day, fails
from .sessions import ALL_LEVELS, NEVER, OpenSession

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
NEW = [
    ("APPLE", [{"sku": "APPLE", "qty": 2, "location": "A-1"}]),
    ("MILK", [{"sku": "MILK", "qty": 2, "location": "A-1", "lot": "L1", "expires_on": day(9)}]),
]
each = pytest.mark.parametrize(("sku", "lines"), NEW, ids=["a level and a bin", "a level, a lot and a bin"])


@each
@every_level
@pytest.mark.parametrize(("commits", "on_hand"), [(True, 4), (False, 2)], ids=["both commit", "the first rolls back"])
def test_the_second_adds_to_what_the_first_made(
    shop: Shop, session: OpenSession, level: IsolationLevel, sku: str, lines: list[object], commits: bool, on_hand: int
) -> None:
    one, two = session(level), session(level)
    one.receive("LON", lines)
    waiting = two.blocked("receive", "LON", lines)
    one.commit() if commits else one.rollback()
    [row] = two.outcome(waiting, "receive", "LON", lines)
    assert row["on_hand"] == on_hand
    assert columns(shop.view("bins"), "sku", "on_hand") == [(sku, on_hand)]
    assert shop.differences() == []


@every_level
def test_a_new_bin_of_a_level_that_exists_is_made_once(shop: Shop, session: OpenSession, level: IsolationLevel) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    one, two = session(level), session(level)
    lines = [{"sku": "APPLE", "qty": 2, "location": "A-1"}]
    one.receive("LON", lines)
    waiting = two.blocked("receive", "LON", lines)
    one.commit()
    two.outcome(waiting, "receive", "LON", lines)
    assert columns(shop.view("bins"), "location", "on_hand") == [("A-1", 4), ("DEFAULT", 1)]
    assert shop.differences() == []


def test_a_new_lot_keeps_the_expiry_of_whoever_was_first(shop: Shop, session: OpenSession) -> None:
    for warehouse in ("LON", "BER"):  # else they would follow each other for the product
        shop.receive(warehouse, [{"sku": "MILK", "qty": 1, "lot": "L0"}])
    one, two, three = session(), session(), session()
    lot = {"sku": "MILK", "qty": 1, "lot": "L1"}
    one.receive("LON", [lot | {"expires_on": day(9)}])
    other = two.blocked("receive", "BER", [lot | {"expires_on": day(8)}])
    silent = three.blocked("receive", "BER", [lot])
    one.commit()
    assert two.refused(other) == "OS108"
    three.outcome(silent, "receive")
    assert [str(expires_on) for (expires_on,) in columns(shop.view("bins", lot="L1"), "expires_on")] == [day(9)] * 2
    assert shop.differences() == []


def test_a_new_lot_has_the_expiry_of_the_second_if_the_first_rolls_back(shop: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    lot = {"sku": "MILK", "qty": 1, "lot": "L1"}
    one.receive("LON", [lot | {"expires_on": day(9)}])
    other = two.blocked("receive", "LON", [lot | {"expires_on": day(8)}])
    one.rollback()
    two.outcome(other, "receive")
    assert [str(expires_on) for (expires_on,) in columns(shop.view("bins"), "expires_on")] == [day(8)]


@every_level
def test_two_new_orders_with_one_name_are_one_order(shop: Shop, session: OpenSession, level: IsolationLevel) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.receive("LON", [{"sku": "RICE", "qty": 5}])
    one, two = session(level), session(level)
    one.reserve("NEW", [{"sku": "APPLE", "qty": 1}])
    call = ("reserve", "NEW", [{"sku": "RICE", "qty": 2}])
    waiting = two.blocked(*call)
    one.commit()
    two.outcome(waiting, *call)
    assert columns(shop.view("reservations"), "line", "sku", "reserved") == [(1, "APPLE", 1), (2, "RICE", 2)]
    assert shop.differences() == []


def test_first_receipts_of_different_products_do_not_wait_for_each_other(shop: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    one.receive("LON", [{"sku": "APPLE", "qty": 1}])
    two.query("select set_config('lock_timeout', '1ms', false)").result()
    two.receive("LON", [{"sku": "RICE", "qty": 1}])
    two.commit()
    one.commit()
    assert (shop.level("APPLE"), shop.level("RICE")) == ((1, 0, 0, 1), (1, 0, 0, 1))


@pytest.fixture
def places(shop: Shop) -> Shop:
    """Milk in three warehouses, so that nobody waits for the product; in each it has a level."""
    shop.put_warehouses(lines=[{"code": "ROM"}])
    for warehouse in ("LON", "BER", "ROM"):
        shop.receive(warehouse, [{"sku": "MILK", "qty": 1, "lot": "L0"}])
    return shop


def new_lots(*lots: str, **keys: object) -> list[dict[str, object]]:
    return [{"sku": "MILK", "qty": 1, "lot": lot} | keys for lot in lots]


def test_new_lots_are_made_by_their_codes_in_whatever_order_they_are_named(places: Shop, session: OpenSession) -> None:
    """Who waits for another's lot holds none that comes after it, and nobody waits in a circle."""
    one, two, three = session(), session(), session()
    one.receive("LON", new_lots("L1"))
    waiting = two.blocked("receive", "BER", new_lots("L2", "L1"))
    three.unhindered("receive", "ROM", new_lots("L2"))
    three.commit()
    one.commit()
    two.outcome(waiting, "receive")
    assert columns(places.view("bins", warehouse="BER"), "lot", "on_hand") == [("L0", 1), ("L1", 1), ("L2", 1)]
    assert places.differences() == []


def test_of_several_lots_that_another_made_with_other_expiries_the_first_is_named(places: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    one.receive("LON", new_lots("L1", "L2", expires_on=day(9)))
    waiting = two.blocked("receive", "BER", new_lots("L2", "L1", expires_on=day(8)))
    one.commit()
    with fails("OS108", line=1, lot="L2", expires_on=day(9)):
        waiting.result(NEVER)

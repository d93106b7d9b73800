"""fefo: first expired; fifo: first in; lifo: last in; fewest_bins: fullest first. What is equal by the rule goes by the bin's pick order."""

from __future__ import annotations

import pytest

from tests.support import Clock, Shop, columns, day


def picked(shop: Shop, sku: str, qty: float, **arguments: object) -> list[tuple[object, ...]]:
    shop.reserve("PICK", [{"sku": sku, "qty": qty}])
    return columns(shop.allocate("PICK", **arguments), "location", "lot", "qty")


@pytest.fixture
def lots(shop: Shop) -> Shop:
    """MILK, 2 of each: NEVER came in first, then LATE, SOON and, last, NEXT."""
    for lot, expires_on in [("NEVER", None), ("LATE", day(90)), ("SOON", day(10)), ("NEXT", day(20))]:
        shop.receive("LON", [{"sku": "MILK", "qty": 2, "lot": lot, "expires_on": expires_on, "location": "A-1"}])
    return shop


def test_fefo_takes_the_first_to_expire_and_lots_without_expiry_last(lots: Shop) -> None:
    assert picked(lots, "MILK", 7) == [("A-1", "SOON", 2), ("A-1", "NEXT", 2), ("A-1", "LATE", 2), ("A-1", "NEVER", 1)]


def test_fifo_takes_the_first_in(lots: Shop) -> None:
    lots.put_products(lines=[{"sku": "MILK", "removal": "fifo"}])
    assert picked(lots, "MILK", 3) == [("A-1", "NEVER", 2), ("A-1", "LATE", 1)]


def test_lifo_takes_the_last_in(lots: Shop) -> None:
    lots.put_products(lines=[{"sku": "MILK", "removal": "lifo"}])
    assert picked(lots, "MILK", 3) == [("A-1", "NEXT", 2), ("A-1", "SOON", 1)]


@pytest.mark.parametrize(("rule", "first"), [("fefo", "SOON"), ("fifo", "NEVER"), ("lifo", "NEXT")])
def test_a_call_may_bring_its_own_rule(lots: Shop, rule: str, first: str) -> None:
    assert picked(lots, "MILK", 1, removal=rule) == [("A-1", first, 1)]


def test_equal_expiries_go_first_in_first_out(shop: Shop) -> None:
    for lot in ("L3", "L1", "L2"):
        shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": lot, "expires_on": day(10)}])
    assert picked(shop, "MILK", 3) == [("DEFAULT", "L3", 1), ("DEFAULT", "L1", 1), ("DEFAULT", "L2", 1)]


def test_what_came_together_goes_by_the_pick_order_of_its_bin(shop: Shop) -> None:
    shop.put_locations(
        "LON", [{"code": "A-1", "pick_order": 30}, {"code": "A-2", "pick_order": 10}, {"code": "P-1", "pick_order": 20}]
    )
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": location} for location in ("A-1", "A-2", "P-1")])
    assert picked(shop, "APPLE", 3) == [("A-2", None, 1), ("P-1", None, 1), ("A-1", None, 1)]


def test_one_lot_in_two_bins_goes_by_their_age(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "L1", "expires_on": day(10), "location": "P-1"}])
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "L1", "location": "A-1"}])
    assert picked(shop, "MILK", 2) == [("P-1", "L1", 1), ("A-1", "L1", 1)]


def test_a_bin_that_is_filled_up_keeps_its_age_and_one_that_was_emptied_does_not(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-2"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}])
    assert picked(shop, "APPLE", 1) == [("A-1", None, 1)]
    shop.release("PICK")
    shop.adjust("LON", [{"sku": "APPLE", "qty": -2, "location": "A-1"}], reason="lost")
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-1"}])
    shop.reserve("NEXT", [{"sku": "APPLE", "qty": 2}])
    assert columns(shop.allocate("NEXT"), "location", "qty") == [("A-2", 1), ("A-1", 1)]


def test_blocked_bins_and_pinned_units_are_passed_over(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-1"}])
    shop.receive(
        "LON", [{"sku": "APPLE", "qty": 3, "location": "Q-1"}, {"sku": "APPLE", "qty": 3, "status": "damaged"}]
    )
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-2"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2}])
    shop.allocate("O1")
    assert picked(shop, "APPLE", 4) == [("A-1", None, 1), ("A-2", None, 3)]


def test_an_expired_lot_is_passed_over(lots: Shop, clock: Clock) -> None:
    clock.advance(days=12)
    assert picked(lots, "MILK", 3) == [("A-1", "NEXT", 2), ("A-1", "LATE", 1)]


def test_a_lot_is_picked_until_the_end_of_its_last_day(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": day(40)}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 1}])
    shop.reserve("O2", [{"sku": "MILK", "qty": 1}])
    clock.set(f"{day(40)} 23:59:00 UTC")
    assert columns(shop.allocate("O1"), "outcome") == [("allocated",)]
    clock.set(f"{day(41)} 00:00:00 UTC")
    assert columns(shop.allocate("O2"), "outcome") == [("short",)]


@pytest.fixture
def bins(shop: Shop) -> Shop:
    """APPLE: first 2 in A-1, then 9 in A-2, of which 5 are pinned, and 4 in P-1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 9, "location": "A-2"}])
    shop.reserve("PINNED", [{"sku": "APPLE", "qty": 5}])
    shop.allocate("PINNED", removal="lifo")
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "P-1"}])
    return shop


def test_fewest_bins_takes_the_bin_with_most_free_units_first(bins: Shop) -> None:
    assert picked(bins, "APPLE", 9, removal="fewest_bins") == [("A-2", None, 4), ("P-1", None, 4), ("A-1", None, 1)]


def test_fewest_bins_is_a_rule_that_a_product_may_have(bins: Shop) -> None:
    bins.put_products(lines=[{"sku": "APPLE", "removal": "fewest_bins"}])
    bins.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-2"}], reason="lost")
    assert picked(bins, "APPLE", 4) == [("P-1", None, 4)]
    bins.release("PICK")
    bins.reserve("NEXT", [{"sku": "APPLE", "qty": 2}])
    assert columns(bins.allocate_next("LON"), "order_ref", "location", "qty") == [("NEXT", "P-1", 2)]
    assert bins.differences() == []


def test_bins_with_as_many_units_go_by_age_and_pick_order(shop: Shop) -> None:
    shop.put_locations("LON", [{"code": "A-1", "pick_order": 3}, {"code": "A-2", "pick_order": 2}, {"code": "P-1", "pick_order": 1}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": location} for location in ("A-2", "P-1")])
    assert [location for location, *_ in picked(shop, "APPLE", 6, removal="fewest_bins")] == ["A-1", "P-1", "A-2"]


def test_fewest_bins_ships_what_was_not_pinned_by_the_same_rule(bins: Shop) -> None:
    bins.put_products(lines=[{"sku": "APPLE", "removal": "fewest_bins"}])
    bins.release("PINNED")
    bins.reserve("O1", [{"sku": "APPLE", "qty": 3}])
    assert columns(bins.ship("O1"), "location", "qty") == [("A-2", 3)]

"""Where more is promised than can be had, the view says how much, and whose claim is the weakest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.holds import stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns, day
from tests.waiting import backorder, let_wait


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """10 APPLE in A-1, of which O1 has 4 and O2 has 6. In the end all is as verify wants it."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    shop.reserve("O2", [{"sku": "APPLE", "qty": 6}])
    yield shop
    assert shop.differences() == []


def lose(shop: Shop, qty: float) -> None:
    shop.adjust("LON", [{"sku": "APPLE", "qty": -qty, "location": "A-1"}], reason="lost")


def short(shop: Shop) -> list[tuple[Any, ...]]:
    """(sku, warehouse, on_hand, blocked, reserved, qty_short) of every shortage."""
    return columns(shop.view("shortages"), "sku", "warehouse", "on_hand", "blocked", "reserved", "qty_short")


def at_risk(shop: Shop) -> list[str]:
    """The orders of the one shortage, the weakest claim first."""
    [row] = shop.view("shortages")
    return [order["order_ref"] for order in row["orders"]]


def test_there_is_none_where_every_promise_has_a_unit(shop: Shop) -> None:
    assert short(shop) == []


def test_a_loss(shop: Shop) -> None:
    lose(shop, 3)
    assert short(shop) == [("APPLE", "LON", 7, 0, 10, 3)]
    [row] = shop.view("shortages")
    assert row["orders"] == [{"order_ref": "O2", "line": 1, "reserved": 6, "allocated": 0, "priority": 0}]


def test_as_many_orders_as_hold_what_is_short(shop: Shop) -> None:
    lose(shop, 6)
    assert at_risk(shop) == ["O2"]
    lose(shop, 1)
    assert at_risk(shop) == ["O2", "O1"]


def test_a_block(shop: Shop) -> None:
    shop.move("LON", [{"sku": "APPLE", "qty": 2, "from": "A-1", "to": "Q-1"}])
    assert short(shop) == [("APPLE", "LON", 10, 2, 10, 2)]
    shop.move("LON", [{"sku": "APPLE", "qty": 2, "from": "Q-1", "to": "A-1"}])
    assert short(shop) == []


def test_a_lot_that_has_expired_booked_or_not(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 2.5, "lot": "L1", "expires_on": day(2)}])
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "L2", "expires_on": day(30)}])
    shop.reserve("O3", [{"sku": "MILK", "qty": 3}])
    clock.set(f"{day(2)} 23:59:00 UTC")
    assert short(shop) == []
    clock.set(f"{day(3)} 00:00:00 UTC")
    expected = [("MILK", "LON", 3.5, 2.5, 3, 2)]
    assert short(shop) == expected
    shop.db.execute("select openstock_admin.block_expired_lots(%s)", [shop.tenant])
    assert short(shop) == expected


def test_the_weakest_claim_has_the_lowest_priority(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "A-1"}])
    shop.reserve("HIGH", [{"sku": "APPLE", "qty": 2}], priority=1)
    shop.reserve("LOW", [{"sku": "APPLE", "qty": 2}], priority=-1)
    lose(shop, 13)
    assert at_risk(shop) == ["LOW", "O2", "O1", "HIGH"]


def test_of_one_priority_what_is_not_pinned_is_weaker_then_the_younger(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-2"}])
    shop.allocate("O2")
    shop.reserve("O3", [{"sku": "APPLE", "qty": 1}])
    lose(shop, 4)
    assert at_risk(shop) == ["O3", "O1"]
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-1"}])
    assert (short(shop), at_risk(shop)) == ([("APPLE", "LON", 10, 0, 11, 1)], ["O3"])


def test_a_hold_counts_until_it_ends(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-1"}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2}], ttl="1 hour")
    lose(shop, 3)
    stop_before_the_end(clock, shop, "CART")
    assert (short(shop), at_risk(shop)) == ([("APPLE", "LON", 9, 0, 12, 3)], ["CART", "O2"])
    stop_at_the_end(clock, shop, "CART")
    assert (short(shop), at_risk(shop)) == ([("APPLE", "LON", 9, 0, 10, 1)], ["O2"])
    shop.expire_reservations()
    assert short(shop) == [("APPLE", "LON", 9, 0, 10, 1)]


def test_of_expired_lots_only_units_that_could_be_promised_here_are_blocked(shop: Shop, clock: Clock) -> None:
    """Those of another warehouse, of another product, and in quarantine, which are blocked already, are not added."""
    shop.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    lot = {"lot": "L1", "expires_on": day(2)}
    shop.receive("LON", [{"sku": "MILK", "qty": 5, **lot}, {"sku": "MILK", "qty": 1, "location": "Q-1", **lot}, {"sku": "CREAM", "qty": 2, **lot}])
    shop.receive("BER", [{"sku": "MILK", "qty": 4, **lot}])
    shop.reserve("O3", [{"sku": "MILK", "qty": 5, "warehouse": "LON"}])
    clock.set(f"{day(3)} 00:00:00 UTC")
    assert short(shop) == [("MILK", "LON", 6, 6, 5, 5)]


def test_holds_of_other_products_and_warehouses_that_ended_free_nothing_here(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-1"}, {"sku": "RICE", "qty": 3}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    held = [("APPLE", 2, "LON"), ("RICE", 3, "LON"), ("APPLE", 4, "BER")]
    shop.reserve("CART", [{"sku": sku, "qty": qty, "warehouse": warehouse} for sku, qty, warehouse in held], ttl="1 hour")
    lose(shop, 3)
    stop_at_the_end(clock, shop, "CART")
    assert short(shop) == [("APPLE", "LON", 9, 0, 10, 1)]


def test_orders_of_other_products_and_warehouses_are_not_at_risk(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "RICE", "qty": 1}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 1}])
    shop.reserve("O3", [{"sku": "RICE", "qty": 1, "warehouse": "LON"}])
    shop.reserve("O4", [{"sku": "APPLE", "qty": 1, "warehouse": "BER"}])
    lose(shop, 2)
    assert at_risk(shop) == ["O2"]


def test_an_order_that_is_gone_is_not_at_risk(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}])
    shop.reserve("O3", [{"sku": "APPLE", "qty": 1}])
    shop.ship("O3")
    lose(shop, 2)
    assert at_risk(shop) == ["O2"]


def test_safety_stock_plays_no_part(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "APPLE", "safety_stock": 5}])
    assert (shop.level("APPLE"), short(shop)) == ((10, 0, 10, -5), [])


def test_what_waits_for_stock_plays_no_part(shop: Shop) -> None:
    let_wait(shop)
    backorder(shop, "O3", 5)
    assert short(shop) == []


def test_every_warehouse_by_itself_inactive_ones_and_products_too(shop: Shop) -> None:
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}])
    shop.reserve("O3", [{"sku": "APPLE", "qty": 5, "warehouse": "BER"}])
    shop.adjust("BER", [{"sku": "APPLE", "qty": -1}], reason="lost")
    shop.put_warehouses(lines=[{"code": "BER", "active": False}])
    shop.put_products(lines=[{"sku": "APPLE", "active": False}])
    assert short(shop) == [("APPLE", "BER", 4, 0, 5, 1)]
    shop.receive("LON", [{"sku": "RICE", "qty": 1}])
    lose(shop, 1)
    assert columns(shop.view("shortages"), "warehouse", "qty_short") == [("BER", 1), ("LON", 1)]


def test_it_is_gone_when_goods_come_in_or_the_order_gives_way(shop: Shop) -> None:
    lose(shop, 4)
    shop.release("O2", [{"line": 1, "qty": 3}])
    assert short(shop) == [("APPLE", "LON", 6, 0, 7, 1)]
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert short(shop) == []

"""A hold is taken off what can be promised until it ends, and whether its end was booked makes no difference."""

from __future__ import annotations

import pytest

from tests.holds import end_of, stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns, day


@pytest.fixture
def carts(shop: Shop) -> Shop:
    """10 APPLE in London and 4 in Berlin: CART holds 5 there and 2 here for an hour; ORDER has 1 without end."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    for warehouse, qty in [("LON", 5), ("BER", 2)]:
        shop.reserve("CART", [{"sku": "APPLE", "qty": qty, "warehouse": warehouse}], ttl="1 hour")
    shop.reserve("ORDER", [{"sku": "APPLE", "qty": 1}])
    return shop


def seen(shop: Shop, sku: str = "APPLE") -> list[tuple[object, ...]]:
    answer = shop.availability(sku)
    assert answer == shop.view("stock", sku=sku)
    return columns(answer, "warehouse", "on_hand", "blocked", "reserved", "available")


def test_to_the_microsecond(carts: Shop, clock: Clock) -> None:
    stop_before_the_end(clock, carts, "CART")
    assert seen(carts) == [("BER", 4, 0, 2, 2), ("LON", 10, 0, 6, 4)]
    clock.stop(max(row["expires_at"] for row in carts.view("reservations", order_ref="CART")))
    assert seen(carts) == [("BER", 4, 0, 0, 4), ("LON", 10, 0, 1, 9)]
    carts.expire_reservations()
    assert seen(carts) == [("BER", 4, 0, 0, 4), ("LON", 10, 0, 1, 9)]


def test_of_one_warehouse(carts: Shop, clock: Clock) -> None:
    clock.advance(hours=2)
    assert columns(carts.availability("APPLE", warehouse="BER"), "reserved", "available") == [(0, 4)]


def test_only_what_has_ended_counts_again(carts: Shop, clock: Clock) -> None:
    carts.reserve("LATER", [{"sku": "APPLE", "qty": 2}], ttl="3 hours")
    clock.advance(hours=2)
    assert seen(carts)[1] == ("LON", 10, 0, 3, 7)
    clock.stop(end_of(carts, "LATER"))
    assert seen(carts)[1] == ("LON", 10, 0, 1, 9)


def test_what_another_product_had_reserved_counts_for_that_alone(carts: Shop, clock: Clock) -> None:
    carts.receive("LON", [{"sku": "RICE", "qty": 3}])
    carts.reserve("CART", [{"sku": "RICE", "qty": 3}], ttl="1 hour")
    clock.advance(hours=2)
    assert seen(carts) == [("BER", 4, 0, 0, 4), ("LON", 10, 0, 1, 9)]
    assert seen(carts, "RICE") == [("LON", 3, 0, 0, 3)]


@pytest.mark.parametrize("done", ["confirm", "ship", "release"])
def test_what_became_of_it_before_its_end_stays(carts: Shop, clock: Clock, done: str) -> None:
    getattr(carts, done)("CART")
    before = seen(carts)
    clock.advance(hours=2)
    assert seen(carts) == before


def test_after_a_loss_available_is_negative_only_as_long_as_the_hold_lives(carts: Shop, clock: Clock) -> None:
    carts.adjust("LON", [{"sku": "APPLE", "qty": -8}], reason="lost")
    assert seen(carts)[1] == ("LON", 2, 0, 6, -4)
    stop_at_the_end(clock, carts, "CART")
    assert seen(carts)[1] == ("LON", 2, 0, 1, 1)


def test_safety_stock_is_kept_back(carts: Shop, clock: Clock) -> None:
    carts.put_products(lines=[{"sku": "APPLE", "safety_stock": 3}])
    clock.advance(hours=2)
    assert seen(carts) == [("BER", 4, 0, 0, 1), ("LON", 10, 0, 1, 6)]


def test_a_lot_and_a_hold_that_end_at_once_are_both_counted(shop: Shop, clock: Clock) -> None:
    shop.receive(
        "LON",
        [{"sku": "MILK", "qty": 5, "lot": "SOON", "expires_on": day(2)}, {"sku": "MILK", "qty": 4, "lot": "OTHER"}],
    )
    shop.reserve("CART", [{"sku": "MILK", "qty": 7}], ttl="1 hour")
    clock.advance(days=4)
    assert seen(shop, "MILK") == [("LON", 9, 5, 0, 4)]
    shop.expire_reservations()
    assert seen(shop, "MILK") == [("LON", 9, 5, 0, 4)]

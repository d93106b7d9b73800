"""What an order gives back is kept for its channel again, as far as it was taken from the quota; what is shipped counts as taken from elsewhere first."""

from __future__ import annotations

import pytest

from tests.channels import buy, fenced, keep, kept, open_channels
from tests.holds import stop_at_the_end
from tests.support import Clock, Shop, columns


@pytest.fixture
def market(shop: Shop) -> Shop:
    """10 apples in London, 6 kept for WEB; order O1 of WEB has 8: 6 of them were kept."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    open_channels(shop)
    keep(shop, "WEB", 6)
    buy(shop, "O1", 8, "WEB", ttl="1 hour")
    return shop


def release(shop: Shop, qty: int) -> tuple[object, ...]:
    """Release units, and say what is then available."""
    [row] = shop.release("O1", [{"sku": "APPLE", "qty": qty}])
    return row["available"], kept(shop).get("WEB", 0)


def test_kept_units_go_back_first(market: Shop) -> None:
    assert [release(market, qty) for qty in (4, 3, 1)] == [(2, 4), (3, 6), (4, 6)]
    assert market.entries("reserved_delta", "quota_delta", event_type="RELEASE") == [(-4, 4), (-3, 2), (-1, 0)]
    assert market.differences() == []


def test_what_is_shipped_was_taken_from_elsewhere_first(market: Shop) -> None:
    market.ship("O1", [{"sku": "APPLE", "qty": 3}])
    assert release(market, 5) == (2, 5)
    assert market.differences() == []


def test_nothing_goes_back_of_what_was_not_kept(market: Shop) -> None:
    buy(market, "O2", 2, "MARKET")
    market.cancel("O2")
    assert (kept(market), fenced(market)) == ({}, (0, 2))


def test_a_cancelled_order_gives_all_back(market: Shop) -> None:
    market.cancel("O1")
    assert (kept(market), fenced(market)) == ({"WEB": 6}, (6, 4))


@pytest.mark.parametrize("booked", [True, False], ids=["booked", "not booked"])
def test_a_hold_that_ends_gives_all_back(market: Shop, clock: Clock, booked: bool) -> None:
    stop_at_the_end(clock, market, "O1")
    if booked:
        [row] = market.expire_reservations()
        assert row["available"] == 4
        assert market.entries("reserved_delta", "quota_delta", event_type="EXPIRE") == [(-8, 6)]
    assert (kept(market), fenced(market)) == ({"WEB": 6}, (6, 4))
    assert market.differences() == []


def test_it_goes_back_to_a_quota_that_was_set_to_nothing_meanwhile(market: Shop) -> None:
    keep(market, "WEB", 0)
    market.release("O1")
    assert (kept(market), fenced(market)) == ({"WEB": 6}, (6, 4))
    assert market.differences() == []


@pytest.mark.parametrize("booked", [True, False], ids=["booked", "not booked"])
def test_what_a_closed_channel_gives_back_is_for_all(market: Shop, clock: Clock, booked: bool) -> None:
    market.put_channels(lines=[{"code": "WEB", "active": False}])
    [row] = market.release("O1", [{"sku": "APPLE", "qty": 3}])
    assert (row["available"], kept(market), fenced(market)) == (5, {}, (0, 5))
    stop_at_the_end(clock, market, "O1")
    if booked:
        market.expire_reservations()
    assert (kept(market), fenced(market)) == ({}, (0, 10))
    assert columns(buy(market, "O2", 10), "outcome") == [("reserved",)]
    assert market.differences() == []

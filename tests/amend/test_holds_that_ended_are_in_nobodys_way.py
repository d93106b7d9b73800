"""An amended order may have what holds that ended still keep, whether or not that is booked, and what they keep is booked before it is promised."""

from __future__ import annotations

import pytest

from tests.channels import keep, kept
from tests.support import Clock, Shop, columns


@pytest.mark.parametrize("swept", [True, False])
def test_its_channels_quota_is_used_first(shop: Shop, clock: Clock, swept: bool) -> None:
    shop.put_channels(lines=[{"code": "WEB"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 6}])
    keep(shop, "WEB", 2)
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2}], channel="WEB", ttl="1 hour")  # what is kept for it
    shop.reserve("MINE", [{"sku": "APPLE", "qty": 3}], channel="WEB")
    clock.advance(hours=2)
    if swept:
        shop.expire_reservations()
    shop.amend("MINE", [{"line": 1, "qty": 0}, {"line": 2, "sku": "APPLE", "qty": 3}])
    assert kept(shop) == {}
    assert columns(shop.reserve("NEXT", [{"sku": "APPLE", "qty": 3}]), "outcome") == [("reserved",)]
    assert shop.differences() == []


def test_what_they_keep_is_booked_also_where_more_is_given_back_than_taken(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 9}])
    shop.reserve("MINE", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 4}], ttl="1 hour")
    shop.adjust("LON", [{"sku": "APPLE", "qty": -7}], reason="a flood")
    clock.advance(hours=2)
    shop.amend("MINE", [{"line": 1, "qty": 0}, {"line": 2, "sku": "APPLE", "qty": 2}])
    assert shop.entries("order_ref", event_type="EXPIRE") == [("CART",)]
    assert shop.differences() == []


@pytest.mark.parametrize("elsewhere", [{"sku": "RICE", "warehouse": "LON"}, {"sku": "APPLE", "warehouse": "BER"}], ids=["product", "warehouse"])
def test_what_is_given_back_elsewhere_is_no_help(shop: Shop, clock: Clock, elsewhere: dict[str, str]) -> None:
    for line in ({"sku": "APPLE", "warehouse": "LON"}, elsewhere):
        shop.receive(line["warehouse"], [{"sku": line["sku"], "qty": 4}])
    shop.reserve("MINE", [elsewhere | {"qty": 4}])
    shop.reserve("CART", [{"sku": "APPLE", "warehouse": "LON", "qty": 4}], ttl="1 hour")
    clock.advance(hours=2)
    shop.amend("MINE", [{"line": 1, "qty": 0}, {"line": 2, "sku": "APPLE", "warehouse": "LON", "qty": 2}])
    assert shop.entries("order_ref", event_type="EXPIRE") == [("CART",)]


def test_quantities_without_end_are_short_as_elsewhere(shop: Shop, clock: Clock) -> None:
    shop.put_products(lines=[{"sku": "OIL", "name": "Oil", "decimals": 6}])
    shop.receive("LON", [{"sku": "OIL", "qty": 5}])
    lines = [{"sku": "OIL", "qty": 999999999999} for _ in range(10)]
    shop.reserve("CART", [{"sku": "OIL", "qty": 1}], ttl="1 hour")
    clock.advance(hours=2)
    assert columns(shop.reserve("NEW", lines), "outcome", "available") == [("rejected", 5)]


def test_a_rejection_tells_quantities_without_zeros_that_say_nothing(shop: Shop, clock: Clock) -> None:
    shop.put_products(lines=[{"sku": "OIL", "name": "Oil", "decimals": 1}])
    shop.receive("LON", [{"sku": "OIL", "qty": 9}])
    for order_ref in ("CART1", "CART2"):
        shop.reserve(order_ref, [{"sku": "OIL", "qty": 1.5}], ttl="1 hour")
    clock.advance(hours=2)
    [row, _] = shop.reserve("NEW", [{"sku": "OIL", "qty": 2}, {"sku": "APPLE", "qty": 1}])
    assert [str(row[name]) for name in ("outcome", "on_hand", "reserved", "available")] == ["rejected", "9", "0", "9"]

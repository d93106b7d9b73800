"""A backorder of a channel is filled from what is free for it, its quota first; one of nobody's never from what is kept."""

from __future__ import annotations

import pytest

from tests.channels import buy, fenced, keep, kept, open_channels
from tests.support import Clock, Shop, columns
from tests.waiting import filled, let_wait, queue


@pytest.fixture
def market(shop: Shop) -> Shop:
    """No apples in London, 3 kept for WEB all the same; FIRST, of no channel, waits for 2, and then WEB for 4."""
    let_wait(shop)
    open_channels(shop)
    keep(shop, "WEB", 3)
    buy(shop, "FIRST", 2, on_shortage="backorder")
    buy(shop, "SECOND", 4, "WEB", on_shortage="backorder")
    return shop


def test_the_queue_says_who_waits_through_which_channel(market: Shop) -> None:
    assert columns(market.view("backorders"), "order_ref", "channel", "qty") == [("FIRST", None, 2), ("SECOND", "WEB", 4)]
    assert columns(market.view("order_lines"), "order_ref", "channel") == [("FIRST", None), ("SECOND", "WEB")]


@pytest.mark.parametrize("by_receipt", [True, False], ids=["receive", "fill_backorders"])
@pytest.mark.parametrize(
    ("qty", "left", "still_kept"),
    [
        (2, [("FIRST", None, 2), ("SECOND", None, 2)], {"WEB": 1}),
        (3, [("FIRST", None, 2), ("SECOND", None, 1)], {}),
        (4, [("FIRST", None, 1), ("SECOND", None, 1)], {}),
        (6, [], {}),
    ],
)
def test_what_comes_in_is_kept_first_and_the_rest_goes_by_place(
    market: Shop, by_receipt: bool, qty: int, left: list[tuple[object, ...]], still_kept: dict[str, int]
) -> None:
    market.receive("LON", [{"sku": "APPLE", "qty": qty}], fill_backorders=by_receipt)
    if not by_receipt:
        market.fill_backorders()
    assert (queue(market), kept(market)) == (left, still_kept)
    assert market.differences() == []


def test_the_entries_say_what_came_out_of_the_quota(market: Shop) -> None:
    market.receive("LON", [{"sku": "APPLE", "qty": 6}], fill_backorders=False)
    assert filled(market.fill_backorders()) == [("FIRST", 1, "LON", "filled", 2), ("SECOND", 1, "LON", "filled", 4)]
    assert market.entries("order_ref", "reserved_delta", "quota_delta", event_type="RESERVE") == [("FIRST", 2, 0), ("SECOND", 4, -3)]
    market.cancel("SECOND")
    assert (kept(market), fenced(market)) == ({"WEB": 3}, (3, 1))
    assert market.differences() == []


def test_who_is_first_in_the_queue_takes_from_the_quota_first(market: Shop) -> None:
    buy(market, "THIRD", 2, "WEB", on_shortage="backorder")
    keep(market, "WEB", 5)
    market.receive("LON", [{"sku": "APPLE", "qty": 9}])
    assert market.entries("order_ref", "reserved_delta", "quota_delta", event_type="RESERVE") == [("FIRST", 2, 0), ("SECOND", 4, -4), ("THIRD", 2, -1)]


def test_what_is_kept_of_another_product_fills_nobody(market: Shop) -> None:
    keep(market, "WEB", 5, "RICE")
    market.receive("LON", [{"sku": "APPLE", "qty": 4}])
    assert (queue(market), kept(market), kept(market, "RICE")) == ([("FIRST", None, 1), ("SECOND", None, 1)], {}, {"WEB": 5})


def test_who_is_filled_in_parts_takes_from_the_quota_once(market: Shop) -> None:
    for _ in range(3):
        market.receive("LON", [{"sku": "APPLE", "qty": 2}])
    assert columns(market.view("reservations", order_ref="SECOND", warehouse="LON"), "channel", "reserved") == [("WEB", 4)]
    assert (queue(market), kept(market), fenced(market)) == ([], {}, (0, 0))
    assert market.differences() == []


def test_the_safety_stock_fills_who_may_use_it(market: Shop) -> None:
    market.put_products(lines=[{"sku": "APPLE", "safety_stock": 5}])
    keep(market, "WEB", 0)
    buy(market, "THIRD", 4, "TILL", on_shortage="backorder")
    market.receive("LON", [{"sku": "APPLE", "qty": 3}])
    assert queue(market) == [("FIRST", None, 2), ("SECOND", None, 4), ("THIRD", None, 1)]
    assert fenced(market) == (0, -5)
    assert market.differences() == []


def test_many_that_cannot_have_what_is_kept_do_not_keep_others_from_it(market: Shop) -> None:
    market.receive("LON", [{"sku": "APPLE", "qty": 3}], fill_backorders=False)
    assert filled(market.fill_backorders(max_rows=1)) == [("SECOND", 1, "LON", "filled", 3)]


def test_no_trace_is_left_where_nobody_who_waits_may_have_what_is_kept(market: Shop) -> None:
    keep(market, "MARKET", 5)
    market.receive("LON", [{"sku": "APPLE", "qty": 5}], fill_backorders=False)
    keep(market, "WEB", 0)
    assert market.fill_backorders(op_id=None) == []
    assert market.db.execute("select count(*) from openstock_core.operation where op_id like 'openstock.%'").fetchone() == (0,)


def test_holds_that_ended_are_booked_for_whoever_waits(market: Shop, clock: Clock) -> None:
    """The hold that ended first gives back to a quota that nobody waits for: the next is needed too."""
    market.receive("LON", [{"sku": "APPLE", "qty": 5}], fill_backorders=False)
    keep(market, "WEB", 0)
    keep(market, "MARKET", 3)
    buy(market, "CART", 3, "MARKET", ttl="1 hour")
    buy(market, "CART", 2, ttl="1 hour")
    clock.advance(hours=1)
    market.fill_backorders()
    assert (queue(market), kept(market)) == ([("SECOND", None, 4)], {"MARKET": 3})
    assert market.differences() == []

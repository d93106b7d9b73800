"""A channel is promised what is available, what is kept for it, and the safety stock if it may use it; its quota goes first."""

from __future__ import annotations

import psycopg
import pytest

from tests.channels import buy, fenced, free, keep, kept, open_channels
from tests.holds import stop_at_the_end
from tests.support import Clock, Shop, columns, refused, unchanged


@pytest.fixture
def market(shop: Shop) -> Shop:
    """10 apples in London, of which 2 are safety stock; 4 are kept for WEB and 3 for TILL: 1 is left for others."""
    shop.put_products(lines=[{"sku": "APPLE", "safety_stock": 2}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    open_channels(shop)
    keep(shop, "WEB", 4)
    keep(shop, "TILL", 3)
    return shop


@pytest.mark.parametrize(("channel", "most"), [(None, 1), ("MARKET", 1), ("WEB", 5), ("TILL", 6)])
def test_each_gets_what_is_free_for_it_and_not_a_unit_more(market: Shop, channel: str | None, most: int) -> None:
    assert free(market, channel) == most
    assert columns(buy(market, "MORE", most + 1, channel), "outcome", "available", "qty_short", "offers") == [
        ("rejected", most, 1, [{"warehouse": "LON", "available": most}])
    ]
    assert columns(buy(market, "ALL", most, channel), "outcome", "qty_reserved") == [("reserved", most)]
    assert free(market, channel) == 0
    assert market.differences() == []


def test_a_quota_is_used_before_what_anyone_can_have(market: Shop) -> None:
    [row] = buy(market, "O1", 3, "WEB")
    assert (row["available"], kept(market), fenced(market)) == (1, {"WEB": 1, "TILL": 3}, (4, 1))
    [row] = buy(market, "O2", 2, "WEB")
    assert (row["available"], kept(market), fenced(market)) == (0, {"TILL": 3}, (3, 0))
    assert market.entries("order_ref", "reserved_delta", "quota_delta", event_type="RESERVE") == [("O1", 3, -3), ("O2", 2, -1)]
    assert market.differences() == []


def test_safety_stock_is_used_last(market: Shop) -> None:
    [row] = buy(market, "O1", 6, "TILL")
    assert (row["available"], kept(market)) == (-2, {"WEB": 4})
    assert (free(market), free(market, "WEB"), free(market, "TILL")) == (-2, 2, 0)
    assert market.view("shortages") == []


def test_lines_of_one_call_share_the_quota_in_their_order(market: Shop) -> None:
    rows = market.reserve("O1", [{"sku": "APPLE", "qty": 3, "line": 9}, {"sku": "APPLE", "qty": 2, "line": 5}], channel="WEB")
    assert columns(rows, "line", "qty_reserved", "available") == [(5, 2, 0), (9, 3, 0)]
    assert {row["line"]: row["quota_delta"] for row in market.view("ledger", order_ref="O1")} == {9: -3, 5: -1}
    assert (kept(market), fenced(market)) == ({"TILL": 3}, (3, 0))
    assert market.differences() == []


def test_lines_that_ask_for_certain_units_share_the_quota_in_their_order(market: Shop) -> None:
    market.put_products(lines=[{"sku": "APPLE", "safety_stock": 0}])
    for location in ("A-1", "A-2"):
        market.move("LON", [{"sku": "APPLE", "qty": 3, "to": location}])
    lines = [{"sku": "APPLE", "qty": 2, "line": line, "location": location} for line, location in ((9, "A-2"), (5, "A-1"), (7, "A-2"))]
    lines[2]["qty"] = 1
    market.reserve("O1", lines, warehouse="LON", channel="WEB")
    promised = market.entries("line", "quota_delta", order_ref="O1", event_type="RESERVE")
    assert dict(promised) == {9: -2, 5: -2, 7: 0}
    assert market.differences() == []


def test_every_row_shows_what_is_available_after_it(market: Shop) -> None:
    market.receive("LON", [{"sku": "APPLE", "qty": 5}])
    rows = market.reserve("O1", [{"sku": "APPLE", "qty": 3, "line": 1}, {"sku": "APPLE", "qty": 3, "line": 2}], channel="WEB")
    assert columns(rows, "reserved", "available") == [(3, 6), (6, 4)]
    assert fenced(market) == (3, 4)


def test_each_warehouse_gives_what_it_keeps(market: Shop) -> None:
    market.receive("BER", [{"sku": "APPLE", "qty": 5}])
    keep(market, "WEB", 2, warehouse="BER")
    assert columns(buy(market, "O1", 8, "WEB"), "warehouse", "qty_reserved") == [("LON", 5), ("BER", 3)]
    assert sorted(market.entries("warehouse", "quota_delta", event_type="RESERVE")) == [("BER", -2), ("LON", -4)]
    assert (kept(market), kept(market, warehouse="BER")) == ({"TILL": 3}, {})
    assert columns(buy(market, "O2", 1), "outcome", "offers") == [("rejected", [])]


def test_each_product_uses_its_own_quota(market: Shop) -> None:
    market.receive("LON", [{"sku": "RICE", "qty": 10}])
    keep(market, "WEB", 5, "RICE")
    lines = [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 1}]
    assert columns(market.quote(lines, warehouse="LON", channel="WEB"), "sku", "available") == [("APPLE", 5), ("RICE", 10)]
    market.reserve("O1", [{"sku": "APPLE", "qty": 5}, {"sku": "RICE", "qty": 6}], channel="WEB")
    assert (kept(market), kept(market, "RICE")) == ({"TILL": 3}, {})
    assert (fenced(market), fenced(market, "RICE")) == ((3, 0), (0, 4))
    assert market.differences() == []


def test_a_part_is_promised_where_that_is_wanted(market: Shop) -> None:
    rows = buy(market, "O1", 9, "WEB", on_shortage="partial")
    assert columns(rows, "outcome", "qty_reserved", "qty_short", "available") == [("reserved", 5, 0, 0), ("short", 0, 4, 0)]


def test_an_error_tells_what_is_free_for_the_channel(market: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS201") as refusal:
        buy(market, "O1", 9, "WEB", on_shortage="error")
    assert [(line["available"], line["qty_short"]) for line in refusal.detail["lines"]] == [(5, 4)]


def test_quote_and_availability_judge_for_the_channel(market: Shop, db: psycopg.Connection) -> None:
    with unchanged(db):
        for channel, most in [(None, 1), ("WEB", 5), ("TILL", 6)]:
            [row] = [row for row in market.quote([{"sku": "APPLE", "qty": 6}], channel=channel) if row["warehouse"] == "LON"]
            assert (row["available"], row["qty"], row["qty_short"]) == (most, most, 6 - most)
        keep_all = {row["warehouse"]: row["fenced"] for row in market.availability("APPLE", channel="WEB")}
        assert keep_all == {"LON": 7}


@pytest.mark.parametrize("function", ["reserve", "quote", "availability"])
def test_an_unknown_or_closed_channel_changes_nothing(market: Shop, db: psycopg.Connection, function: str) -> None:
    arguments = {
        "reserve": {"order_ref": "O1", "lines": [{"sku": "APPLE", "qty": 1}]},
        "quote": {"lines": [{"sku": "APPLE", "qty": 1}]},
        "availability": {"sku": "APPLE"},
    }[function]
    market.put_channels(lines=[{"code": "OLD", "active": False}])
    for channel, code, detail in [("NONE", "OS116", {"channel": "NONE"}), ("OLD", "OS117", {"channel": "OLD"}), ("", "22023", {})]:
        with refused(db, code, **detail):
            getattr(market, function)(**arguments, channel=channel)


def test_two_lines_of_an_order_may_come_through_two_channels(market: Shop) -> None:
    buy(market, "O1", 1)
    buy(market, "O1", 2, "WEB")
    buy(market, "O1", 3, "TILL")
    for view in ("reservations", "order_lines"):
        assert columns(market.view(view, order_ref="O1"), "line", "channel", "reserved") == [(1, None, 1), (2, "WEB", 2), (3, "TILL", 3)]


def test_a_hold_keeps_its_channel_when_it_is_confirmed(market: Shop) -> None:
    buy(market, "CART", 3, "WEB", ttl="1 hour")
    buy(market, "SALE", 1)
    market.confirm("CART", "SALE")
    assert columns(market.view("reservations", order_ref="SALE"), "line", "channel", "reserved") == [(1, None, 1), (2, "WEB", 3)]
    market.release("SALE")
    assert kept(market) == {"WEB": 4, "TILL": 3}
    assert market.differences() == []


def test_an_ended_hold_frees_what_was_kept_for_its_own_channel_only(market: Shop, clock: Clock) -> None:
    buy(market, "CART", 5, "WEB", ttl="1 hour")
    stop_at_the_end(clock, market, "CART")
    assert (kept(market), fenced(market), free(market), free(market, "WEB")) == ({"WEB": 4, "TILL": 3}, (7, 1), 1, 5)
    with unchanged(market.db):
        assert [row["available"] for row in market.quote([{"sku": "APPLE", "qty": 1}]) if row["warehouse"] == "LON"] == [1]
    assert columns(buy(market, "O1", 2), "outcome", "available", "qty_short") == [("rejected", 1, 1)]
    assert columns(buy(market, "O1", 1), "outcome") == [("reserved",)]
    assert columns(buy(market, "O2", 4, "WEB"), "outcome") == [("reserved",)]
    assert (kept(market), fenced(market)) == ({"TILL": 3}, (3, 0))
    assert market.differences() == []


def test_ended_holds_that_free_nothing_for_the_caller_are_left_to_others(market: Shop, clock: Clock) -> None:
    buy(market, "FIRST", 4, "WEB", ttl="1 hour")
    buy(market, "SECOND", 1, ttl="1 hour")
    clock.advance(hours=2)
    assert columns(buy(market, "O1", 1), "outcome") == [("reserved",)]
    assert market.entries("order_ref", event_type="EXPIRE") == [("SECOND",)]
    assert market.differences() == []


@pytest.mark.parametrize("booked", [True, False], ids=["booked", "not booked"])
def test_what_an_ended_hold_gave_back_is_used_first_whether_or_not_that_is_booked(market: Shop, clock: Clock, booked: bool) -> None:
    market.receive("LON", [{"sku": "APPLE", "qty": 9}])
    buy(market, "OTHER", 1, ttl="30 minutes")
    buy(market, "CART", 3, "WEB", ttl="1 hour")
    buy(market, "LATER", 1, "WEB", ttl="2 hours")
    clock.advance(hours=3)
    if booked:
        market.expire_reservations()
    [row] = buy(market, "O1", 2, "WEB")
    assert row["available"] == (10 if booked else 9)
    assert (kept(market), fenced(market)) == ({"WEB": 2, "TILL": 3}, (5, 10))
    if not booked:
        assert market.entries("order_ref", event_type="EXPIRE") == [("CART",)]
    assert market.differences() == []


def test_the_same_op_id_with_another_channel_is_another_request(market: Shop, db: psycopg.Connection) -> None:
    buy(market, "O1", 1, "WEB", op_id="same")
    assert columns(buy(market, "O1", 1, "WEB", op_id="same"), "replayed") == [(True,)]
    with refused(db, "OS010"):
        buy(market, "O1", 1, op_id="same")


def test_only_holds_of_the_same_product_give_back_what_is_wanted(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 9}, {"sku": "RICE", "qty": 9}])
    open_channels(shop)
    keep(shop, "WEB", 2, "RICE")
    keep(shop, "WEB", 2)
    buy(shop, "GRAINS", 2, "WEB", "RICE", ttl="1 hour")
    buy(shop, "FRUIT", 2, "WEB", ttl="2 hours")
    clock.advance(hours=2)
    buy(shop, "NEW", 2, "WEB")
    assert shop.entries("order_ref", "quota_delta", sku="APPLE")[-2:] == [("FRUIT", 2), ("NEW", -2)]
    assert shop.entries("order_ref", event_type="EXPIRE") == [("FRUIT",)]


def test_each_promise_uses_the_quota_of_its_channel_product_and_warehouse(shop: Shop) -> None:
    """All of them keep something, but for one that is used up."""
    open_channels(shop)
    everywhere = [(sku, warehouse, channel) for sku in ("APPLE", "RICE") for warehouse in ("BER", "LON") for channel in ("WEB", "MARKET")]
    for sku, warehouse, channel in everywhere:
        shop.receive(warehouse, [{"sku": sku, "qty": 10}])
        keep(shop, channel, 5, sku, warehouse)
    shop.reserve("NONE", [{"sku": "APPLE", "qty": 1}])
    buy(shop, "ALL", 5, "WEB", "RICE", warehouse="BER")
    lines = [
        {"sku": "RICE", "qty": 1, "warehouse": "LON"},
        {"sku": "RICE", "qty": 1, "warehouse": "BER"},
        {"sku": "APPLE", "qty": 3, "warehouse": "BER"},
    ]
    shop.reserve("O1", lines, channel="WEB")
    assert columns(shop.view("quotas", channel="WEB"), "sku", "warehouse", "qty") == [("APPLE", "BER", 2), ("APPLE", "LON", 5), ("RICE", "LON", 4)]
    assert {row["qty"] for row in shop.view("quotas", channel="MARKET")} == {5}
    shop.release("O1", [{"line": 3, "qty": 2}, {"line": 2}])
    assert columns(shop.view("quotas", channel="WEB"), "sku", "warehouse", "qty") == [("APPLE", "BER", 4), ("APPLE", "LON", 5), ("RICE", "LON", 4)]
    assert shop.differences() == []


@pytest.mark.parametrize(("qty", "booked"), [(1, ["FIRST"]), (3, ["FIRST", "SECOND"])])
def test_of_ended_holds_only_those_are_booked_that_give_back_what_is_wanted(shop: Shop, clock: Clock, qty: int, booked: list[str]) -> None:
    """The oldest first; others took nothing from this quota, are shipped, or hold still."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 20}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}])
    open_channels(shop)
    buy(shop, "TOOK NOTHING", 1, "WEB", ttl="10 minutes")
    keep(shop, "WEB", 1, warehouse="BER")
    buy(shop, "IN BERLIN", 1, "WEB", warehouse="BER", ttl="20 minutes")
    keep(shop, "MARKET", 1)
    buy(shop, "MARKET", 1, "MARKET", ttl="30 minutes")
    keep(shop, "WEB", 4)
    buy(shop, "SHIPPED", 1, "WEB", ttl="40 minutes")
    buy(shop, "SECOND", 1, "WEB", ttl="60 minutes")
    buy(shop, "FIRST", 1, "WEB", ttl="50 minutes")
    buy(shop, "HOLDS", 1, "WEB", ttl="1 day")
    shop.ship("SHIPPED")
    clock.advance(hours=2)
    buy(shop, "NEW", qty, "WEB", warehouse="LON")
    assert sorted(shop.entries("order_ref", event_type="EXPIRE")) == [(name,) for name in booked]
    assert shop.differences() == []

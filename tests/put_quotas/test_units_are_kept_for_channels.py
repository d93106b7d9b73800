"""put_quotas sets what is kept for channels: nobody else is promised it."""

from __future__ import annotations

import psycopg
import pytest

from tests.channels import buy, fenced, free, keep, kept, open_channels
from tests.holds import stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns, refused, unchanged


@pytest.fixture
def market(shop: Shop) -> Shop:
    """10 apples in London, three channels."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    return open_channels(shop)


def test_the_answer_shows_the_level_after_all_lines(market: Shop) -> None:
    rows = market.put_quotas(
        "LON",
        [
            {"channel": "WEB", "sku": "APPLE", "qty": 4},
            {"channel": "MARKET", "sku": "APPLE", "qty": 3, "line": 7},
            {"channel": "WEB", "sku": "RICE", "qty": 0.25},
        ],
    )
    names = ("line", "channel", "sku", "warehouse", "qty", "on_hand", "blocked", "reserved", "fenced", "available", "replayed")
    assert [tuple(map(str, row)) for row in columns(rows, *names)] == [
        ("1", "WEB", "APPLE", "LON", "4", "10", "0", "0", "7", "3", "False"),
        ("7", "MARKET", "APPLE", "LON", "3", "10", "0", "0", "7", "3", "False"),
        ("3", "WEB", "RICE", "LON", "0.25", "0", "0", "0", "0.25", "-0.25", "False"),
    ]
    assert (kept(market), fenced(market), kept(market, "RICE")) == ({"WEB": 4, "MARKET": 3}, (7, 3), {"WEB": rows[2]["qty"]})
    assert market.differences() == []


def test_a_quota_is_set_and_not_added_to(market: Shop) -> None:
    keep(market, "WEB", 6)
    buy(market, "O1", 5, "WEB")
    assert (kept(market), fenced(market)) == ({"WEB": 1}, (1, 4))
    keep(market, "WEB", 3)
    assert (kept(market), fenced(market)) == ({"WEB": 3}, (3, 2))
    keep(market, "WEB", 0)
    assert (kept(market), fenced(market)) == ({}, (0, 5))
    assert market.differences() == []


def test_more_may_be_kept_than_there_is_and_what_comes_in_belongs_to_it(market: Shop) -> None:
    keep(market, "WEB", 15)
    assert (fenced(market), free(market), free(market, "WEB"), free(market, "MARKET")) == ((15, -5), -5, 10, 0)
    assert market.view("shortages") == []
    market.receive("LON", [{"sku": "APPLE", "qty": 4}])
    assert (free(market), free(market, "WEB")) == (-1, 14)
    market.receive("LON", [{"sku": "APPLE", "qty": 4}])
    assert (free(market), free(market, "WEB")) == (3, 18)


def test_two_that_may_both_have_more_than_there_is_leave_each_other_what_is_theirs(market: Shop) -> None:
    """No unit is promised that could be another's: where all is kept twice over, nobody gets it until one gives way."""
    keep(market, "WEB", 10)
    keep(market, "MARKET", 8)
    assert (free(market, "WEB"), free(market, "MARKET")) == (2, 0)


def test_a_quota_is_for_one_warehouse(market: Shop) -> None:
    keep(market, "WEB", 4, warehouse="BER")
    assert (kept(market), fenced(market)) == ({}, (0, 10))
    assert (kept(market, warehouse="BER"), fenced(market, warehouse="BER")) == ({"WEB": 4}, (4, -4))
    assert market.differences() == []


def test_what_ended_holds_took_counts_as_kept_and_not_on_top(market: Shop, clock: Clock) -> None:
    keep(market, "WEB", 6)
    buy(market, "CART", 4, "WEB", ttl="1 hour")
    stop_before_the_end(clock, market, "CART")
    keep(market, "WEB", 6)
    assert kept(market) == {"WEB": 6}
    stop_at_the_end(clock, market, "CART")
    assert (kept(market), fenced(market)) == ({"WEB": 10}, (10, 0))
    row = keep(market, "WEB", 6)
    assert (row["reserved"], row["fenced"], row["available"]) == (0, 6, 4)
    assert (kept(market), fenced(market)) == ({"WEB": 6}, (6, 4))
    assert market.entries("event_type", "order_ref", "quota_delta", reason="expired") == [("EXPIRE", "CART", 4)]
    assert market.differences() == []


def test_pins_of_ended_holds_go_with_them(market: Shop, clock: Clock) -> None:
    keep(market, "WEB", 6)
    buy(market, "CART", 4, "WEB", ttl="1 hour")
    market.allocate("CART")
    stop_at_the_end(clock, market, "CART")
    keep(market, "WEB", 6)
    assert columns(market.view("bins", sku="APPLE"), "on_hand", "allocated") == [(10, 0)]
    assert market.differences() == []


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ({"channel": "NONE", "sku": "APPLE", "qty": 1}, "OS116", {"channel": "NONE"}),
        ({"channel": "WEB", "sku": "NONE", "qty": 1}, "OS101", {"sku": "NONE"}),
        ({"channel": "WEB", "sku": "APPLE", "qty": -1}, "OS110", {"problem": "must not be negative"}),
        ({"channel": "WEB", "sku": "APPLE", "qty": 0.5}, "OS110", {"problem": "must have at most 0 decimals"}),
        ({"channel": "WEB", "sku": "APPLE"}, "22023", {"key": "qty", "problem": "missing"}),
        ({"channel": "WEB", "sku": "APPLE", "qty": None}, "22023", {"key": "qty"}),
        ({"sku": "APPLE", "qty": 1}, "22023", {"key": "channel", "problem": "missing"}),
        ({"channel": "MARKET", "sku": " RICE", "qty": 2}, "22023", {"key": "sku"}),
    ],
)
def test_a_bad_line_changes_nothing(
    market: Shop, db: psycopg.Connection, line: dict[str, object], code: str, detail: dict[str, object]
) -> None:
    first = {"channel": "MARKET", "sku": "RICE", "qty": 1}
    with refused(db, code, line=1 if line.get("channel") == "MARKET" else 2, **detail):
        market.put_quotas("LON", [first, line])


def test_an_unknown_warehouse_changes_nothing(market: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS103", warehouse="NONE"):
        keep(market, "WEB", 1, warehouse="NONE")


def test_nothing_is_kept_of_a_kit(market: Shop, db: psycopg.Connection) -> None:
    market.put_products(lines=[{"sku": "BAG", "name": "Bag of apples"}])
    market.put_kits(lines=[{"sku": "BAG", "components": [{"sku": "APPLE", "qty": 3}]}])
    with refused(db, "22023", line=2, key="sku", sku="BAG"):
        market.put_quotas("LON", [{"channel": "WEB", "sku": "APPLE", "qty": 1}, {"channel": "WEB", "sku": "BAG", "qty": 1}])


def test_what_is_kept_for_all_together_is_bounded_like_any_quantity(market: Shop, db: psycopg.Connection) -> None:
    most = 999_999_999_999
    keep(market, "WEB", most)
    with refused(db, "OS110", line=1, sku="APPLE"):
        keep(market, "MARKET", 1)
    assert fenced(market) == (most, 10 - most)


def test_a_warehouse_and_product_that_are_closed_can_be_set_to_nothing(market: Shop, db: psycopg.Connection) -> None:
    keep(market, "WEB", 4)
    market.put_products(lines=[{"sku": "APPLE", "active": False}])
    market.put_warehouses(lines=[{"code": "LON", "active": False}])
    keep(market, "WEB", 0)
    assert fenced(market) == (0, 10)
    with unchanged(db):
        assert kept(market) == {}

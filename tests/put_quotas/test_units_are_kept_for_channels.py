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


def test_what_ended_holds_took_is_kept_by_who_kept_it(market: Shop, clock: Clock) -> None:
    """Another product, another warehouse or another channel have what was theirs, and a hold that lives keeps what it took."""
    market.receive("LON", [{"sku": "RICE", "qty": 5}])
    market.receive("BER", [{"sku": "APPLE", "qty": 5}])
    takes = [("WEB", "APPLE", "LON", 3), ("WEB", "RICE", "LON", 2), ("WEB", "APPLE", "BER", 1), ("MARKET", "APPLE", "LON", 1)]
    for channel, sku, warehouse, qty in takes:
        keep(market, channel, qty + 1, sku, warehouse)
        buy(market, f"{channel}-{sku}-{warehouse}", qty, channel, sku, warehouse=warehouse, ttl="1 hour")
    buy(market, "LATER", 1, "WEB", ttl="3 hours")
    clock.advance(hours=2)
    for _ in range(2):
        assert (kept(market), kept(market, "RICE"), kept(market, warehouse="BER")) == ({"WEB": 3, "MARKET": 2}, {"WEB": 3}, {"WEB": 2})
        assert (fenced(market), fenced(market, "RICE"), fenced(market, warehouse="BER")) == ((5, 4), (3, 2), (2, 3))
        market.expire_reservations()
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


def test_each_line_sets_the_quota_that_it_names(market: Shop) -> None:
    """Named in another order than channels and products came to be; the same channels and products keep theirs elsewhere."""
    for warehouse, qty in (("LON", 2), ("BER", 3)):
        market.put_quotas(warehouse, [{"channel": channel, "sku": sku, "qty": qty} for sku in ("APPLE", "RICE") for channel in ("WEB", "MARKET")])
    rows = market.put_quotas(
        "LON",
        [
            {"channel": "MARKET", "sku": "RICE", "qty": 5},
            {"channel": "TILL", "sku": "APPLE", "qty": 0, "line": 9},
            {"channel": "WEB", "sku": "APPLE", "qty": 7},
        ],
    )
    assert columns(rows, "line", "channel", "sku", "qty", "fenced") == [(1, "MARKET", "RICE", 5, 7), (9, "TILL", "APPLE", 0, 9), (3, "WEB", "APPLE", 7, 9)]
    assert columns(market.view("quotas"), "channel", "sku", "warehouse", "qty") == [
        ("MARKET", "APPLE", "BER", 3),
        ("MARKET", "APPLE", "LON", 2),
        ("MARKET", "RICE", "BER", 3),
        ("MARKET", "RICE", "LON", 5),
        ("WEB", "APPLE", "BER", 3),
        ("WEB", "APPLE", "LON", 7),
        ("WEB", "RICE", "BER", 3),
        ("WEB", "RICE", "LON", 2),
    ]
    assert columns(market.view("stock"), "sku", "warehouse", "fenced") == [("APPLE", "BER", 6), ("APPLE", "LON", 9), ("RICE", "BER", 6), ("RICE", "LON", 7)]
    assert market.differences() == []


def test_nothing_where_there_was_nothing_is_not_written(market: Shop, db: psycopg.Connection) -> None:
    """What the channel keeps of another product or elsewhere, and another channel of this one, makes no difference."""
    keep(market, "WEB", 1, "RICE")
    keep(market, "WEB", 1, warehouse="BER")
    keep(market, "MARKET", 1)
    count = "select count(*) from openstock_core.channel_quota"
    before = db.execute(count).fetchone()
    keep(market, "WEB", 0)
    assert db.execute(count).fetchone() == before


def test_only_holds_that_took_from_these_quotas_are_booked(market: Shop, clock: Clock) -> None:
    market.receive("LON", [{"sku": "RICE", "qty": 5}])
    buy(market, "FREE", 1, "WEB", ttl="1 hour")
    keep(market, "WEB", 6)
    keep(market, "WEB", 6, "RICE")
    keep(market, "MARKET", 1)
    buy(market, "TOOK", 2, "WEB", ttl="1 hour")
    buy(market, "RICE", 2, "WEB", "RICE", ttl="1 hour")
    buy(market, "OTHER", 1, "MARKET", ttl="1 hour")
    stop_at_the_end(clock, market, "OTHER")
    keep(market, "WEB", 6)
    assert market.entries("event_type", "order_ref", reason="expired") == [("EXPIRE", "TOOK")]
    assert market.differences() == []


def test_of_several_bad_lines_the_first_is_named(market: Shop, db: psycopg.Connection) -> None:
    lines = [{"channel": "WEB", "sku": sku, "qty": 1} for sku in ("RICE", "PEAR", "FIG")]
    with refused(db, "OS101", line=2, sku="PEAR"):
        market.put_quotas("LON", lines)


def test_of_several_sums_beyond_the_largest_quantity_the_first_is_named_and_each_is_its_own(market: Shop, db: psycopg.Connection) -> None:
    most = 999_999_999_999
    for sku, warehouse in (("APPLE", "LON"), ("RICE", "LON"), ("MILK", "BER"), ("OLD", "LON")):
        keep(market, "WEB", most, sku, warehouse)
    lines = [{"channel": "MARKET", "sku": sku, "qty": 1} for sku in ("MILK", "RICE", "APPLE")]
    with refused(db, "OS110", line=2, sku="RICE"):
        market.put_quotas("LON", lines)
    keep(market, "MARKET", 1, "MILK")

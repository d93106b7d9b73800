"""Channels that sell the same product at once never take each other's units, and never more than there is."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import IsolationLevel

from ..channels import buy, fenced, free, keep, kept, open_channels
from ..support import Connect, Shop, columns
from .sessions import ALL_LEVELS, NEVER, SNAPSHOT_LEVELS, OpenSession, unlocked

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
older_snapshots = pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)


@pytest.fixture
def market(shop: Shop) -> Shop:
    """10 apples in London: 4 kept for WEB, 3 for MARKET, 3 for anyone."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    open_channels(shop)
    keep(shop, "WEB", 4)
    keep(shop, "MARKET", 3)
    return shop


@every_level
def test_the_second_of_a_channel_gets_what_the_first_leaves(market: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    buy(one, "A", 6, "WEB")
    call = ("reserve", "B", [{"sku": "APPLE", "qty": 2}])
    waiting = two.blocked(*call, channel="WEB")
    one.commit()
    [lost] = two.outcome(waiting, *call, channel="WEB")
    assert (lost["outcome"], lost["available"]) == ("rejected", 1)
    assert (kept(market), fenced(market)) == ({"MARKET": 3}, (3, 1))
    assert market.differences() == []


@every_level
def test_a_quota_that_is_moved_meanwhile_is_promised_once(market: Shop, session: OpenSession, level: IsolationLevel) -> None:
    """What is kept in all stays the same, and so would the level."""
    one, two = session(level), session(level)
    two.look()
    one.put_quotas("LON", [{"channel": "WEB", "sku": "APPLE", "qty": 0}, {"channel": "MARKET", "sku": "APPLE", "qty": 7}])
    call = ("reserve", "B", [{"sku": "APPLE", "qty": 10}])
    waiting = two.blocked(*call, channel="MARKET")
    one.commit()
    [won] = two.outcome(waiting, *call, channel="MARKET")
    assert won["outcome"] == "reserved"
    assert (kept(market), fenced(market)) == ({}, (0, 0))
    assert market.differences() == []


@older_snapshots
def test_a_snapshot_from_before_a_quota_was_set_does_not_promise_what_is_kept(
    market: Shop, session: OpenSession, level: IsolationLevel
) -> None:
    one = session(level)
    one.look()
    keep(market, "WEB", 7)
    call = ("reserve", "A", [{"sku": "APPLE", "qty": 1}])
    [lost] = one.outcome(one.later(*call), *call)
    assert (lost["outcome"], lost["available"]) == ("rejected", 0)


@every_level
def test_what_is_given_back_while_a_quota_is_set_is_kept_on_top(market: Shop, session: OpenSession, level: IsolationLevel) -> None:
    buy(market, "A", 4, "WEB")
    one, two = session(level), session(level)
    keep(one, "WEB", 1)
    waiting = two.blocked("release", "A")
    one.commit()
    two.outcome(waiting, "release", "A")
    assert (kept(market), fenced(market)) == ({"WEB": 5, "MARKET": 3}, (8, 2))
    assert market.differences() == []


def test_many_clients_of_two_channels_never_take_each_others_units(
    shop: Shop, connect: Connect, db: psycopg.Connection
) -> None:
    """Units are bought, given back, held and kept anew by eight clients at once; whatever is left over is what was not sold."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 60}])
    open_channels(shop)
    keep(shop, "WEB", 25)
    keep(shop, "MARKET", 25)
    sold = {"WEB": 0, "MARKET": 0, None: 0}

    def sell(worker: int) -> tuple[str | None, int]:
        chance = random.Random(worker)
        channel: str | None = ("WEB", "MARKET", None, "WEB")[worker % 4]
        own, units = Shop(connect("app"), db), 0
        for number in range(30):
            qty = chance.randint(1, 3)
            [row] = buy(own, f"{worker}-{number}", qty, channel)
            if row["outcome"] == "reserved" and chance.random() < 0.4:
                own.release(f"{worker}-{number}")
            elif row["outcome"] == "reserved":
                units += qty
        return channel, units

    with ThreadPoolExecutor(8) as pool:
        for channel, units in pool.map(sell, range(8), timeout=NEVER * 4):
            sold[channel] += units
    [stock] = shop.view("stock", sku="APPLE", warehouse="LON")
    assert stock["reserved"] == sum(sold.values()) <= 60
    assert stock["available"] >= 0
    assert stock["available"] + stock["fenced"] + stock["reserved"] == 60
    # Ten units were nobody's: no channel had more than these and its own, and together they had no more than these beyond their own.
    assert sum(max(units - (25 if channel else 0), 0) for channel, units in sold.items()) <= 10
    assert {channel: sum(row["reserved"] for row in shop.view("reservations", channel=channel)) for channel in ("WEB", "MARKET")} == {
        channel: sold[channel] for channel in ("WEB", "MARKET")
    }
    rest = {channel: 25 - int(used or 0) for channel, used in columns(used_quotas(db), "channel", "used")}
    assert kept(shop) == {channel: rest.get(channel, 25) for channel in ("WEB", "MARKET") if rest.get(channel, 25)}
    assert all(free(shop, channel) >= 0 for channel in (None, "WEB", "MARKET"))
    assert shop.differences() == []


def used_quotas(db: psycopg.Connection) -> list[dict[str, object]]:
    """What the ledger says that each channel took from its quota."""
    rows = db.execute(
        "select c.code, -sum(e.quota_delta) from openstock_core.ledger e "
        "join openstock_core.reservation_line l using (tenant_id, reservation_line_id) join openstock_core.channel c using (tenant_id, channel_id) "
        "where e.quota_delta is not null group by c.code"
    ).fetchall()
    return [{"channel": code, "used": used} for code, used in rows]


def test_only_the_levels_whose_quotas_are_set_are_locked(market: Shop, db: psycopg.Connection, session: OpenSession) -> None:
    """Not the same product's elsewhere, nor another product's there."""
    market.receive("BER", [{"sku": "APPLE", "qty": 1}])
    market.receive("LON", [{"sku": "RICE", "qty": 1}])
    before = unlocked(db, "stock_level")
    assert len(before) == 2
    one = session()
    keep(one, "WEB", 1)
    assert unlocked(db, "stock_level") == before
    keep(one, "WEB", 1, warehouse="BER")
    assert len(unlocked(db, "stock_level")) == 1

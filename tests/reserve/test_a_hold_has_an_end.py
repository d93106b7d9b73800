"""reserve(ttl): the promise holds for so long and not a microsecond longer; without ttl it has no end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.holds import parts, stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns, fails, unchanged

APPLES = [{"sku": "APPLE", "qty": 3}]


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE in London."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    return shop


def test_the_end_is_in_the_answer_the_view_and_the_ledger(stocked: Shop, clock: Clock) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC).replace(year=datetime.now(UTC).year, month=datetime.now(UTC).month)
    clock.stop(now)
    [row] = stocked.reserve("CART", APPLES, ttl="15 minutes")
    assert (row["outcome"], row["qty_reserved"], row["expires_at"]) == ("reserved", 3, now + timedelta(minutes=15))
    [line] = stocked.view("reservations", order_ref="CART")
    assert (line["reserved"], line["expired"], line["expires_at"]) == (3, 0, now + timedelta(minutes=15))
    assert stocked.entries("event_type", "reserved_delta", "reserved_after", "expires_at", order_ref="CART") == [
        ("RESERVE", 3, 3, now + timedelta(minutes=15))
    ]
    assert stocked.level("APPLE") == (10, 0, 3, 7)
    assert stocked.differences() == []


def test_without_ttl_a_promise_has_no_end(stocked: Shop, clock: Clock) -> None:
    [row] = stocked.reserve("ORDER", APPLES)
    assert row["expires_at"] is None
    assert columns(stocked.view("reservations"), "expires_at") == [(None,)]
    assert stocked.entries("expires_at", order_ref="ORDER") == [(None,)]
    clock.advance(days=5000)
    assert parts(stocked, "ORDER") == [(1, "LON", 3, 0, 0, 0, 0)]


def test_a_rejected_hold_has_no_end(stocked: Shop) -> None:
    [row] = stocked.reserve("CART", [{"sku": "APPLE", "qty": 11}], ttl="1 hour")
    assert (row["outcome"], row["expires_at"]) == ("rejected", None)
    assert stocked.view("reservations") == []


def test_lines_of_one_order_have_their_own_ends(stocked: Shop, clock: Clock) -> None:
    stocked.reserve("MIXED", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    stocked.reserve("MIXED", [{"sku": "APPLE", "qty": 2}], ttl="3 hours")
    stocked.reserve("MIXED", [{"sku": "APPLE", "qty": 4}])
    clock.advance(hours=2)
    assert parts(stocked, "MIXED") == [
        (1, "LON", 0, 0, 0, 0, 1),
        (2, "LON", 2, 0, 0, 0, 0),
        (3, "LON", 4, 0, 0, 0, 0),
    ]
    clock.advance(hours=2)
    assert [reserved for _, _, reserved, *_ in parts(stocked, "MIXED")] == [0, 0, 4]
    assert stocked.level("APPLE") == (10, 0, 4, 6)
    assert stocked.differences() == []


def test_all_parts_of_a_line_end_together(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 2}])
    answer = shop.reserve("CART", APPLES, ttl="1 hour")
    assert columns(answer, "line", "warehouse", "qty_reserved") == [(1, "LON", 2), (1, "BER", 1)]
    assert len({row["expires_at"] for row in answer}) == 1


def test_it_holds_until_the_last_microsecond_in_every_view(stocked: Shop, clock: Clock) -> None:
    stocked.reserve("CART", APPLES, ttl="1 hour")
    stocked.allocate("CART")
    stop_before_the_end(clock, stocked, "CART")
    assert stocked.level("APPLE") == (10, 0, 3, 7)
    assert parts(stocked, "CART") == [(1, "LON", 3, 3, 0, 0, 0)]
    assert columns(stocked.view("bins"), "on_hand", "allocated") == [(10, 3)]
    assert columns(stocked.availability("APPLE"), "reserved", "available") == [(3, 7)]
    stop_at_the_end(clock, stocked, "CART")
    assert stocked.level("APPLE") == (10, 0, 0, 10)
    assert parts(stocked, "CART") == [(1, "LON", 0, 0, 0, 0, 3)]
    assert columns(stocked.view("bins"), "on_hand", "allocated") == [(10, 0)]
    assert columns(stocked.availability("APPLE"), "reserved", "available") == [(0, 10)]
    assert stocked.differences() == []


def test_it_keeps_others_out_until_the_last_microsecond(stocked: Shop, clock: Clock) -> None:
    stocked.reserve("CART", APPLES, ttl="1 hour")
    stop_before_the_end(clock, stocked, "CART")
    [row] = stocked.reserve("OTHER", [{"sku": "APPLE", "qty": 8}])
    assert (row["outcome"], row["qty_short"], row["reserved"], row["available"]) == ("rejected", 1, 3, 7)
    stop_at_the_end(clock, stocked, "CART")
    [row] = stocked.reserve("OTHER", [{"sku": "APPLE", "qty": 8}])
    assert (row["outcome"], row["reserved"], row["available"]) == ("reserved", 8, 2)
    assert stocked.differences() == []


@pytest.mark.parametrize(
    "ttl",
    [
        "0",
        "-1 second",
        "-1 day",
        "1 day -24 hours -1 microsecond",
        "-1 mon 1 day",
        "11 years",
        "3653 days 1 microsecond",
        "87672 hours 1 second",
    ],
)
def test_it_is_positive_and_at_most_ten_years(stocked: Shop, db: psycopg.Connection, ttl: str) -> None:
    with unchanged(db), fails("22023", argument="ttl", problem="must be positive, and at most ten years"):
        stocked.reserve("CART", APPLES, ttl=ttl)


@pytest.mark.parametrize("ttl", ["1 mon", "1 year", "10 years", "1 year 1 day", "1 mon -29 days", "P1M"])
def test_it_has_no_months_which_have_no_length(stocked: Shop, db: psycopg.Connection, ttl: str) -> None:
    problem = "must be given in days, hours, minutes or seconds: months have no fixed length"
    with unchanged(db), fails("22023", argument="ttl", problem=problem):
        stocked.reserve("CART", APPLES, ttl=ttl)


@pytest.mark.parametrize("ttl", ["infinity", "-infinity"])
def test_it_is_finite(stocked: Shop, db: psycopg.Connection, ttl: str) -> None:
    if db.info.server_version < 170000:
        pytest.skip("the server knows no infinite interval")
    with unchanged(db), fails("22023", argument="ttl", problem="must be positive, and at most ten years"):
        stocked.reserve("CART", APPLES, ttl=ttl)


@pytest.mark.parametrize(
    ("ttl", "length"),
    [
        ("1 microsecond", timedelta(microseconds=1)),
        ("0.000001", timedelta(microseconds=1)),
        ("1 week", timedelta(days=7)),
        ("2 days -1 hour", timedelta(hours=47)),
        ("3653 days", timedelta(days=3653)),
        ("3652 days 23:59:59.999999", timedelta(days=3653, microseconds=-1)),
        ("1 year -12 mons 2 days", timedelta(days=2)),
    ],
)
def test_it_is_exact_to_the_microsecond(stocked: Shop, clock: Clock, ttl: str, length: timedelta) -> None:
    now = datetime.now(UTC)
    clock.stop(now)
    assert columns(stocked.reserve("CART", APPLES, ttl=ttl), "expires_at") == [(now + length,)]
    assert columns(stocked.view("reservations"), "expires_at") == [(now + length,)]
    assert stocked.entries("expires_at", order_ref="CART") == [(now + length,)]
    assert stocked.differences() == []


def test_a_day_has_24_hours_in_every_time_zone(stocked: Shop, clock: Clock) -> None:
    """The clocks of Berlin go forward at 01:00 UTC on the last Sunday of March: that night a day there has 23 hours."""
    eve = datetime(2027, 3, 27, 12, tzinfo=UTC)
    stocked.db.execute("select openstock_admin.ensure_partitions(24)")
    clock.stop(eve)
    stocked.connection.execute("set timezone = 'Europe/Berlin'")
    assert columns(stocked.reserve("CART", APPLES, ttl="1 day"), "expires_at") == [(eve + timedelta(hours=24),)]


@pytest.mark.parametrize("again", ["60 minutes", "3600 seconds", "PT1H", "01:00:00", "@ 1 hour", "0.5 hours 30 min"])
def test_one_length_is_one_request_however_it_is_written(stocked: Shop, db: psycopg.Connection, again: str) -> None:
    first = stocked.reserve("CART", APPLES, ttl="1 hour", op_id="once")
    with unchanged(db):
        assert stocked.reserve("CART", APPLES, ttl=again, op_id="once") == [row | {"replayed": True} for row in first]


def test_a_day_and_24_hours_are_one_request(stocked: Shop, db: psycopg.Connection) -> None:
    stocked.reserve("CART", APPLES, ttl="1 day", op_id="once")
    with unchanged(db):
        assert columns(stocked.reserve("CART", APPLES, ttl="24 hours", op_id="once"), "replayed") == [(True,)]


@pytest.mark.parametrize("again", ["61 minutes", "01:00:00.000001", None])
def test_another_length_is_another_request(stocked: Shop, db: psycopg.Connection, again: str | None) -> None:
    stocked.reserve("CART", APPLES, ttl="1 hour", op_id="once")
    with unchanged(db), fails("OS010", op_id="once"):
        stocked.reserve("CART", APPLES, ttl=again, op_id="once")


@pytest.mark.parametrize("style", ["postgres", "postgres_verbose", "sql_standard", "iso_8601"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_the_sessions_way_to_write_times_makes_no_difference(
    stocked: Shop, db: psycopg.Connection, style: str, zone: str
) -> None:
    first = stocked.reserve("CART", APPLES, ttl="36:30:00.5", op_id="once")
    stocked.connection.execute(f"set intervalstyle = {style}")
    stocked.connection.execute(f"set timezone = '{zone}'")
    with unchanged(db):
        again = stocked.reserve("CART", APPLES, ttl="36:30:00.5", op_id="once")
    assert again == [row | {"replayed": True} for row in first]


def test_a_replay_tells_the_end_that_was_promised_then(stocked: Shop, clock: Clock) -> None:
    first = stocked.reserve("CART", APPLES, ttl="1 hour", op_id="once")
    stocked.extend("CART", "5 hours")
    clock.advance(hours=2)
    assert stocked.reserve("CART", APPLES, ttl="1 hour", op_id="once") == [row | {"replayed": True} for row in first]
    clock.advance(hours=10)
    stocked.expire_reservations()
    assert stocked.reserve("CART", APPLES, ttl="1 hour", op_id="once") == [row | {"replayed": True} for row in first]


def test_an_error_names_the_ttl_before_the_stock(shop: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), fails("22023", argument="ttl"):
        shop.reserve("CART", [{"sku": "UNKNOWN", "qty": 1}], ttl="0")

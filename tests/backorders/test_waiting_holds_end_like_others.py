"""A hold that waits is not filled before it is confirmed; it is extended, confirmed, cancelled and ends like any hold."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.holds import stop_at_the_end, stop_before_the_end
from tests.support import Clock, Connect, Shop, call, columns, fails, refused, unchanged
from tests.waiting import backlog, backorder, let_wait, queue, standing


@pytest.fixture
def shop(shop: Shop, clock: Clock) -> Iterator[Shop]:
    """CART holds 3 APPLE and waits for 2 more, for an hour. In the end all is as verify wants it."""
    let_wait(shop)
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])
    backorder(shop, "CART", 5, ttl="1 hour")
    yield shop
    assert shop.differences() == []


def status(shop: Shop, order_ref: str = "CART") -> tuple[object, ...]:
    [row] = columns(shop.view("orders", order_ref=order_ref), "status", "held", "backordered", "expired")
    return row


def test_it_is_not_filled(shop: Shop) -> None:
    assert (queue(shop), backlog(shop)) == ([], 2)
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    assert shop.fill_backorders() == []
    assert status(shop) == ("held", 5, 2, 0)


def test_confirmed_it_joins_the_queue_at_that_moment(shop: Shop) -> None:
    backorder(shop, "O1", 1)
    names = ("line", "warehouse", "outcome", "qty_reserved", "qty_backordered", "expires_at")
    assert sorted(columns(shop.confirm("CART"), *names), key=str) == [
        (1, "LON", "confirmed", 3, 0, None),
        (1, None, "confirmed", 0, 2, None),
    ]
    assert queue(shop) == [("O1", None, 1), ("CART", None, 2)]
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    assert queue(shop) == [("CART", None, 1)]
    assert standing(shop, "CART") == [(1, None, 0, 1, 0, 0, 0), (1, "LON", 4, 0, 0, 0, 0)]


def test_its_lines_are_extended_confirmed_and_given_back_in_their_order(shop: Shop) -> None:
    let_wait(shop, "RICE")
    lines = [{"sku": sku, "qty": 1} for sku in ("RICE", "APPLE", "RICE")]
    wagon = [line | {"line": number} for number, line in enumerate(lines, 1)]
    for order_ref in ("WAGON", "OTHER"):
        shop.reserve(order_ref, wagon, on_shortage="backorder", ttl="1 hour")
    for step in ("extend", "confirm", "cancel"):
        answer = shop.extend("WAGON", "2 hours", op_id=step) if step == "extend" else getattr(shop, step)("WAGON", op_id=step)
        assert [row["line"] for row in answer] == [1, 2, 3]
        assert shop.entries("line", op_id=step) == [(1,), (2,), (3,)]


def test_confirmed_into_another_order_it_waits_as_its_line(shop: Shop) -> None:
    shop.reserve("CART", [{"sku": "APPLE", "qty": 1, "line": 9}], on_shortage="backorder", ttl="1 hour")
    backorder(shop, "SALE", 1)
    answer = shop.confirm("CART", "SALE")
    assert {(row["order_ref"], row["line"]) for row in answer} == {("SALE", 2), ("SALE", 3)}
    assert queue(shop) == [("SALE", None, 1), ("SALE", None, 2), ("SALE", None, 1)]
    assert columns(shop.view("orders", order_ref="CART"), "status", "ordered", "became") == [("confirmed", 0, "SALE")]
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])
    assert standing(shop, "SALE")[:3] == [(1, "LON", 1, 0, 0, 0, 0), (2, "LON", 5, 0, 0, 0, 0), (3, None, 0, 1, 0, 0, 0)]


def test_an_order_that_only_waits_is_confirmed(shop: Shop) -> None:
    backorder(shop, "WAITS", 2, ttl="1 hour")
    assert columns(shop.confirm("WAITS"), "warehouse", "outcome", "qty_backordered") == [(None, "confirmed", 2)]
    assert queue(shop) == [("WAITS", None, 2)]


def test_extended_it_waits_longer(shop: Shop, clock: Clock) -> None:
    answer = shop.extend("CART", "3 hours", op_id="longer")
    assert sorted(columns(answer, "warehouse", "outcome", "qty_backordered"), key=str) == [("LON", "extended", 0), (None, "extended", 2)]
    assert len({row["expires_at"] for row in answer}) == 1
    assert columns(shop.view("ledger", op_id="longer"), "event_type", "backordered_delta") == [("EXTEND", 0), ("EXTEND", 0)]
    clock.advance(hours=2)
    assert status(shop) == ("held", 5, 2, 0)
    clock.advance(hours=2)
    assert status(shop) == ("expired", 0, 0, 5)


def test_it_ends_to_the_microsecond(shop: Shop, clock: Clock) -> None:
    stop_before_the_end(clock, shop, "CART")
    assert status(shop) == ("held", 5, 2, 0)
    stop_at_the_end(clock, shop, "CART")
    assert status(shop) == ("expired", 0, 0, 5)
    assert standing(shop, "CART") == [(1, None, 0, 0, 0, 0, 2), (1, "LON", 0, 0, 0, 0, 3)]
    for function in ("extend", "confirm", "cancel", "release"):
        with fails("OS305", order_ref="CART"):
            getattr(shop, function)("CART", **{"ttl": "1 hour"} if function == "extend" else {})


def test_the_end_is_booked(shop: Shop, clock: Clock, db: psycopg.Connection) -> None:
    stop_at_the_end(clock, shop, "CART")
    answer = shop.expire_reservations(op_id="sweep")
    names = ("order_ref", "line", "warehouse", "outcome", "qty_reserved", "qty_backordered", "qty_released")
    assert sorted(columns(answer, *names), key=str) == [
        ("CART", 1, "LON", "expired", 0, 0, 3),
        ("CART", 1, None, "expired", 0, 0, 2),
    ]
    assert (backlog(shop), status(shop)) == (0, ("expired", 0, 0, 5))
    assert sorted(shop.entries("event_type", "reserved_delta", "backordered_delta", "reason", op_id="sweep")) == [
        ("EXPIRE", -3, 0, "expired"),
        ("EXPIRE", 0, -2, "expired"),
    ]
    with unchanged(db):
        assert shop.expire_reservations(op_id=None) == []


def test_what_only_waited_is_booked_too(shop: Shop, clock: Clock, connect: Connect) -> None:
    shop.cancel("CART")
    backorder(shop, "WAITS", 9, ttl="1 hour")
    clock.advance(hours=2)
    [row] = call(connect("operator"), "openstock_admin.expire_reservations", tenant=shop.tenant)
    assert row["expire_reservations"] == 2
    assert (backlog(shop), shop.level("APPLE")) == (0, (3, 0, 0, 3))


def test_so_many_are_booked_at_a_time_the_longest_ended_first(shop: Shop, clock: Clock) -> None:
    shop.cancel("CART")
    for minutes in (3, 1, 2):
        backorder(shop, f"WAITS{minutes}", 9, ttl=f"{minutes} minutes", warehouse="BER")
    shop.reserve("HELD", [{"sku": "APPLE", "qty": 1}], ttl="4 minutes")
    clock.advance(hours=2)
    rounds = [sorted(row["order_ref"] for row in shop.expire_reservations(max_lines=2)) for _ in range(3)]
    assert rounds == [["HELD", "WAITS1"], ["WAITS2", "WAITS3"], []]
    assert backlog(shop) == 0


def test_an_order_whose_waiting_hold_ended_can_be_reserved_for_again(shop: Shop, clock: Clock) -> None:
    backorder(shop, "WAITS", 1, ttl="1 hour")
    clock.advance(hours=2)
    for line in (2, 3):
        assert [row["line"] for row in backorder(shop, "WAITS", 1)] == [line]
        shop.expire_reservations()


def test_fill_books_what_ended_as_it_is_needed(shop: Shop, clock: Clock) -> None:
    """The units of the hold that ended go to whoever waits."""
    backorder(shop, "O1", 2)
    clock.advance(hours=2)
    answer = shop.fill_backorders(op_id="fill")
    assert columns(answer, "order_ref", "outcome", "qty_reserved") == [("O1", "filled", 2)]
    assert sorted(shop.entries("event_type", "order_ref", "reserved_delta", "backordered_delta", op_id="fill")) == [
        ("BACKORDER", "O1", 0, -2),
        ("EXPIRE", "CART", -3, 0),
        ("EXPIRE", "CART", 0, -2),
        ("RESERVE", "O1", 2, 0),
    ]
    assert shop.level("APPLE") == (3, 0, 2, 1)


def test_firm_lines_of_an_order_are_filled_while_its_holds_wait(shop: Shop) -> None:
    backorder(shop, "CART", 4)
    shop.receive("LON", [{"sku": "APPLE", "qty": 9}])
    assert [row for row in standing(shop, "CART") if row[0] == 2] == [(2, "LON", 4, 0, 0, 0, 0)]
    assert status(shop) == ("open", 5, 2, 0)
    assert {row["line"] for row in shop.confirm("CART")} == {1}
    assert columns(shop.fill_backorders(), "line", "qty_reserved") == [(1, 5)]


def test_an_order_without_holds_is_not_confirmed(shop: Shop, db: psycopg.Connection) -> None:
    backorder(shop, "O1", 1)
    for function in ("extend", "confirm"):
        with refused(db, "OS306", order_ref="O1"):
            getattr(shop, function)("O1", **{"ttl": "1 hour"} if function == "extend" else {})

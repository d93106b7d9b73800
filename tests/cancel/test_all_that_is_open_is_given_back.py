"""cancel(order_ref): all that is promised and has not gone is anybody's again."""

from __future__ import annotations

import psycopg
import pytest

from tests.holds import parts, stop_at_the_end, stop_before_the_end
from tests.support import Clock, Shop, columns, fails, refused, unchanged


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """10 APPLE and 5 RICE in London, 4 APPLE in Berlin: ORDER has 12 APPLE (line 1) without end, and holds 2 RICE."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "RICE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    shop.reserve("ORDER", [{"sku": "APPLE", "qty": 12}])
    shop.reserve("ORDER", [{"sku": "RICE", "qty": 2}], ttl="1 hour")
    return shop


def test_every_line_and_warehouse_is_given_back(ordered: Shop) -> None:
    answer = ordered.cancel("ORDER", op_id="cancel")
    names = (
        "order_ref",
        "line",
        "sku",
        "warehouse",
        "outcome",
        "qty_ordered",
        "qty_reserved",
        "qty_short",
        "qty_released",
    )
    assert columns(answer, *names) == [
        ("ORDER", 1, "APPLE", "LON", "cancelled", 10, 0, 0, 10),
        ("ORDER", 1, "APPLE", "BER", "cancelled", 2, 0, 0, 2),
        ("ORDER", 2, "RICE", "LON", "cancelled", 2, 0, 0, 2),
    ]
    assert columns(answer, "on_hand", "blocked", "reserved", "available") == [
        (10, 0, 0, 10),
        (4, 0, 0, 4),
        (5, 0, 0, 5),
    ]
    assert columns(ordered.view("stock"), "reserved") == [(0,), (0,), (0,)]
    names = ("line", "event_type", "order_ref", "sku", "reserved_delta", "reason")
    assert sorted(ordered.entries(*names, op_id="cancel")) == [
        (1, "RELEASE", "ORDER", "APPLE", -10, "cancelled"),
        (1, "RELEASE", "ORDER", "APPLE", -2, "cancelled"),
        (2, "RELEASE", "ORDER", "RICE", -2, "cancelled"),
    ]
    assert ordered.differences() == []


def test_the_reason_is_in_the_ledger(ordered: Shop) -> None:
    ordered.cancel("ORDER", reason="card declined")
    assert set(ordered.entries("reason", event_type="RELEASE")) == {("card declined",)}


def test_what_is_pinned_is_deallocated(ordered: Shop) -> None:
    ordered.allocate("ORDER")
    ordered.cancel("ORDER")
    assert {row["allocated"] for row in ordered.view("bins")} == {0}
    assert sum(delta for (delta,) in ordered.entries("allocated_delta")) == 0
    assert set(ordered.entries("reason", event_type="DEALLOCATE")) == {("cancelled",)}
    assert ordered.differences() == []


def test_what_was_shipped_stays_shipped(ordered: Shop) -> None:
    ordered.ship("ORDER", [{"line": 1, "warehouse": "LON", "qty": 4}])
    ordered.release("ORDER", [{"line": 1, "warehouse": "BER", "qty": 1}])
    assert columns(ordered.cancel("ORDER"), "line", "warehouse", "qty_released") == [
        (1, "LON", 6),
        (1, "BER", 1),
        (2, "LON", 2),
    ]
    assert parts(ordered, "ORDER") == [(1, "BER", 0, 0, 0, 2, 0), (1, "LON", 0, 0, 4, 6, 0), (2, "LON", 0, 0, 0, 2, 0)]
    assert ordered.differences() == []


def test_a_hold_is_cancelled_until_its_last_microsecond(ordered: Shop, db: psycopg.Connection, clock: Clock) -> None:
    ordered.reserve("CART", [{"sku": "RICE", "qty": 1}], ttl="30 minutes")
    stop_at_the_end(clock, ordered, "CART")
    with refused(db, "OS305", order_ref="CART", expired=1):
        ordered.cancel("CART")
    stop_before_the_end(clock, ordered, "CART")
    assert columns(ordered.cancel("CART"), "outcome", "qty_released") == [("cancelled", 1)]


@pytest.mark.parametrize("booked", [False, True])
def test_of_holds_that_have_ended_there_is_nothing_to_cancel(ordered: Shop, clock: Clock, booked: bool) -> None:
    clock.advance(hours=2)
    if booked:
        ordered.expire_reservations()
    assert [row["line"] for row in ordered.cancel("ORDER")] == [1, 1]
    assert parts(ordered, "ORDER")[-1] == (2, "LON", 0, 0, 0, 0, 2)
    assert ordered.level("RICE") == (5, 0, 0, 5)
    assert ordered.differences() == []


def test_an_order_is_cancelled_once(ordered: Shop, db: psycopg.Connection) -> None:
    first = ordered.cancel("ORDER", op_id="once")
    with unchanged(db):
        assert ordered.cancel("ORDER", op_id="once") == [row | {"replayed": True} for row in first]
        with fails("OS302", order_ref="ORDER"):
            ordered.cancel("ORDER")
        with fails("OS302", order_ref="ORDER"):
            ordered.reserve("ORDER", [{"sku": "RICE", "qty": 1}])


@pytest.mark.parametrize("finish", ["ship", "release"])
def test_an_order_that_is_done_cannot_be_cancelled(ordered: Shop, db: psycopg.Connection, finish: str) -> None:
    getattr(ordered, finish)("ORDER")
    with refused(db, "OS302", order_ref="ORDER"):
        ordered.cancel("ORDER")


def test_an_unknown_order_is_refused(ordered: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS301", order_ref="OTHER"):
        ordered.cancel("OTHER")


@pytest.mark.parametrize(
    ("argument", "value"),
    [("order_ref", None), ("order_ref", ""), ("order_ref", "O" * 65), ("reason", "r" * 1001)],
    ids=lambda value: str(value)[:12],
)
def test_a_bad_argument_is_named(ordered: Shop, db: psycopg.Connection, argument: str, value: str | None) -> None:
    with refused(db, "22023", argument=argument):
        ordered.cancel(**{"order_ref": "ORDER"} | {argument: value})


def test_the_units_can_be_promised_at_once(ordered: Shop) -> None:
    with ordered.connection.transaction():
        ordered.cancel("ORDER")
        assert {row["outcome"] for row in ordered.reserve("NEXT", [{"sku": "APPLE", "qty": 14}])} == {"reserved"}
    assert ordered.differences() == []

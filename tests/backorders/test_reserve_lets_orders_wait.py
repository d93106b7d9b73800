"""on_shortage => backorder: what there is is promised, the rest waits, where the policy of each product lets it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.support import Clock, Shop, columns, refused, unchanged
from tests.waiting import backlog, backorder, let_wait, queue, standing


def outcomes(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("line", "warehouse", "outcome", "qty_ordered", "qty_reserved", "qty_backordered", "qty_short")
    return columns(rows, *names)


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """3 APPLE in London, 2 in Berlin; orders may wait for APPLE without limit."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 2}])
    let_wait(shop)
    return shop


def test_what_there_is_is_promised_and_the_rest_waits(stocked: Shop) -> None:
    answer = backorder(stocked, "O1", 9)
    assert outcomes(answer) == [
        (1, "LON", "reserved", 3, 3, 0, 0),
        (1, "BER", "reserved", 2, 2, 0, 0),
        (1, None, "backordered", 4, 0, 4, 0),
    ]
    assert stocked.level("APPLE") == (3, 0, 3, 0)
    assert queue(stocked) == [("O1", None, 4)]
    assert backlog(stocked) == 4
    assert stocked.differences() == []


def test_nothing_waits_where_there_is_enough(stocked: Shop) -> None:
    assert columns(backorder(stocked, "O1", 5), "outcome") == [("reserved",), ("reserved",)]
    assert queue(stocked) == []


def test_what_is_not_in_stock_at_all_waits(stocked: Shop) -> None:
    """Also a product that no warehouse ever had."""
    let_wait(stocked, "RICE")
    assert outcomes(backorder(stocked, "O1", 1.125, "RICE")) == [(1, None, "backordered", 1.125, 0, 1.125, 0)]
    assert columns(stocked.view("orders"), "status", "ordered", "has_backorder") == [("open", 1.125, True)]
    assert stocked.differences() == []


def test_a_warehouse_that_is_named_is_waited_for(stocked: Shop) -> None:
    assert outcomes(backorder(stocked, "O1", 4, warehouse="BER")) == [
        (1, "BER", "reserved", 2, 2, 0, 0),
        (1, "BER", "backordered", 2, 0, 2, 0),
    ]
    assert queue(stocked) == [("O1", "BER", 2)]


def test_lines_that_name_a_warehouse_are_served_first(stocked: Shop) -> None:
    answer = stocked.reserve(
        "O1", [{"sku": "APPLE", "qty": 4}, {"sku": "APPLE", "qty": 3, "warehouse": "LON"}], on_shortage="backorder"
    )
    assert outcomes(answer) == [
        (1, "BER", "reserved", 2, 2, 0, 0),
        (2, "LON", "reserved", 3, 3, 0, 0),
        (1, None, "backordered", 2, 0, 2, 0),
    ]


def test_several_lines_wait_each_for_itself(stocked: Shop) -> None:
    let_wait(stocked, "RICE")
    lines = [{"sku": "APPLE", "qty": 4, "line": 1}, {"sku": "RICE", "qty": 0.5, "line": 2}, {"sku": "APPLE", "qty": 3, "line": 3}]
    answer = stocked.reserve("O1", lines, on_shortage="backorder")
    assert [row for row in outcomes(answer) if row[2] == "backordered"] == [
        (2, None, "backordered", 0.5, 0, 0.5, 0),
        (3, None, "backordered", 2, 0, 2, 0),
    ]
    assert queue(stocked) == [("O1", None, 2)]
    assert stocked.differences() == []


def test_lines_are_numbered_after_those_that_wait(stocked: Shop, db: psycopg.Connection) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 20, "line": 7}], on_shortage="backorder")
    backorder(stocked, "O1", 1)
    assert [row[0] for row in standing(stocked, "O1") if row[3]] == [7, 8]
    with refused(db, "OS304", order_line=8):
        stocked.reserve("O1", [{"sku": "APPLE", "qty": 1, "line": 8}], on_shortage="backorder")


def test_an_order_that_only_waits_is_open(stocked: Shop) -> None:
    backorder(stocked, "FIRST", 5)
    backorder(stocked, "O1", 1)
    stocked.receive("LON", [{"sku": "RICE", "qty": 5}])
    assert columns(stocked.reserve("O1", [{"sku": "RICE", "qty": 1}]), "line", "outcome") == [(2, "reserved")]


@pytest.mark.parametrize("on_shortage", ["reject", "error"])
def test_without_being_asked_nothing_waits(stocked: Shop, db: psycopg.Connection, on_shortage: str) -> None:
    if on_shortage == "error":
        with refused(db, "OS201"):
            stocked.reserve("O1", [{"sku": "APPLE", "qty": 9}], on_shortage="error")
    else:
        stocked.reserve("O1", [{"sku": "APPLE", "qty": 9}])
    assert (queue(stocked), stocked.view("orders")) == ([], [])


def test_a_product_that_nobody_may_wait_for_rejects_all(stocked: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": 9}, {"sku": "RICE", "qty": 1}]
    answer = stocked.reserve("O1", lines, on_shortage="backorder", priority=5, metadata={"a": 1})
    assert outcomes(answer) == [(1, None, "rejected", 9, 0, 0, 4), (2, None, "rejected", 1, 0, 0, 1)]
    assert (queue(stocked), stocked.view("orders"), backlog(stocked)) == ([], [], 0)
    stocked.receive("LON", [{"sku": "RICE", "qty": 1}])
    assert outcomes(stocked.reserve("O1", lines, on_shortage="backorder"))[-1] == (1, None, "backordered", 4, 0, 4, 0)
    assert stocked.differences() == []


def test_a_rejected_row_offers_what_there_is(stocked: Shop) -> None:
    answer = stocked.reserve(
        "O1", [{"sku": "APPLE", "qty": 9}, {"sku": "APPLE", "qty": 9, "warehouse": "BER"}, {"sku": "RICE", "qty": 1}],
        on_shortage="backorder",
    )
    assert columns(answer, "available", "offers") == [
        (5, [{"warehouse": "LON", "available": 3}, {"warehouse": "BER", "available": 2}]),
        (2, [{"warehouse": "BER", "available": 2}]),
        (0, []),
    ]


def test_units_may_wait_up_to_the_limit_and_not_one_more(stocked: Shop) -> None:
    let_wait(stocked, limit=4)
    assert columns(backorder(stocked, "O1", 10), "outcome") == [("rejected",)]
    assert columns(backorder(stocked, "O1", 8), "outcome", "qty_backordered")[-1] == ("backordered", 3)
    assert columns(backorder(stocked, "O2", 2), "outcome", "qty_short") == [("rejected", 2)]
    assert columns(backorder(stocked, "O2", 1), "outcome") == [("backordered",)]
    assert columns(backorder(stocked, "O3", 1), "outcome") == [("rejected",)]
    assert (backlog(stocked), stocked.differences()) == (4, [])


def test_without_a_limit_as_many_may_wait_as_a_quantity_can_be(stocked: Shop) -> None:
    most = 999_999_999_999
    assert columns(backorder(stocked, "O1", most), "outcome", "qty_backordered")[-1] == ("backordered", most - 5)
    assert columns(backorder(stocked, "O2", 6), "outcome", "qty_short") == [("rejected", 6)]
    assert columns(backorder(stocked, "O2", 5), "outcome") == [("backordered",)]
    assert (backlog(stocked), stocked.differences()) == (most, [])


def test_lines_of_one_product_share_its_limit(stocked: Shop) -> None:
    let_wait(stocked, limit=4)
    lines = [{"sku": "APPLE", "qty": 5}, {"sku": "APPLE", "qty": 2}, {"sku": "APPLE", "qty": 3, "warehouse": "BER"}]
    assert {outcome for (outcome,) in columns(stocked.reserve("O1", lines, on_shortage="backorder"), "outcome")} == {"rejected"}
    lines[1]["qty"] = 1
    assert sum(row["qty_backordered"] for row in stocked.reserve("O1", lines, on_shortage="backorder")) == 4


def test_what_is_filled_or_given_back_makes_room(stocked: Shop) -> None:
    let_wait(stocked, limit=4)
    backorder(stocked, "O1", 9)
    stocked.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert columns(backorder(stocked, "O2", 1), "outcome") == [("backordered",)]
    stocked.release("O1", [{"line": 1, "qty": 2}])
    assert columns(backorder(stocked, "O3", 2), "outcome") == [("backordered",)]
    stocked.cancel("O1")
    assert backlog(stocked) == 3
    assert stocked.differences() == []


def test_a_limit_that_is_lowered_refuses_newcomers_only(stocked: Shop) -> None:
    let_wait(stocked, limit=4)
    backorder(stocked, "O1", 9)
    let_wait(stocked, limit=2)
    assert columns(backorder(stocked, "O2", 1), "outcome") == [("rejected",)]
    assert queue(stocked) == [("O1", None, 4)]
    let_wait(stocked, limit=5)
    assert columns(backorder(stocked, "O2", 1), "outcome") == [("backordered",)]


def test_waiting_holds_count_until_they_end(stocked: Shop, clock: Clock) -> None:
    let_wait(stocked, limit=4)
    backorder(stocked, "CART", 9, ttl="1 hour")
    assert columns(backorder(stocked, "O1", 1), "outcome") == [("rejected",)]
    [ends] = {row["expires_at"] for row in stocked.view("reservations")}
    clock.stop(ends)
    answer = backorder(stocked, "O1", 9, op_id="late")
    assert columns(answer, "outcome", "qty_ordered") == [("reserved", 3), ("reserved", 2), ("backordered", 4)]
    names = ("event_type", "order_ref", "reserved_delta", "backordered_delta")
    assert sorted(stocked.entries(*names, op_id="late", reason="expired")) == [
        ("EXPIRE", "CART", -3, 0),
        ("EXPIRE", "CART", -2, 0),
        ("EXPIRE", "CART", 0, -4),
    ]
    assert (backlog(stocked), stocked.differences()) == (4, [])


def test_only_what_waits_has_ended_and_it_makes_room(stocked: Shop, clock: Clock) -> None:
    let_wait(stocked, limit=4)
    backorder(stocked, "O1", 5)
    backorder(stocked, "CART", 4, ttl="1 hour")
    clock.advance(hours=2)
    assert columns(backorder(stocked, "O2", 4), "outcome") == [("backordered",)]
    assert standing(stocked, "CART") == [(1, None, 0, 0, 0, 0, 4)]
    assert (backlog(stocked), stocked.differences()) == (4, [])


def test_refused_all_the_same_it_books_what_ended_or_not_at_all(stocked: Shop, clock: Clock) -> None:
    let_wait(stocked, limit=4)
    backorder(stocked, "CART", 9, ttl="1 hour")
    clock.advance(hours=2)
    assert columns(backorder(stocked, "O1", 10), "outcome") == [("rejected",)]
    assert standing(stocked, "CART") == [(1, None, 0, 0, 0, 0, 4), (1, "BER", 0, 0, 0, 0, 2), (1, "LON", 0, 0, 0, 0, 3)]
    assert stocked.differences() == []


def test_an_inactive_product_is_refused(stocked: Shop, db: psycopg.Connection) -> None:
    stocked.put_products(lines=[{"sku": "OLD", "backorder": "unlimited"}])
    with refused(db, "OS102", sku="OLD"):
        backorder(stocked, "O1", 1, "OLD")


def test_a_shop_without_warehouses_lets_nobody_wait(stocked: Shop, db: psycopg.Connection) -> None:
    """There is nowhere that an entry could name."""
    db.execute("select openstock_admin.create_tenant('Empty', '0197a000-0000-7000-8000-000000000003')")
    empty = Shop(stocked.connection, db, UUID("0197a000-0000-7000-8000-000000000003"))
    empty.put_products(lines=[{"sku": "APPLE", "name": "Apple", "backorder": "unlimited"}])
    assert columns(backorder(empty, "O1", 1), "outcome") == [("rejected",)]


def test_a_replay_says_what_happened(stocked: Shop, db: psycopg.Connection) -> None:
    first = backorder(stocked, "O1", 9, op_id="once")
    stocked.receive("LON", [{"sku": "APPLE", "qty": 9}])
    with unchanged(db):
        assert backorder(stocked, "O1", 9, op_id="once") == [row | {"replayed": True} for row in first]

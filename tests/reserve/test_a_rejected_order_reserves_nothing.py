"""A shortage is an answer, unless the caller asks for an error: in both cases nothing is promised."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Shop, columns, refused, unchanged
from tests.waiting import let_wait

OFFERS = [{"warehouse": "LON", "available": 10}, {"warehouse": "BER", "available": 1}]


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """10 APPLE and 5 RICE in London, 3 APPLE in Berlin, of which 2 are promised."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("EARLIER", [{"sku": "APPLE", "qty": 2, "warehouse": "BER"}])
    return shop


def test_one_short_line_rejects_all(stocked: Shop) -> None:
    answer = stocked.reserve("O1", [{"sku": "RICE", "qty": 5}, {"sku": "APPLE", "qty": 12}], op_id="order-1")
    assert columns(answer, "line", "sku", "warehouse", "outcome", "qty_ordered", "qty_reserved", "qty_short") == [
        (1, "RICE", None, "rejected", 5, 0, 0),
        (2, "APPLE", None, "rejected", 12, 0, 1),
    ]
    assert stocked.level("RICE") == (5, 0, 0, 5)
    assert stocked.view("reservations", order_ref="O1") == []
    assert stocked.entries("event_type", op_id="order-1") == []
    assert stocked.differences() == []


def test_a_rejected_line_shows_the_balances_of_all_warehouses_asked(stocked: Shop) -> None:
    [row] = stocked.reserve("O1", [{"sku": "APPLE", "qty": 12}])
    assert (row["on_hand"], row["blocked"], row["reserved"], row["available"]) == (13, 0, 2, 11)
    [row] = stocked.reserve("O1", [{"sku": "APPLE", "qty": 12, "warehouse": "BER"}])
    assert (row["warehouse"], row["on_hand"], row["reserved"], row["available"]) == ("BER", 3, 2, 1)
    assert row["qty_short"] == 11


def test_what_was_never_stocked_is_short_altogether(stocked: Shop) -> None:
    [row] = stocked.reserve("O1", [{"sku": "MILK", "qty": 0.5}])
    assert (row["outcome"], row["qty_short"], row["on_hand"], row["available"]) == ("rejected", 0.5, 0, 0)


def test_more_than_any_quantity_is_short_too(stocked: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": 999_999_999_999}] * 3
    [row] = stocked.reserve("O1", lines)
    assert (row["outcome"], row["qty_ordered"]) == ("rejected", 3 * 999_999_999_999)


def test_a_rejected_order_is_not_begun(stocked: Shop) -> None:
    stocked.reserve("O1", [{"sku": "APPLE", "qty": 100}])
    answer = stocked.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    assert columns(answer, "line", "outcome") == [(1, "reserved")]


def test_a_rejected_order_leaves_no_order_behind(stocked: Shop, db: psycopg.Connection) -> None:
    stocked.reserve("NEW", [{"sku": "APPLE", "qty": 1000}])
    assert db.execute("select order_ref from openstock_core.reservation").fetchall() == [("EARLIER",)]
    with refused(db, "OS301", order_ref="NEW"):
        stocked.release("NEW")


def test_orders_of_which_nothing_is_left_or_that_only_wait_stay(stocked: Shop, db: psycopg.Connection) -> None:
    let_wait(stocked, "MILK")
    stocked.reserve("WAITS", [{"sku": "MILK", "qty": 1}], on_shortage="backorder")
    stocked.reserve("CART", [{"sku": "RICE", "qty": 1}], ttl="1 hour")
    stocked.confirm("CART", "SALE")
    for order_ref in ("NEW", "WAITS"):
        stocked.reserve(order_ref, [{"sku": "APPLE", "qty": 1000}])
    orders = db.execute("select order_ref from openstock_core.reservation order by 1").fetchall()
    assert orders == [("CART",), ("EARLIER",), ("SALE",), ("WAITS",)]


def test_the_rejection_is_stored_as_the_answer(stocked: Shop, db: psycopg.Connection) -> None:
    first = stocked.reserve("O1", [{"sku": "APPLE", "qty": 12}], op_id="order-1")
    stocked.receive("LON", [{"sku": "APPLE", "qty": 100}])
    with unchanged(db):
        again = stocked.reserve("O1", [{"sku": "APPLE", "qty": 12}], op_id="order-1")
    assert again == [row | {"replayed": True} for row in first]


def test_an_error_on_request_names_the_short_lines_only(stocked: Shop, db: psycopg.Connection) -> None:
    with refused(
        db,
        "OS201",
        order_ref="O1",
        lines=[
            {
                "line": 2,
                "sku": "APPLE",
                "qty_ordered": 12,
                "available": 11,
                "qty_short": 1,
                "offers": OFFERS,
            }
        ],
    ):
        stocked.reserve("O1", [{"sku": "RICE", "qty": 5}, {"sku": "APPLE", "qty": 12}], on_shortage="error")


def test_after_an_error_the_same_op_id_may_be_tried_again(stocked: Shop, db: psycopg.Connection) -> None:
    order = {"order_ref": "O1", "lines": [{"sku": "APPLE", "qty": 12}], "on_shortage": "error", "op_id": "order-1"}
    with refused(db, "OS201"):
        stocked.reserve(**order)
    stocked.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert {row["outcome"] for row in stocked.reserve(**order)} == {"reserved"}


def test_null_means_the_default_way_to_answer_a_shortage(stocked: Shop) -> None:
    assert columns(stocked.reserve("O1", [{"sku": "APPLE", "qty": 12}], on_shortage=None), "outcome") == [("rejected",)]

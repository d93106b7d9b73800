"""An order stays open as long as something of it is reserved; lines are numbered after those that it has."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Shop, columns, refused


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """20 APPLE, of which order O1 has 4 on line 1."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 20}, {"sku": "RICE", "qty": 5}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    return shop


def test_new_lines_get_the_next_numbers(ordered: Shop) -> None:
    answer = ordered.reserve("O1", [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 2}])
    assert columns(answer, "line", "sku", "qty_reserved") == [(2, "RICE", 1), (3, "APPLE", 2)]
    assert columns(ordered.view("reservations"), "line", "sku", "reserved") == [
        (1, "APPLE", 4),
        (2, "RICE", 1),
        (3, "APPLE", 2),
    ]
    assert ordered.differences() == []


def test_unnumbered_lines_come_after_the_highest_number_given(ordered: Shop) -> None:
    answer = ordered.reserve("O1", [{"sku": "RICE", "qty": 1}, {"line": 50, "sku": "APPLE", "qty": 2}])
    assert sorted(columns(answer, "line", "sku")) == [(50, "APPLE"), (51, "RICE")]


def test_there_are_numbers_left_after_the_highest_that_can_be_given(ordered: Shop) -> None:
    ordered.reserve("O1", [{"line": 1_000_000_000, "sku": "APPLE", "qty": 1}])
    assert columns(ordered.reserve("O1", [{"sku": "APPLE", "qty": 1}]), "line") == [(1_000_000_001,)]
    ordered.ship("O1", [{"line": 1_000_000_000}])
    assert ordered.differences() == []


def test_a_number_that_the_order_has_is_refused(ordered: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS304", order_ref="O1", order_line=1):
        ordered.reserve("O1", [{"sku": "RICE", "qty": 1}, {"line": 1, "sku": "APPLE", "qty": 2}])


def test_a_rejected_addition_leaves_the_order_as_it_was(ordered: Shop) -> None:
    [row] = ordered.reserve("O1", [{"sku": "APPLE", "qty": 17}])
    assert (row["line"], row["outcome"], row["qty_short"]) == (2, "rejected", 1)
    assert columns(ordered.view("reservations"), "line", "reserved") == [(1, 4)]
    assert ordered.level("APPLE") == (20, 0, 4, 16)


def test_a_partly_shipped_order_is_open(ordered: Shop) -> None:
    ordered.ship("O1", [{"line": 1, "qty": 3}])
    assert columns(ordered.reserve("O1", [{"sku": "RICE", "qty": 1}]), "line", "outcome") == [(2, "reserved")]


@pytest.mark.parametrize("close", ["ship", "release"])
def test_an_order_of_which_nothing_is_open_takes_no_more_lines(
    ordered: Shop, db: psycopg.Connection, close: str
) -> None:
    getattr(ordered, close)("O1")
    with refused(db, "OS302", order_ref="O1"):
        ordered.reserve("O1", [{"sku": "RICE", "qty": 1}])


def test_the_same_line_of_another_order_is_no_matter(ordered: Shop) -> None:
    assert columns(ordered.reserve("O2", [{"line": 1, "sku": "APPLE", "qty": 1}]), "line", "outcome") == [
        (1, "reserved")
    ]

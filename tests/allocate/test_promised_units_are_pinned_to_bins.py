"""An allocation pins promised units to the bins that a picker goes to; the level does not change."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Connect, Shop, columns, unchanged


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """5 APPLE in A-1, then 5 in A-2; order O1 of 7 APPLE and 1.5 of a lot of MILK that expires."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-2"}])
    shop.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "L1", "expires_on": "2999-12-31", "location": "P-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 7}, {"sku": "MILK", "qty": 1.5}])
    return shop


def test_the_answer_is_a_picking_list(ordered: Shop) -> None:
    answer = ordered.allocate("O1")
    names = ("order_ref", "line", "sku", "warehouse", "location", "lot", "outcome", "qty", "replayed")
    assert columns(answer, *names) == [
        ("O1", 1, "APPLE", "LON", "A-1", None, "allocated", 5, False),
        ("O1", 1, "APPLE", "LON", "A-2", None, "allocated", 2, False),
        ("O1", 2, "MILK", "LON", "P-1", "L1", "allocated", 1.5, False),
    ]
    assert [str(row["expires_on"]) for row in answer] == ["None", "None", "2999-12-31"]


def test_bins_and_lines_show_what_is_pinned_and_the_level_stays(ordered: Shop) -> None:
    ordered.allocate("O1")
    assert columns(ordered.view("bins"), "location", "on_hand", "allocated") == [
        ("A-1", 5, 5),
        ("A-2", 5, 2),
        ("P-1", 4, 1.5),
    ]
    assert columns(ordered.view("reservations"), "line", "reserved", "allocated") == [(1, 7, 7), (2, 1.5, 1.5)]
    assert ordered.level("APPLE") == (10, 0, 7, 3)
    assert ordered.differences() == []


def test_each_pin_is_an_entry_outside_the_chain_of_balances(ordered: Shop) -> None:
    ordered.allocate("O1", op_id="pin")
    names = (
        "line",
        "event_type",
        "location",
        "qty_delta",
        "reserved_delta",
        "allocated_delta",
        "on_hand_after",
        "order_ref",
    )
    assert ordered.entries(*names, op_id="pin") == [
        (1, "ALLOCATE", "A-1", 0, 0, 5, None, "O1"),
        (1, "ALLOCATE", "A-2", 0, 0, 2, None, "O1"),
        (2, "ALLOCATE", "P-1", 0, 0, 1.5, None, "O1"),
    ]


def test_a_second_allocation_pins_only_what_is_not_pinned_yet(ordered: Shop) -> None:
    ordered.allocate("O1")
    assert ordered.allocate("O1", op_id="again") == []
    assert ordered.entries("event_type", op_id="again") == []
    ordered.reserve("O1", [{"sku": "APPLE", "qty": 2}])
    assert columns(ordered.allocate("O1"), "line", "location", "qty") == [(3, "A-2", 2)]
    assert ordered.differences() == []


def test_two_orders_never_get_the_same_units(ordered: Shop) -> None:
    ordered.reserve("O2", [{"sku": "APPLE", "qty": 3}])
    ordered.allocate("O2")
    ordered.allocate("O1")
    assert columns(ordered.view("bins", sku="APPLE"), "location", "on_hand", "allocated") == [
        ("A-1", 5, 5),
        ("A-2", 5, 5),
    ]
    assert ordered.differences() == []


def test_lines_of_one_product_are_pinned_side_by_side(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "A-2"}])
    shop.reserve("O1", [{"line": 1, "sku": "APPLE", "qty": 3}, {"line": 2, "sku": "APPLE", "qty": 3}])
    assert columns(shop.allocate("O1"), "line", "location", "qty") == [(1, "A-1", 3), (2, "A-1", 1), (2, "A-2", 2)]
    assert shop.differences() == []


def test_a_line_of_two_warehouses_is_pinned_in_both(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 6}])
    assert sorted(columns(shop.allocate("O1"), "line", "warehouse", "qty")) == [(1, "BER", 4), (1, "LON", 2)]
    assert shop.differences() == []


def test_what_an_inactive_warehouse_promised_can_be_pinned(ordered: Shop) -> None:
    ordered.put_warehouses(lines=[{"code": "LON", "active": False}])
    assert {row["outcome"] for row in ordered.allocate("O1")} == {"allocated"}


def test_a_bound_login_allocates_for_its_tenant(ordered: Shop, connect: Connect) -> None:
    Shop(connect("bound"), ordered.db).allocate("O1")
    assert ordered.entries("actor", event_type="ALLOCATE") == [("test_bound",)] * 3


def test_a_rolled_back_allocation_leaves_nothing(ordered: Shop, db: psycopg.Connection) -> None:
    with unchanged(db), ordered.connection.transaction(force_rollback=True):
        ordered.allocate("O1")
        assert columns(ordered.view("reservations"), "allocated") == [(7,), (1.5,)]

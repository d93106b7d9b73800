"""What bins no longer hold, or may no longer give, cannot leave; the promise stays until it is released."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Clock, Shop, columns, day, refused


def test_a_lot_that_expired_after_it_was_pinned_is_replaced_by_another(shop: Shop, clock: Clock) -> None:
    shop.receive(
        "LON",
        [{"sku": "MILK", "qty": 4, "lot": "SOON", "expires_on": day(2)}, {"sku": "MILK", "qty": 9, "lot": "LATE"}],
    )
    shop.reserve("O1", [{"sku": "MILK", "qty": 4}])
    assert columns(shop.allocate("O1"), "lot", "qty") == [("SOON", 4)]
    clock.advance(days=4)
    assert columns(shop.ship("O1", op_id="ship"), "lot", "qty", "on_hand", "blocked") == [("LATE", 4, 9, 4)]
    assert shop.entries("event_type", "lot", "qty_delta", "blocked_delta", "allocated_delta", op_id="ship") == [
        ("DEALLOCATE", "SOON", 0, 0, -4),
        ("STATUS", "SOON", 0, 4, 0),
        ("SHIP", "LATE", -4, 0, 0),
    ]
    assert shop.level("MILK") == (9, 4, 0, 5)
    assert shop.differences() == []


def test_a_lot_that_expired_beside_the_pinned_units_is_blocked_as_these_leave(shop: Shop, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "LATE"}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 4}])
    shop.allocate("O1")
    shop.receive("LON", [{"sku": "MILK", "qty": 3, "lot": "SOON", "expires_on": day(2)}])
    clock.advance(days=4)
    assert columns(shop.ship("O1", op_id="ship"), "lot", "qty", "on_hand", "blocked") == [("LATE", 4, 3, 3)]
    assert shop.entries("event_type", "lot", op_id="ship") == [("STATUS", "SOON"), ("SHIP", "LATE")]
    assert shop.differences() == []


def test_a_lot_that_expired_and_nothing_else_cannot_be_shipped(
    shop: Shop, db: psycopg.Connection, clock: Clock
) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "SOON", "expires_on": day(2)}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 4}])
    shop.allocate("O1")
    clock.advance(days=4)
    with refused(db, "OS201", order_ref="O1", lines=[{"line": 1, "sku": "MILK", "warehouse": "LON", "qty": 4, "in_bins": 0}]):
        shop.ship("O1")
    assert shop.level("MILK") == (4, 4, 4, -4)


def test_a_lot_ships_until_the_end_of_its_last_day(shop: Shop, clock: Clock, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "L1", "expires_on": day(40)}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 4}])
    clock.set(f"{day(40)} 23:59:00 UTC")
    assert columns(shop.ship("O1", [{"line": 1, "qty": 1}]), "lot", "qty") == [("L1", 1)]
    clock.set(f"{day(41)} 00:00:00 UTC")
    with refused(db, "OS201", order_ref="O1"):
        shop.ship("O1")


@pytest.mark.parametrize("allocated", [False, True])
def test_lost_units_cannot_be_shipped(shop: Shop, db: psycopg.Connection, allocated: bool) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 5}])
    if allocated:
        shop.allocate("O1")
    shop.adjust("LON", [{"sku": "APPLE", "qty": -2, "location": "A-1"}], reason="lost")
    with refused(db, "OS201", order_ref="O1"):
        shop.ship("O1")
    shop.ship("O1", [{"line": 1, "qty": 3}])
    assert shop.level("APPLE") == (0, 0, 2, -2)
    shop.release("O1")
    assert shop.level("APPLE") == (0, 0, 0, 0)
    assert shop.differences() == []


def test_each_line_that_bins_cannot_give_is_named(shop: Shop, db: psycopg.Connection) -> None:
    """Line 4 has all it needs, line 7 is pinned in part, line 9 comes from two warehouses; of line 2 nothing is asked."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 6, "location": "A-1"}, {"sku": "RICE", "qty": 5, "location": "A-1"}])
    shop.receive("LON", [{"sku": "MILK", "qty": 4.5, "location": "A-1", "lot": "L1"}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 2}])
    shop.reserve("O1", [{"sku": "RICE", "qty": 1, "line": 4}, {"sku": "MILK", "qty": 1, "line": 7}])
    shop.allocate("O1")
    shop.reserve("O1", [{"sku": "RICE", "qty": 1.5, "line": 2}])
    shop.amend("O1", [{"line": 7, "qty": 4}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 8, "line": 9}])
    shop.adjust("LON", [{"sku": "MILK", "qty": -2, "location": "A-1", "lot": "L1"}], reason="lost")
    shop.adjust("LON", [{"sku": "APPLE", "qty": -6, "location": "A-1"}, {"sku": "RICE", "qty": -4, "location": "A-1"}], reason="lost")
    with refused(db, "OS201") as refusal:
        shop.ship("O1", [{"line": 9}, {"line": 7}, {"line": 4}])
    assert refusal.detail == {
        "order_ref": "O1",
        "lines": [
            {"line": 7, "sku": "MILK", "warehouse": "LON", "qty": 4, "in_bins": 2.5},
            {"line": 9, "sku": "APPLE", "warehouse": "LON", "qty": 6, "in_bins": 0},
        ],
    }


def test_of_kits_the_components_that_bins_cannot_give_are_named(shop: Shop, db: psycopg.Connection) -> None:
    shop.put_products(lines=[{"sku": "HAMPER", "name": "Hamper"}])
    shop.put_kits(lines=[{"sku": "HAMPER", "components": [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 2}]}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 6}, {"sku": "RICE", "qty": 3}])
    shop.reserve("O1", [{"sku": "HAMPER", "qty": 3}])
    shop.adjust("LON", [{"sku": "RICE", "qty": -3}, {"sku": "APPLE", "qty": -5}], reason="lost")
    with refused(db, "OS201") as refusal:
        shop.ship("O1", [{"line": 1, "qty": 2}])
    assert refusal.detail["lines"] == [
        {"line": 1, "sku": "APPLE", "warehouse": "LON", "qty": 4, "in_bins": 1},
        {"line": 1, "sku": "RICE", "warehouse": "LON", "qty": 2, "in_bins": 0},
    ]


def test_blocked_units_cannot_be_shipped(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 5}])
    shop.move("LON", [{"sku": "APPLE", "qty": 5, "from": "A-1", "to": "Q-1"}])
    with refused(db, "OS201", order_ref="O1", lines=[{"line": 1, "sku": "APPLE", "warehouse": "LON", "qty": 5, "in_bins": 0}]):
        shop.ship("O1")
    shop.move("LON", [{"sku": "APPLE", "qty": 5, "from": "Q-1", "to": "A-1"}])
    shop.ship("O1")
    assert shop.differences() == []


def test_safety_stock_is_no_obstacle_to_what_was_promised(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 5}])
    shop.put_products(lines=[{"sku": "APPLE", "safety_stock": 3}])
    assert shop.level("APPLE") == (5, 0, 5, -3)
    shop.ship("O1")
    assert shop.level("APPLE") == (0, 0, 0, -3)
    assert shop.differences() == []

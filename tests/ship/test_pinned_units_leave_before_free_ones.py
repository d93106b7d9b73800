"""A line's own pins go first, the oldest before the newer; the rest comes from free units by the removal rule."""

from __future__ import annotations

from tests.support import Shop, columns, day


def test_a_partly_pinned_line_ships_its_pins_first(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 5}])
    shop.move("LON", [{"sku": "APPLE", "qty": 3, "from": "A-1", "to_status": "hold"}])
    shop.allocate("O1")
    shop.receive("LON", [{"sku": "APPLE", "qty": 9, "location": "A-2"}])
    assert columns(shop.ship("O1", [{"line": 1, "qty": 1}]), "location", "qty") == [("A-1", 1)]
    assert columns(shop.ship("O1", [{"line": 1, "qty": 2}]), "location", "qty") == [("A-1", 1), ("A-2", 1)]
    assert columns(shop.ship("O1"), "location", "qty") == [("A-2", 2)]
    assert shop.level("APPLE") == (9, 3, 0, 6)
    assert shop.differences() == []


def test_the_oldest_pins_leave_first(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "APPLE", "removal": "lifo"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-2"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2}])
    shop.allocate("O1")
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-1"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    shop.release("O1", [{"line": 1, "qty": 1}])
    shop.allocate("O1")
    assert columns(shop.ship("O1", [{"sku": "APPLE", "qty": 3}]), "line", "location", "qty") == [
        (1, "A-2", 1),
        (2, "A-1", 2),
    ]
    assert shop.differences() == []


def test_a_pinned_and_an_unpinned_line_of_one_product(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "A-2"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2}])
    shop.allocate("O1")
    shop.reserve("O1", [{"sku": "APPLE", "qty": 4}])
    answer = shop.ship("O1")
    assert columns(answer, "line", "location", "qty") == [(1, "A-1", 2), (2, "A-1", 1), (2, "A-2", 3)]
    assert shop.level("APPLE") == (1, 0, 0, 1)
    assert shop.differences() == []


def test_free_units_are_taken_by_the_removal_rule(shop: Shop) -> None:
    for lot, expires_on in [("NEVER", None), ("LATE", day(90)), ("SOON", day(10))]:
        shop.receive("LON", [{"sku": "MILK", "qty": 2, "lot": lot, "expires_on": expires_on}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 5}])
    answer = shop.ship("O1")
    assert sorted(columns(answer, "lot", "qty")) == [("LATE", 2), ("NEVER", 1), ("SOON", 2)]
    assert shop.differences() == []


def test_units_pinned_to_other_orders_stay_where_they_are(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-2"}])
    shop.reserve("OTHER", [{"sku": "APPLE", "qty": 3}])
    shop.allocate("OTHER")
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3}])
    assert columns(shop.ship("O1"), "location", "qty") == [("A-2", 3)]
    assert columns(shop.view("bins"), "location", "on_hand", "allocated") == [("A-1", 3, 3)]
    assert shop.differences() == []


def test_lines_of_one_product_ship_from_several_bins(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 4, "location": "A-2"}])
    shop.reserve("O1", [{"line": 1, "sku": "APPLE", "qty": 3}, {"line": 2, "sku": "APPLE", "qty": 3}])
    answer = shop.ship("O1")
    assert columns(answer, "line", "location", "qty", "on_hand") == [
        (1, "A-1", 3, 5),
        (2, "A-1", 1, 4),
        (2, "A-2", 2, 2),
    ]
    assert shop.differences() == []

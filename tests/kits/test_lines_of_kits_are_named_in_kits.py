"""release, ship, deallocate and amend count kits where an entry names a line of kits, and units where it names a component with the line."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.support import Clock, Shop, columns, refused

HALF = Decimal("0.5")


@pytest.fixture
def order(kits: Shop) -> Shop:
    """O1: 4 HAMPER (line 1), 1 APPLE (line 2): 8 + 1 APPLE and 2 RICE in London."""
    kits.reserve("O1", [{"sku": "HAMPER", "qty": 4}, {"sku": "APPLE", "qty": 1}])
    return kits


def open_units(shop: Shop, order_ref: str = "O1") -> list[tuple[Any, ...]]:
    """(line, sku, reserved) of an order, over all warehouses."""
    return columns(shop.view("order_lines", order_ref=order_ref), "line", "sku", "reserved")


@pytest.mark.parametrize("entry", [{"line": 1}, {"line": 1, "sku": "HAMPER"}, {"sku": " HAMPER"}, {"line": 1, "warehouse": "LON"}])
def test_kits_are_released(order: Shop, entry: dict[str, Any]) -> None:
    answer = order.release("O1", [entry | {"qty": 3}])
    assert columns(answer, "line", "sku", "kit", "outcome", "qty_released", "qty_reserved") == [
        (1, "APPLE", "HAMPER", "released", 6, 2),
        (1, "RICE", "HAMPER", "released", 3 * HALF, HALF),
    ]
    order.release("O1", [entry])
    assert open_units(order) == [(1, "APPLE", 0), (1, "RICE", 0), (2, "APPLE", 1)]
    assert order.differences() == []


def test_a_component_alone_is_named_with_its_line(order: Shop, db: psycopg.Connection) -> None:
    order.release("O1", [{"line": 1, "sku": "APPLE", "qty": 3}, {"line": 1, "sku": "RICE", "qty": 0.5}])
    assert open_units(order) == [(1, "APPLE", 5), (1, "RICE", 3 * HALF), (2, "APPLE", 1)]
    order.release("O1", [{"sku": "APPLE"}])
    assert open_units(order) == [(1, "APPLE", 5), (1, "RICE", 3 * HALF), (2, "APPLE", 0)]
    with refused(db, "OS303", line=1, asked=1, reserved=0):
        order.release("O1", [{"sku": "APPLE", "qty": 1}])
    with refused(db, "OS303", line=1, asked=3, reserved=2):
        order.release("O1", [{"line": 1, "qty": 3}])
    order.release("O1", [{"line": 1, "qty": 2}])
    assert open_units(order) == [(1, "APPLE", 1), (1, "RICE", HALF), (2, "APPLE", 0)]


def test_what_fits_no_kit_is_refused(order: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS303", line=2, asked=5, reserved=4):
        order.release("O1", [{"line": 2}, {"line": 1, "qty": 5}])
    with refused(db, "OS110", line=1, sku="HAMPER"):
        order.release("O1", [{"line": 1, "qty": 1.5}])
    with refused(db, "OS110", line=1, sku="HAMPER"):
        order.ship("O1", [{"line": 1, "qty": 0}])
    with refused(db, "22023", line=1, key="sku", sku="MILK"):
        order.release("O1", [{"line": 1, "sku": "MILK", "qty": 1}])
    with refused(db, "22023", line=1, problem="names what another entry names too"):
        order.release("O1", [{"line": 1, "qty": 1}, {"line": 1, "sku": "APPLE", "qty": 1}])
    with refused(db, "OS303", line=1, asked=1, reserved=0):
        order.release("O1", [{"line": 1, "warehouse": "BER", "qty": 1}])
    with refused(db, "OS303", line=1):
        order.release("O1", [{"sku": "BAG", "qty": 1}])


def test_two_lines_of_one_kit(order: Shop, db: psycopg.Connection) -> None:
    order.reserve("O1", [{"sku": "HAMPER", "qty": 1}])
    with refused(db, "22023", line=1):
        order.release("O1", [{"sku": "HAMPER", "qty": 1}])
    order.release("O1", [{"line": 1}])
    order.release("O1", [{"sku": "HAMPER", "qty": 1}])
    assert open_units(order) == [(1, "APPLE", 0), (1, "RICE", 0), (2, "APPLE", 1), (3, "APPLE", 0), (3, "RICE", 0)]


def test_a_line_of_kits_that_was_given_back_is_not_meant_by_the_kit_alone(order: Shop) -> None:
    order.reserve("O1", [{"sku": "HAMPER", "qty": 1}])
    order.release("O1", [{"line": 1}])
    order.amend("O1", [{"sku": "HAMPER", "qty": 2}])
    assert open_units(order) == [(1, "APPLE", 0), (1, "RICE", 0), (2, "APPLE", 1), (3, "APPLE", 4), (3, "RICE", 1)]


def test_kits_are_allocated_deallocated_and_shipped(order: Shop, db: psycopg.Connection) -> None:
    order.allocate("O1")
    answer = order.deallocate("O1", [{"line": 1, "qty": 1}])
    assert sorted(columns(answer, "line", "sku", "qty")) == [(1, "APPLE", 2), (1, "RICE", HALF)]
    with refused(db, "OS303", line=1, asked=4, allocated=3):
        order.deallocate("O1", [{"line": 1, "qty": 4}])
    answer = order.ship("O1", [{"sku": "HAMPER", "qty": 2}])
    assert sorted(columns(answer, "line", "sku", "qty")) == [(1, "APPLE", 4), (1, "RICE", 1)]
    order.ship("O1")
    assert columns(order.view("order_lines", order_ref="O1"), "sku", "shipped") == [("APPLE", 8), ("RICE", 2), ("APPLE", 1)]
    assert order.view("orders", order_ref="O1")[0]["status"] == "shipped"
    assert order.differences() == []


def test_a_picker_names_the_component(order: Shop, db: psycopg.Connection) -> None:
    order.allocate("O1")
    missing = {"line": 1, "location": "A-1", "qty": 1}
    with refused(db, "22023", line=1, key="sku"):
        order.short_pick("O1", [missing])
    answer = order.short_pick("O1", [missing | {"sku": "APPLE"}])
    assert columns(answer, "line", "sku", "outcome", "qty")[0] == (1, "APPLE", "deallocated", 1)


def test_an_order_of_kits_is_canceled(order: Shop) -> None:
    assert columns(order.cancel("O1"), "line", "sku", "kit", "outcome") == [
        (1, "APPLE", "HAMPER", "cancelled"),
        (1, "RICE", "HAMPER", "cancelled"),
        (2, "APPLE", None, "cancelled"),
    ]


@pytest.mark.parametrize("entry", [{"line": 1}, {"sku": "HAMPER"}, {"line": 1, "sku": "HAMPER"}])
def test_a_line_is_amended_in_kits(order: Shop, entry: dict[str, Any]) -> None:
    answer = order.amend("O1", [entry | {"qty": 3}])
    assert columns(answer, "line", "sku", "kit", "outcome", "qty_released") == [
        (1, "APPLE", "HAMPER", "released", 2),
        (1, "RICE", "HAMPER", "released", HALF),
    ]
    answer = order.amend("O1", [entry | {"qty": 6}])
    assert {row["outcome"] for row in answer} == {"reserved"}
    assert open_units(order) == [(1, "APPLE", 12), (1, "RICE", 3), (2, "APPLE", 1)]
    assert order.amend("O1", [entry | {"qty": 6}]) == []
    order.amend("O1", [entry | {"qty": 0}])
    assert open_units(order) == [(1, "APPLE", 0), (1, "RICE", 0), (2, "APPLE", 1)]
    assert order.differences() == []


def test_amended_kits_are_those_that_were_ordered(order: Shop) -> None:
    order.put_kits(lines=[{"sku": "HAMPER", "components": []}])
    order.amend("O1", [{"line": 1, "qty": 5}])
    assert open_units(order) == [(1, "APPLE", 10), (1, "RICE", 5 * HALF), (2, "APPLE", 1)]


def test_kits_are_added_by_an_amendment(order: Shop) -> None:
    order.amend("O1", [{"sku": "BAG", "qty": 1}, {"sku": "HAMPER", "line": 8, "qty": 1}, {"line": 2, "qty": 0}])
    assert columns(order.view("order_lines", order_ref="O1"), "line", "sku", "reserved", "kit") == [
        (1, "APPLE", 8, "HAMPER"),
        (1, "RICE", 2, "HAMPER"),
        (2, "APPLE", 0, None),
        (8, "APPLE", 2, "HAMPER"),
        (8, "RICE", HALF, "HAMPER"),
        (9, "APPLE", 3, "BAG"),
    ]


@pytest.mark.parametrize(("each", "others"), [(5, []), (5, [{"sku": "RICE", "qty": 99}]), (3, [{"sku": "RICE", "qty": 99}])])
def test_units_that_make_up_the_last_kit_are_promised_where_they_are_all_there(shop: Shop, each: int, others: list[dict[str, Any]]) -> None:
    """Whatever else is short: a unit is missing of the third crate, and two are left."""
    shop.put_products(lines=[{"sku": "CRATE", "name": "A crate of apples"}])
    shop.put_kits(lines=[{"sku": "CRATE", "components": [{"sku": "APPLE", "qty": each}]}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 3 * each + 1}])
    shop.reserve("O1", [{"sku": "CRATE", "qty": 3}])
    shop.amend("O1", [{"line": 1, "sku": "APPLE", "qty": 3 * each - 1}])
    answer = shop.amend("O1", [{"line": 1, "qty": 3}, *others], on_shortage="partial")
    assert columns(answer, "sku", "outcome", "qty_short") == [("APPLE", "reserved", 0), *(("RICE", "short", 99) for _ in others)]
    assert open_units(shop) == [(1, "APPLE", 3 * each)]
    assert shop.level("APPLE") == (3 * each + 1, 0, 3 * each, 1)


def test_what_makes_up_the_last_kit_is_not_there_for_another_line(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "CRATE", "name": "A crate of apples"}])
    shop.put_kits(lines=[{"sku": "CRATE", "components": [{"sku": "APPLE", "qty": 3}]}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 9}])
    shop.reserve("O1", [{"sku": "CRATE", "qty": 2}])
    shop.amend("O1", [{"line": 1, "sku": "APPLE", "qty": 5}])
    answer = shop.amend("O1", [{"line": 1, "qty": 2}, {"line": 7, "sku": "CRATE", "qty": 2}], on_shortage="partial")
    assert columns(answer, "line", "sku", "outcome", "qty_reserved", "qty_short") == [(1, "APPLE", "reserved", 6, 0), (7, "APPLE", "reserved", 3, 0), (7, "CRATE", "short", 0, 1)]


def test_an_amendment_that_is_short_is_told_in_kits(order: Shop) -> None:
    [row] = order.amend("O1", [{"line": 1, "qty": 9}])
    assert (row["sku"], row["outcome"], row["qty_ordered"], row["qty_short"], row["available"]) == ("HAMPER", "rejected", 5, 3, 2)
    answer = order.amend("O1", [{"line": 1, "qty": 9}], on_shortage="partial")
    assert columns(answer, "line", "sku", "outcome", "qty_short") == [
        (1, "APPLE", "reserved", 0),
        (1, "APPLE", "reserved", 0),
        (1, "RICE", "reserved", 0),
        (1, "HAMPER", "short", 3),
    ]
    assert open_units(order) == [(1, "APPLE", 12), (1, "RICE", 3), (2, "APPLE", 1)]


def test_an_amendment_leaves_what_was_shipped(order: Shop, db: psycopg.Connection) -> None:
    order.ship("O1", [{"line": 1, "qty": 2}])
    with refused(db, "OS303", line=1, asked=1, shipped=2):
        order.amend("O1", [{"line": 1, "qty": 1}])
    order.amend("O1", [{"line": 1, "qty": 3}])
    assert open_units(order) == [(1, "APPLE", 2), (1, "RICE", HALF), (2, "APPLE", 1)]


def test_a_line_whose_components_drifted_is_amended_down(order: Shop, db: psycopg.Connection) -> None:
    order.release("O1", [{"line": 1, "sku": "APPLE", "qty": 3}])
    with refused(db, "22023", line=1):
        order.amend("O1", [{"line": 1, "qty": 4}])
    with refused(db, "22023", line=1, key="sku", sku="MILK"):
        order.amend("O1", [{"line": 1, "sku": "MILK", "qty": 1}])
    order.amend("O1", [{"line": 1, "sku": "APPLE", "qty": 8}])
    order.amend("O1", [{"line": 1, "qty": 5}])
    order.release("O1", [{"line": 1, "sku": "RICE"}])
    order.amend("O1", [{"line": 1, "qty": 0}])
    assert open_units(order) == [(1, "APPLE", 0), (1, "RICE", 0), (2, "APPLE", 1)]


def test_a_cart_of_kits_is_confirmed_into_an_order(order: Shop, clock: Clock) -> None:
    order.reserve("C1", [{"sku": "HAMPER", "qty": 1}], ttl="1 hour")
    order.reserve("C1", [{"sku": "BAG", "qty": 1, "warehouse": "BER"}], ttl="3 hours")
    clock.advance(hours=2)
    answer = order.confirm("C1", "O1", on_expired="skip")
    assert columns(answer, "order_ref", "line", "sku", "kit", "outcome") == [("O1", 3, "APPLE", "BAG", "confirmed")]
    assert columns(order.view("order_lines", order_ref="C1"), "line", "sku", "kit") == [(1, "APPLE", "HAMPER"), (1, "RICE", "HAMPER")]
    order.release("O1", [{"sku": "BAG", "qty": 1}, {"sku": "HAMPER", "qty": 1}])
    assert open_units(order) == [(1, "APPLE", 6), (1, "RICE", 3 * HALF), (2, "APPLE", 1), (3, "APPLE", 0)]
    assert order.differences() == []


def test_components_whose_hold_has_ended_are_told_with_their_kit(order: Shop, clock: Clock) -> None:
    order.reserve("C1", [{"sku": "HAMPER", "qty": 1}], ttl="1 hour")
    order.reserve("C1", [{"sku": "APPLE", "qty": 1, "warehouse": "BER"}], ttl="3 hours")
    clock.advance(hours=2)
    assert set(columns(order.extend("C1", "3 hours"), "line", "sku", "kit", "outcome")) == {
        (2, "APPLE", None, "extended"),
        (1, "APPLE", "HAMPER", "expired"),
        (1, "RICE", "HAMPER", "expired"),
    }


def test_verify_misses_the_line_of_a_component(order: Shop, db: psycopg.Connection) -> None:
    db.execute("update openstock_core.reservation_kit set line = 3 where line = 1 and qty = 0.5")
    assert columns(order.differences(), "fact", "key", "expected", "actual") == [
        ("component of a kit has a line", {"sku": "RICE", "order_ref": "O1", "line": 3}, 1, 0)
    ]


def test_a_product_that_waits_and_became_a_kit_is_given_back(kits: Shop, db: psycopg.Connection) -> None:
    kits.put_products(lines=[{"sku": "SET", "name": "Set", "backorder": "unlimited"}])
    kits.reserve("O1", [{"sku": "SET", "qty": 3}], on_shortage="backorder")
    kits.put_kits(lines=[{"sku": "SET", "components": [{"sku": "APPLE", "qty": 1}]}])
    with refused(db, "22023", line=1, key="sku", sku="SET"):
        kits.amend("O1", [{"line": 1, "qty": 4}])
    kits.amend("O1", [{"line": 1, "qty": 2}])
    assert columns(kits.release("O1", [{"sku": "SET"}]), "sku", "kit", "qty_released") == [("SET", None, 2)]
    assert kits.differences() == []


def test_what_is_confirmed_leaves_the_rest_of_the_cart_and_other_carts_alone(kits: Shop, clock: Clock) -> None:
    """C1 and C2 have lines of kits with the same numbers and components; of C1 one line has ended, and of another a component was given back."""
    kits.put_products(lines=[{"sku": "OIL", "name": "Oil", "backorder": "unlimited"}])
    oil = [{"sku": "OIL", "qty": 1, "line": 9}]
    kits.reserve("O1", [{"sku": "APPLE", "qty": 1}], metadata={"by": "phone"})
    kits.reserve("C2", [{"sku": "HAMPER", "qty": 1, "line": 3}], ttl="3 hours", priority=7, metadata={"gift": True})
    kits.reserve("C2", oil, ttl="3 hours", on_shortage="backorder")
    kits.reserve("C1", [{"sku": "HAMPER", "qty": 1, "line": 5}], ttl="1 hour", priority=4, metadata={"by": "web", "tea": 1})
    lines = [{"sku": "APPLE", "qty": 1, "line": 3}, {"sku": "HAMPER", "qty": 1, "line": 2}, {"sku": "HAMPER", "qty": 1, "line": 4}]
    kits.reserve("C1", lines, ttl="3 hours")
    kits.reserve("C1", oil, ttl="3 hours", on_shortage="backorder")
    kits.release("C1", [{"line": 4, "sku": "RICE"}])
    clock.advance(hours=2)
    kits.confirm("C1", "O1", on_expired="skip")
    shown = ("line", "sku", "kit", "reserved", "backordered")
    assert {ref: columns(kits.view("order_lines", order_ref=ref), *shown) for ref in ("O1", "C1", "C2")} == {
        "O1": [
            (1, "APPLE", None, 1, 0),
            (2, "APPLE", "HAMPER", 2, 0),
            (2, "RICE", "HAMPER", HALF, 0),
            (3, "APPLE", None, 1, 0),
            (4, "APPLE", "HAMPER", 2, 0),
            (5, "OIL", None, 0, 1),
        ],
        "C1": [(4, "RICE", "HAMPER", 0, 0), (5, "APPLE", "HAMPER", 0, 0), (5, "RICE", "HAMPER", 0, 0)],
        "C2": [(3, "APPLE", "HAMPER", 2, 0), (3, "RICE", "HAMPER", HALF, 0), (9, "OIL", None, 0, 1)],
    }
    assert columns(kits.view("orders"), "order_ref", "became", "priority", "metadata") == [
        ("C1", "O1", 4, {"by": "web", "tea": 1}),
        ("C2", None, 7, {"gift": True}),
        ("O1", None, 4, {"by": "phone", "tea": 1}),
    ]
    assert kits.differences() == []


def test_of_several_entries_that_fit_no_kit_the_first_is_named(order: Shop, db: psycopg.Connection) -> None:
    order.reserve("O1", [{"sku": "BAG", "qty": 1, "line": 5, "warehouse": "BER"}])
    neither = {"problem": "is neither the kit of the line nor a component of it", "sku": "RICE"}
    with refused(db, "22023", line=2, **neither):
        order.release("O1", [{"line": 2}, {"line": 5, "sku": "RICE"}, {"line": 1, "qty": 1.5}])
    with refused(db, "OS110", line=2, sku="HAMPER"):
        order.release("O1", [{"line": 2}, {"line": 1, "qty": 1.5}, {"line": 5, "sku": "RICE"}])


def test_kits_of_another_order_make_no_kits_of_this_ones_lines(order: Shop) -> None:
    order.reserve("O2", [{"sku": "APPLE", "qty": 3, "line": 1}])
    order.release("O2", [{"line": 1, "sku": "APPLE", "qty": 1}])
    assert columns(order.view("order_lines", order_ref="O2"), "line", "sku", "kit", "reserved") == [(1, "APPLE", None, 2)]

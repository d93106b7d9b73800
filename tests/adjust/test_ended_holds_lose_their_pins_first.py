"""Who takes pinned units away un-pins holds that have ended first, and then the newest pins, held or not."""

from __future__ import annotations

import pytest

from tests.holds import booked, parts
from tests.support import Clock, Shop, columns


@pytest.fixture
def pinned(shop: Shop, clock: Clock) -> Shop:
    """10 APPLE in A-1: pinned, in this order, 2 to CART (ended), 3 to HELD, 4 to ORDER; 1 is free."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    for order_ref, qty, ttl in [("CART", 2, "1 hour"), ("HELD", 3, "1 day"), ("ORDER", 4, None)]:
        shop.reserve(order_ref, [{"sku": "APPLE", "qty": qty}], ttl=ttl)
        shop.allocate(order_ref)
    clock.advance(hours=2)
    return shop


def pins(shop: Shop) -> dict[str, object]:
    query = (
        "select r.order_ref, sum(a.qty) from openstock_core.allocation a join openstock_core.reservation_line l "
        "using (reservation_line_id) join openstock_core.reservation r using (reservation_id) group by 1"
    )
    return dict(shop.db.execute(query).fetchall())


def take(shop: Shop, function: str, qty: int) -> None:
    """Take units out of A-1: lose them, or put them where nothing is promised from."""
    if function == "adjust":
        shop.adjust("LON", [{"sku": "APPLE", "qty": -qty, "location": "A-1"}], reason="gone", op_id="take")
    else:
        shop.move("LON", [{"sku": "APPLE", "qty": qty, "from": "A-1", "to": "Q-1"}], reason="gone", op_id="take")


@pytest.mark.parametrize("function", ["adjust", "move"])
@pytest.mark.parametrize(
    ("qty", "left"),
    [
        (1, {"CART": 2, "HELD": 3, "ORDER": 4}),
        (2, {"CART": 1, "HELD": 3, "ORDER": 4}),
        (3, {"HELD": 3, "ORDER": 4}),
        (5, {"HELD": 3, "ORDER": 2}),
        (8, {"HELD": 2}),
    ],
    ids=str,
)
def test_ended_holds_give_way_first_then_the_newest(
    pinned: Shop, function: str, qty: int, left: dict[str, int]
) -> None:
    take(pinned, function, qty)
    assert pins(pinned) == left
    assert pinned.differences() == []


@pytest.mark.parametrize("function", ["adjust", "move"])
def test_the_hold_itself_is_not_booked_by_it(pinned: Shop, function: str) -> None:
    take(pinned, function, 3)
    assert pinned.entries(
        "event_type", "order_ref", "allocated_delta", "reason", op_id="take", event_type="DEALLOCATE"
    ) == [("DEALLOCATE", "CART", -2, "gone")]
    assert booked(pinned) == []
    assert parts(pinned, "CART") == [(1, "LON", 0, 0, 0, 0, 2)]
    pinned.expire_reservations()
    assert [event_type for _, event_type, *_ in booked(pinned)] == ["EXPIRE"]
    assert pinned.differences() == []


def test_pins_of_ended_holds_are_the_first_to_move_along(pinned: Shop) -> None:
    pinned.move("LON", [{"sku": "APPLE", "qty": 4, "from": "A-1", "to": "A-2"}])
    assert columns(pinned.view("bins"), "location", "on_hand", "allocated") == [("A-1", 6, 6), ("A-2", 4, 1)]
    assert pins(pinned) == {"CART": 2, "HELD": 3, "ORDER": 4}
    pinned.expire_reservations()
    assert columns(pinned.view("bins"), "location", "on_hand", "allocated") == [("A-1", 6, 6), ("A-2", 4, 1)]
    assert pinned.differences() == []


def test_units_under_an_ended_pin_need_no_booking_to_be_taken(pinned: Shop) -> None:
    assert columns(pinned.view("bins"), "on_hand", "allocated") == [(10, 7)]
    take(pinned, "adjust", 10)
    assert pinned.level("APPLE") == (0, 0, 7, -7)
    assert pinned.differences() == []

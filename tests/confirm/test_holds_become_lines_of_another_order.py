"""confirm(order_ref, new_order_ref): what the cart held becomes the order's, numbered after its highest line."""

from __future__ import annotations

import psycopg
import pytest

from tests.holds import booked, end_of, parts
from tests.support import Clock, Shop, columns, fails, refused, unchanged


@pytest.fixture
def cart(shop: Shop) -> Shop:
    """10 APPLE and 5 RICE in London, 4 APPLE in Berlin: CART holds 12 APPLE (line 3) and 2 RICE (line 7) for an hour."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "RICE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 4}])
    shop.reserve("CART", [{"sku": "RICE", "qty": 2, "line": 7}, {"sku": "APPLE", "qty": 12, "line": 3}], ttl="1 hour")
    return shop


def test_a_new_order_begins_with_line_1(cart: Shop) -> None:
    levels = cart.view("stock")
    answer = cart.confirm("CART", "SALE", op_id="buy")
    names = ("order_ref", "line", "sku", "warehouse", "outcome", "qty_ordered", "qty_reserved", "expires_at")
    assert columns(answer, *names) == [
        ("SALE", 1, "APPLE", "LON", "confirmed", 10, 10, None),
        ("SALE", 1, "APPLE", "BER", "confirmed", 2, 2, None),
        ("SALE", 2, "RICE", "LON", "confirmed", 2, 2, None),
    ]
    assert columns(cart.view("reservations"), "order_ref", "line", "sku", "reserved", "expires_at") == [
        ("SALE", 1, "APPLE", 2, None),
        ("SALE", 1, "APPLE", 10, None),
        ("SALE", 2, "RICE", 2, None),
    ]
    assert cart.view("stock") == levels
    names = ("line", "event_type", "order_ref", "reserved_delta", "reserved_after", "expires_at", "reference")
    assert cart.entries(*names, op_id="buy", sku="RICE") == [(2, "CONFIRM", "SALE", 0, None, None, "CART")]
    assert cart.differences() == []


def test_who_holds_the_last_units_is_not_in_their_own_way(shop: Shop) -> None:
    """They are promised throughout, to nobody else, and never given back in between."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 3}], ttl="1 hour")
    assert columns(shop.confirm("CART", "ORDER"), "outcome", "qty_reserved") == [("confirmed", 3)]
    assert columns(shop.reserve("OTHER", [{"sku": "APPLE", "qty": 1}]), "outcome") == [("rejected",)]
    assert shop.entries("event_type", "reserved_delta") == [("RECEIPT", 0), ("RESERVE", 3), ("CONFIRM", 0)]
    assert columns(shop.ship("ORDER"), "qty") == [(3,)]
    assert shop.differences() == []


def test_an_open_order_goes_on_after_its_highest_line(cart: Shop) -> None:
    cart.reserve("SALE", [{"sku": "RICE", "qty": 1, "line": 3}, {"sku": "RICE", "qty": 1, "line": 40}])
    answer = cart.confirm("CART", "SALE")
    assert columns(answer, "line", "sku", "warehouse") == [
        (41, "APPLE", "LON"),
        (41, "APPLE", "BER"),
        (42, "RICE", "LON"),
    ]
    assert sorted({row["line"] for row in cart.view("reservations", order_ref="SALE")}) == [3, 40, 41, 42]
    assert columns(cart.reserve("SALE", [{"sku": "RICE", "qty": 1}]), "line") == [(43,)]
    assert cart.differences() == []


def test_the_lines_of_an_order_that_is_partly_done_count_too(cart: Shop) -> None:
    cart.reserve("SALE", [{"sku": "RICE", "qty": 1, "line": line} for line in (1, 9)])
    cart.ship("SALE", [{"line": 9}])
    assert [row["line"] for row in cart.confirm("CART", "SALE")] == [10, 10, 11]


def test_pins_go_along(cart: Shop) -> None:
    cart.allocate("CART")
    pins = cart.view("bins")
    cart.confirm("CART", "SALE")
    assert cart.view("bins") == pins
    assert parts(cart, "SALE") == [(1, "BER", 2, 2, 0, 0, 0), (1, "LON", 10, 10, 0, 0, 0), (2, "LON", 2, 2, 0, 0, 0)]
    assert cart.entries("event_type", event_type="DEALLOCATE") == []
    assert cart.allocate("SALE") == []
    assert cart.differences() == []


def test_the_order_is_shipped_released_and_pinned_by_its_new_name_and_lines(cart: Shop) -> None:
    cart.confirm("CART", "SALE")
    assert columns(cart.allocate("SALE"), "line", "warehouse", "qty") == [(1, "LON", 10), (1, "BER", 2), (2, "LON", 2)]
    assert columns(cart.ship("SALE", [{"line": 2}]), "line", "sku", "qty") == [(2, "RICE", 2)]
    cart.release("SALE", [{"line": 1, "warehouse": "BER"}])
    cart.ship("SALE", [{"line": 1, "qty": 10}])
    assert parts(cart, "SALE") == [(1, "BER", 0, 0, 0, 2, 0), (1, "LON", 0, 0, 10, 0, 0), (2, "LON", 0, 0, 2, 0, 0)]
    names = {row["order_ref"] for row in cart.view("ledger") if row["event_type"] in ("ALLOCATE", "SHIP", "RELEASE")}
    assert names == {"SALE"}
    assert cart.differences() == []


def test_it_holds_without_end_under_its_new_name(cart: Shop, clock: Clock) -> None:
    cart.confirm("CART", "SALE")
    clock.advance(days=100)
    assert cart.level("RICE") == (5, 0, 2, 3)
    assert columns(cart.reserve("NEW", [{"sku": "RICE", "qty": 4}]), "outcome") == [("rejected",)]
    assert booked(cart) == []
    cart.ship("SALE")
    assert cart.differences() == []


def test_several_carts_become_one_order(cart: Shop) -> None:
    cart.reserve("TROLLEY", [{"sku": "RICE", "qty": 1}], ttl="1 hour")
    cart.confirm("CART", "SALE")
    assert columns(cart.confirm("TROLLEY", "SALE"), "order_ref", "line") == [("SALE", 3)]
    assert [reference for (reference,) in cart.entries("reference", event_type="CONFIRM", sku="RICE")] == [
        "CART",
        "TROLLEY",
    ]
    cart.ship("SALE")
    assert cart.differences() == []


def test_it_is_confirmed_into_an_order_that_has_holds_of_its_own(cart: Shop, clock: Clock) -> None:
    cart.reserve("SALE", [{"sku": "RICE", "qty": 1}], ttl="2 hours")
    end = end_of(cart, "SALE")
    cart.confirm("CART", "SALE")
    assert columns(cart.view("reservations", sku="RICE"), "line", "expires_at") == [(1, end), (3, None)]
    clock.stop(end)
    assert [reserved for _, _, reserved, *_ in parts(cart, "SALE")] == [0, 2, 10, 2]
    assert cart.differences() == []


@pytest.mark.parametrize("booked", [False, True])
def test_it_is_confirmed_into_an_order_whose_holds_have_ended(cart: Shop, clock: Clock, booked: bool) -> None:
    cart.reserve("SALE", [{"sku": "RICE", "qty": 1}], ttl="10 minutes")
    clock.advance(minutes=20)
    if booked:
        cart.expire_reservations()
    assert [row["line"] for row in cart.confirm("CART", "SALE")] == [2, 2, 3]
    assert cart.differences() == []


@pytest.mark.parametrize("new", ["A-SALE", "Z-SALE", "cart", "\u00c9TAT"])
def test_the_order_may_come_before_or_after_the_cart_by_name(cart: Shop, new: str) -> None:
    assert {row["order_ref"] for row in cart.confirm("CART", new)} == {new}
    assert cart.differences() == []


def test_a_replay_changes_nothing(cart: Shop, db: psycopg.Connection) -> None:
    first = cart.confirm("CART", "SALE", op_id="buy")
    with unchanged(db):
        assert cart.confirm("CART", "SALE", op_id="buy") == [row | {"replayed": True} for row in first]
        with fails("OS010", op_id="buy"):
            cart.confirm("CART", "OTHER", op_id="buy")


def test_a_closed_order_takes_nothing(cart: Shop, db: psycopg.Connection) -> None:
    cart.reserve("SALE", [{"sku": "RICE", "qty": 1}])
    cart.ship("SALE")
    with refused(db, "OS302", order_ref="SALE") as refusal:
        cart.confirm("CART", "SALE")
    assert "became" not in refusal.detail
    assert len(cart.confirm("CART", "OTHER")) == 3


def test_an_order_that_became_another_takes_nothing(cart: Shop, db: psycopg.Connection) -> None:
    cart.reserve("TROLLEY", [{"sku": "RICE", "qty": 1}], ttl="1 hour")
    cart.confirm("TROLLEY", "SALE")
    with refused(db, "OS302", order_ref="TROLLEY", became="SALE"):
        cart.confirm("CART", "TROLLEY")


def test_what_cannot_be_confirmed_begins_no_order(cart: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS301", order_ref="NOBODY"):
        cart.confirm("NOBODY", "SALE")
    with refused(db, "OS301", order_ref="SALE"):
        cart.ship("SALE")


def test_an_orders_whole_story_is_in_the_ledger(cart: Shop) -> None:
    """Of the cart by its name until then, and of the order by its own from then on; CONFIRM names both."""
    cart.extend("CART", "2 hours")
    cart.allocate("CART")
    cart.confirm("CART", "SALE")
    cart.ship("SALE", [{"sku": "RICE", "qty": 1}])
    cart.release("SALE", [{"sku": "RICE"}], reason="changed his mind")
    names = ("event_type", "order_ref", "line", "qty_delta", "reserved_delta", "allocated_delta", "reference", "reason")
    assert [entry for entry in cart.entries(*names, sku="RICE") if entry[1]] == [
        ("RESERVE", "CART", 7, 0, 2, 0, None, None),
        ("EXTEND", "CART", 7, 0, 0, 0, None, None),
        ("ALLOCATE", "CART", 7, 0, 0, 2, None, None),
        ("CONFIRM", "SALE", 2, 0, 0, 0, "CART", None),
        ("SHIP", "SALE", 2, -1, -1, -1, None, None),
        ("DEALLOCATE", "SALE", 2, 0, 0, -1, None, "changed his mind"),
        ("RELEASE", "SALE", 2, 0, -1, 0, None, "changed his mind"),
    ]
    assert cart.differences() == []


def test_all_entries_of_a_line_belong_together_by_its_id(cart: Shop, db: psycopg.Connection) -> None:
    cart.confirm("CART", "SALE")
    cart.ship("SALE")
    told = db.execute(
        "select array_agg(event_type || ' ' || order_ref order by entry_id) from openstock_core.ledger "
        "where reservation_line_id is not null group by reservation_line_id"
    ).fetchall()
    assert told == [(["RESERVE CART", "CONFIRM SALE", "SHIP SALE"],)] * 3


def test_an_order_with_promises_beside_its_holds_goes_on(cart: Shop) -> None:
    cart.reserve("CART", [{"sku": "RICE", "qty": 1}])
    cart.confirm("CART", "SALE")
    assert columns(cart.view("orders", order_ref="CART"), "status", "became", "reserved") == [("open", None, 1)]
    cart.ship("CART")
    assert columns(cart.view("orders", order_ref="CART"), "status", "became", "shipped") == [("shipped", None, 1)]
    assert cart.differences() == []


def test_what_was_shipped_does_not_keep_an_order_from_becoming_another(cart: Shop) -> None:
    cart.reserve("CART", [{"sku": "RICE", "qty": 1, "line": 9}])
    cart.ship("CART", [{"line": 9}])
    cart.confirm("CART", "SALE")
    assert columns(cart.view("orders", order_ref="CART"), "became", "shipped", "reserved") == [("SALE", 1, 0)]

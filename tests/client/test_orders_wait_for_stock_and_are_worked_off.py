"""Orders through the client, from a cart to the lorry: what waits for stock, who is next, what is not found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

import openstock

from ..support import TENANT, Shop, unchanged
from .faces import OpenClient, meanwhile
from .proxy import Proxy
from .test_a_session_returns_typed_rows import assert_typed

HOUR = timedelta(hours=1)
SOON = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


@pytest.fixture
def shop_client(client: Any) -> Any:
    """A client of a shop with three apples, for which orders may wait."""
    client.put_products([{"sku": "APPLE", "backorder": "unlimited"}])
    client.receive("LON", [{"sku": "APPLE", "qty": 3, "location": "A-1"}])
    return client


def wait_in_line(client: Any, order_ref: str, qty: int, **arguments: Any) -> list[openstock.ReservationChange]:
    rows: list[openstock.ReservationChange] = client.reserve(
        order_ref, [{"sku": "APPLE", "qty": qty}], on_shortage="backorder", **arguments
    )
    return rows


def test_a_cart_waits_for_goods_and_is_picked_and_shipped(shop_client: Any, shop: Shop) -> None:
    held = wait_in_line(shop_client, "CART-1", 5, ttl=HOUR, priority=2, promised_at=SOON, metadata={"channel": "web"})
    assert_typed(held, openstock.ReservationChange)
    assert [(r.outcome, r.warehouse, r.qty_reserved, r.qty_backordered, r.qty_short) for r in held] == [
        ("reserved", "LON", 3, 0, 0),
        ("backordered", None, 0, 2, 0),
    ]
    [cart] = shop_client.orders("CART-1")
    assert (cart.status, cart.held, cart.has_backorder, cart.expires_at) == ("held", 5, True, held[0].expires_at)
    assert shop_client.backorders() == []

    confirmed = shop_client.confirm("CART-1", "ORDER-1")
    assert_typed(confirmed, openstock.ReservationChange)
    [waiting] = shop_client.backorders("APPLE", "ORDER-1")
    assert_typed([waiting], openstock.Backorder)
    assert (waiting.place, waiting.qty, waiting.warehouse) == (1, 2, None)
    assert (waiting.priority, waiting.promised_at) == (2, SOON)
    assert [(o.order_ref, o.became) for o in shop_client.orders(status="confirmed")] == [("CART-1", "ORDER-1")]

    [received] = shop_client.receive("LON", [{"sku": "APPLE", "qty": 6, "location": "A-2"}])
    assert (received.qty, received.on_hand) == (6, 9)
    assert shop_client.backorders() == []
    [line] = shop_client.order_lines("ORDER-1", "APPLE")
    assert_typed([line], openstock.OrderLine)
    assert (line.ordered, line.reserved, line.backordered) == (5, 5, 0)
    assert line.warehouses == [{"warehouse": "LON", "reserved": 5, "allocated": 0, "shipped": 0}]

    picks = shop_client.allocate_next("LON")
    assert_typed(picks, openstock.AllocationChange)
    assert [(p.order_ref, p.outcome, p.location, p.qty) for p in picks] == [
        ("ORDER-1", "allocated", "A-1", 3),
        ("ORDER-1", "allocated", "A-2", 2),
    ]
    assert shop_client.allocate_next("LON") == []
    assert [o.status for o in shop_client.orders("ORDER-1")] == ["allocated"]

    replaced = shop_client.short_pick("ORDER-1", [{"sku": "APPLE", "location": "A-1", "qty": 1}])
    assert_typed(replaced, openstock.AllocationChange)
    assert [(p.outcome, p.location, p.qty) for p in replaced] == [
        ("deallocated", "A-1", 1),
        ("held", "A-1", 1),
        ("allocated", "A-2", 1),
    ]
    shipped = shop_client.ship("ORDER-1", reference="parcel-1")
    assert sorted((s.location, s.qty) for s in shipped) == [("A-1", 2), ("A-2", 3)]

    [order] = shop_client.orders("ORDER-1")
    assert_typed([order], openstock.Order)
    assert (order.status, order.shipped, order.metadata) == ("shipped", 5, {"channel": "web"})
    history = shop_client.order_history("ORDER-1")
    assert_typed(history, openstock.LedgerEntry)
    assert [(e.event_type, e.order_ref) for e in history[:2]] == [("RESERVE", "CART-1"), ("BACKORDER", "CART-1")]
    assert [e.backordered_delta for e in history if e.event_type == "BACKORDER"] == [2, -2]
    assert [e.reason for e in history if e.event_type == "DEALLOCATE"] == ["short pick"]
    assert sum(e.qty_delta for e in history) == -5
    assert [(s.on_hand, s.blocked, s.reserved) for s in shop_client.stock("APPLE")] == [(4, 1, 0)]
    assert shop.differences() == []


def test_workers_pull_orders_by_turn_and_none_gets_one_twice(shop_client: Any, open_client: OpenClient) -> None:
    shop_client.receive("LON", [{"sku": "APPLE", "qty": 21}])
    urgency = {f"ORDER-{number}": number % 3 for number in range(12)}
    for order_ref, priority in urgency.items():
        shop_client.reserve(order_ref, [{"sku": "APPLE", "qty": 2}], priority=priority)

    def work(worker: Any) -> list[str]:
        done: list[str] = []
        while picks := worker.allocate_next("LON", max_orders=2, removal="fewest_bins"):
            for order_ref in dict.fromkeys(p.order_ref for p in picks):
                worker.ship(order_ref)
                done.append(order_ref)
        return done

    with meanwhile(lambda: work(open_client())) as theirs:
        ours = work(shop_client)
        others = theirs()
    assert sorted(ours + others) == sorted(urgency)
    for done in (ours, others):
        priorities = [urgency[order_ref] for order_ref in done]
        assert priorities == sorted(priorities, reverse=True)
    assert {o.status for o in shop_client.orders()} == {"shipped"}


def test_a_worker_that_lost_the_answer_gets_the_same_orders(
    shop_client: Any, open_client: OpenClient, dsn: str, proxy: Proxy
) -> None:
    remote = open_client(address=proxy.address(dsn))
    for number in range(3):
        shop_client.reserve(f"ORDER-{number}", [{"sku": "APPLE", "qty": 1}])
    proxy.lose_the_answer_to("allocate_next")
    assert [(p.order_ref, p.replayed) for p in remote.allocate_next("LON", max_orders=1)] == [("ORDER-0", True)]
    assert [o.order_ref for o in shop_client.orders(status="allocated")] == ["ORDER-0"]


def test_a_part_is_promised_and_the_rest_is_offered_exactly(client: Any, db: psycopg.Connection) -> None:
    client.receive("LON", [{"sku": "RICE", "qty": Decimal("1.25")}])
    client.receive("BER", [{"sku": "RICE", "qty": Decimal("0.1")}])
    wanted = [{"sku": "RICE", "qty": 2, "warehouse": "LON"}]
    [rejected] = client.reserve("ORDER-1", wanted)
    assert_typed([rejected], openstock.ReservationChange)
    assert (rejected.outcome, rejected.offers) == ("rejected", [{"warehouse": "LON", "available": Decimal("1.25")}])
    assert type(rejected.offers[0]["available"]) is Decimal

    promised, short = client.reserve("ORDER-1", wanted, on_shortage="partial")
    assert (promised.outcome, promised.qty_reserved, promised.offers) == ("reserved", Decimal("1.25"), None)
    assert (short.outcome, short.qty_short, short.offers) == ("short", Decimal("0.75"), [])
    with unchanged(db), pytest.raises(openstock.InsufficientStock) as raised:
        client.reserve("ORDER-2", [{"sku": "RICE", "qty": 1}], on_shortage="error")
    assert raised.value.detail["lines"][0]["offers"] == [{"warehouse": "BER", "available": Decimal("0.1")}]


def test_metadata_comes_back_as_it_was_given(shop_client: Any) -> None:
    given = {
        "channel": "wéb 🍏",
        "total": Decimal("1234567890123456789.10"),
        "lines": 12345678901234567890,
        "gift": None,
        "paid": True,
        "": [],
        "tags": ["a", {"b": [Decimal("0.1"), 1, "1"]}],
    }
    shop_client.reserve("ORDER-1", [{"sku": "APPLE", "qty": 1}], metadata=given)
    [order] = shop_client.orders("ORDER-1")
    assert order.metadata == given
    assert str(order.metadata["total"]) == "1234567890123456789.10"
    assert [type(value) for value in order.metadata["tags"][1]["b"]] == [Decimal, int, str]

    shop_client.reserve("ORDER-1", [{"sku": "APPLE", "qty": 1}], metadata={"paid": False, "tags": []})
    [order] = shop_client.orders("ORDER-1")
    assert order.metadata == {**given, "paid": False, "tags": []}
    shop_client.reserve("ORDER-2", [{"sku": "APPLE", "qty": 1}], metadata=order.metadata)
    assert [o.metadata for o in shop_client.orders("ORDER-2")] == [order.metadata]


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ({"priority": "high"}, {"argument": "priority", "problem": "must be a whole number"}),
        ({"priority": True}, {"argument": "priority", "problem": "must be a whole number"}),
        ({"promised_at": datetime(2031, 1, 1)}, {"argument": "promised_at", "problem": "must have a time zone"}),
        ({"metadata": ["web"]}, {"argument": "metadata", "problem": "must be a JSON object"}),
        (
            {"metadata": {"rate": float("nan")}},
            {"argument": "metadata", "key": "rate", "problem": "must be a finite number"},
        ),
    ],
)
def test_bad_details_of_an_order_are_refused(
    shop_client: Any, db: psycopg.Connection, arguments: dict[str, Any], detail: dict[str, Any]
) -> None:
    with unchanged(db), pytest.raises(openstock.InvalidArgument) as raised:
        shop_client.reserve("ORDER-1", [{"sku": "APPLE", "qty": 1}], **arguments)
    assert raised.value.detail == detail


def test_a_receipt_fills_backorders_unless_told_not_to(shop_client: Any, db: psycopg.Connection) -> None:
    wait_in_line(shop_client, "ORDER-1", 5)
    wait_in_line(shop_client, "ORDER-2", 4, priority=1)
    assert [(b.place, b.order_ref, b.qty) for b in shop_client.backorders("APPLE")] == [
        (1, "ORDER-2", 4),
        (2, "ORDER-1", 2),
    ]
    with unchanged(db):
        assert shop_client.fill_backorders() == []
    shop_client.receive("LON", [{"sku": "APPLE", "qty": 5}], fill_backorders=False)
    filled = shop_client.fill_backorders(max_rows=10)
    assert_typed(filled, openstock.ReservationChange)
    assert [(r.order_ref, r.outcome, r.warehouse, r.qty_reserved) for r in filled] == [
        ("ORDER-1", "filled", "LON", 4),
        ("ORDER-2", "filled", "LON", 4),
    ]
    assert [(b.place, b.order_ref, b.qty) for b in shop_client.backorders()] == [(1, "ORDER-1", 1)]
    with unchanged(db):
        assert shop_client.fill_backorders() == []
    shop_client.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert shop_client.backorders() == []


def test_who_gives_an_op_id_gets_the_same_fills_again(shop_client: Any) -> None:
    wait_in_line(shop_client, "ORDER-1", 5)
    shop_client.receive("LON", [{"sku": "APPLE", "qty": 5}], fill_backorders=False)
    [first] = shop_client.fill_backorders(op_id="fill-1")
    [again] = shop_client.fill_backorders(op_id="fill-1")
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.order_ref, first.qty_reserved) == (again.order_ref, again.qty_reserved)


def test_filling_is_repeated_after_a_lost_connection(
    shop_client: Any, open_client: OpenClient, dsn: str, proxy: Proxy
) -> None:
    remote = open_client(address=proxy.address(dsn))
    wait_in_line(shop_client, "ORDER-1", 5)
    shop_client.receive("LON", [{"sku": "APPLE", "qty": 5}], fill_backorders=False)
    proxy.lose_the_answer_to("fill_backorders")
    assert remote.fill_backorders() == []
    assert remote.retries == 1
    assert [e.backordered_delta for e in shop_client.ledger("APPLE", event_type="BACKORDER")] == [-2, 2]


def test_an_operator_fills_them_for_a_tenant(shop_client: Any, open_client: OpenClient) -> None:
    operator = open_client("operator", tenant=None)
    wait_in_line(shop_client, "ORDER-1", 5)
    assert operator.admin.fill_backorders(TENANT) == 0
    shop_client.receive("LON", [{"sku": "APPLE", "qty": 5}], fill_backorders=False)
    assert operator.admin.fill_backorders(str(TENANT), max_rows=1) == 1
    with pytest.raises(openstock.InvalidArgument):
        operator.admin.fill_backorders(TENANT, max_rows=0)


def test_pins_are_taken_off(shop_client: Any) -> None:
    shop_client.reserve("ORDER-1", [{"sku": "APPLE", "qty": 3}])
    shop_client.allocate("ORDER-1")
    [freed] = shop_client.deallocate("ORDER-1", [{"sku": "APPLE", "qty": 1}], reason="lorry is full")
    assert_typed([freed], openstock.AllocationChange)
    assert (freed.outcome, freed.location, freed.qty) == ("deallocated", "A-1", 1)
    with pytest.raises(openstock.NotReserved):
        shop_client.deallocate("ORDER-1", [{"sku": "APPLE", "qty": 3}])
    assert [f.qty for f in shop_client.deallocate("ORDER-1")] == [2]
    assert shop_client.deallocate("ORDER-1") == []
    assert [(o.status, o.reserved, o.allocated) for o in shop_client.orders("ORDER-1")] == [("open", 3, 0)]


def test_promises_without_stock_are_seen(shop_client: Any) -> None:
    shop_client.reserve("ORDER-1", [{"sku": "APPLE", "qty": 2}], priority=1)
    shop_client.reserve("ORDER-2", [{"sku": "APPLE", "qty": 1}])
    assert shop_client.shortages() == []
    shop_client.adjust("LON", [{"sku": "APPLE", "qty": -1, "location": "A-1"}], "broken")
    shortages = shop_client.shortages("APPLE", "LON")
    assert_typed(shortages, openstock.Shortage)
    [shortage] = shortages
    assert (shortage.on_hand, shortage.reserved, shortage.qty_short) == (2, 3, 1)
    assert shortage.orders == [{"order_ref": "ORDER-2", "line": 1, "reserved": 1, "allocated": 0, "priority": 0}]


def test_an_order_that_never_was_has_no_history(shop_client: Any) -> None:
    with pytest.raises(openstock.UnknownOrder) as raised:
        shop_client.order_history("ORDER-9")
    assert raised.value.detail == {"order_ref": "ORDER-9"}
    assert shop_client.orders("ORDER-9") == shop_client.order_lines("ORDER-9") == []

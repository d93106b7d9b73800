"""A loss may hit units that orders wait for: pins go, promises stay, and available says how much is missing."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Shop, columns, refused


@pytest.fixture
def promised(shop: Shop) -> Shop:
    """10 APPLE in one bin: 4 pinned to the order OLDER, then 5 to NEWER."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}])
    shop.reserve("OLDER", [{"sku": "APPLE", "qty": 4}])
    shop.allocate("OLDER")
    shop.reserve("NEWER", [{"sku": "APPLE", "qty": 5}])
    shop.allocate("NEWER")
    return shop


def lose(shop: Shop, qty: int) -> None:
    shop.adjust("LON", [{"sku": "APPLE", "qty": -qty, "location": "A-1"}], reason="stolen", op_id="loss")


def pinned(shop: Shop) -> dict[str, object]:
    return {row["order_ref"]: row["allocated"] for row in shop.view("reservations")}


def test_free_units_go_first(promised: Shop) -> None:
    lose(promised, 1)
    assert pinned(promised) == {"OLDER": 4, "NEWER": 5}
    assert promised.level("APPLE") == (9, 0, 9, 0)


def test_the_newest_pins_give_way(promised: Shop) -> None:
    lose(promised, 4)
    assert pinned(promised) == {"OLDER": 4, "NEWER": 2}
    assert promised.entries("event_type", "order_ref", "qty_delta", "allocated_delta", "reason", op_id="loss") == [
        ("DEALLOCATE", "NEWER", 0, -3, "stolen"),
        ("ADJUST", None, -4, 0, "stolen"),
    ]
    assert columns(promised.view("bins"), "on_hand", "allocated") == [(6, 6)]
    assert promised.differences() == []


def test_older_pins_follow_when_the_newest_are_not_enough(promised: Shop) -> None:
    lose(promised, 8)
    assert pinned(promised) == {"OLDER": 2, "NEWER": 0}
    assert promised.differences() == []


def test_pins_go_bin_by_bin_and_line_by_line_whatever_the_order_of_the_request(promised: Shop) -> None:
    promised.receive("LON", [{"sku": "APPLE", "qty": 6, "location": "A-2"}])
    promised.reserve("LAST", [{"line": line, "sku": "APPLE", "qty": 3} for line in (1, 2)])
    promised.allocate("LAST")
    promised.adjust("LON", [{"sku": "APPLE", "location": "A-2", "set_to": 0, "expected": 6}, {"sku": "APPLE", "location": "A-1", "qty": -9}], reason="fire", op_id="loss")
    assert promised.entries("event_type", "location", "order_ref", "qty_delta", "allocated_delta", op_id="loss") == [
        ("DEALLOCATE", "A-1", "OLDER", 0, -3),
        ("DEALLOCATE", "A-1", "NEWER", 0, -5),
        ("DEALLOCATE", "A-1", "LAST", 0, -1),
        ("DEALLOCATE", "A-2", "LAST", 0, -2),
        ("DEALLOCATE", "A-2", "LAST", 0, -3),
        ("ADJUST", "A-2", None, -6, 0),
        ("ADJUST", "A-1", None, -9, 0),
    ]
    assert pinned(promised) == {"OLDER": 1, "NEWER": 0, "LAST": 0}


def test_promises_stay_and_available_becomes_negative(promised: Shop) -> None:
    lose(promised, 8)
    assert promised.level("APPLE") == (2, 0, 9, -7)
    assert {row["reserved"] for row in promised.view("reservations")} == {4, 5}


def test_deallocations_are_not_part_of_the_answer(promised: Shop) -> None:
    answer = promised.adjust("LON", [{"sku": "APPLE", "qty": -10, "location": "A-1"}], reason="fire")
    assert columns(answer, "line", "event_type", "qty", "on_hand", "reserved", "available") == [
        (1, "ADJUST", -10, 0, 9, -9)
    ]


def test_what_was_lost_cannot_be_shipped_until_it_is_replaced(promised: Shop, db: psycopg.Connection) -> None:
    lose(promised, 8)
    with refused(db, "OS201", order_ref="NEWER"):
        promised.ship("NEWER")
    promised.receive("LON", [{"sku": "APPLE", "qty": 7, "location": "A-1"}])
    promised.ship("NEWER")
    promised.ship("OLDER")
    assert promised.level("APPLE") == (0, 0, 0, 0)
    assert promised.differences() == []


def test_nothing_more_is_promised_meanwhile(promised: Shop) -> None:
    lose(promised, 8)
    [row] = promised.reserve("LATER", [{"sku": "APPLE", "qty": 1}])
    assert (row["outcome"], row["qty_short"], row["available"]) == ("rejected", 1, 0)

"""Sales become orders: reserved, allocated and shipped in the order of time, with returns put back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ..support import Shop
from .conftest import Import

Write = Callable[..., Path]
HEADER = "order,sku,qty,time,warehouse"


def test_orders_are_replayed_in_the_order_of_time_with_their_rows_together(
    write: Write, imports: Import, shop: Shop
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 10}])
    path = write(
        "order,sku,qty,time",
        "LATE,APPLE,1,2026-03-03",
        "EARLY,APPLE,2,2026-01-01T10:00",
        "MIDDLE,APPLE,3,2026-02-02",
        "EARLY,RICE,1.5,2026-01-01T09:30",
    )

    report = imports("sales", path)

    early = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
    assert report.orders == 3
    assert shop.entries("order_ref", "line", "sku", "occurred_at", event_type="SHIP") == [
        ("EARLY", 3, "APPLE", early),
        ("EARLY", 5, "RICE", early),
        ("MIDDLE", 4, "APPLE", datetime(2026, 2, 2, tzinfo=UTC)),
        ("LATE", 2, "APPLE", datetime(2026, 3, 3, tzinfo=UTC)),
    ]
    assert {entry for (entry,) in shop.entries("event_type", order_ref="EARLY")} == {"RESERVE", "ALLOCATE", "SHIP"}
    assert shop.differences() == []


def test_an_order_is_sold_whole_or_not_at_all(write: Write, imports: Import, shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 1}])
    path = write(
        "order,sku,qty,time",
        "O1,APPLE,1,2026-01-01",
        "O1,RICE,2,2026-01-01",
        "O2,APPLE,10,2026-01-02",
        "O3,APPLE,1,2026-01-03",
    )

    report = imports("sales", path)

    assert (report.orders, report.orders_short, report.rejected) == (1, 2, 3)
    assert report.short == ["order O1: RICE lacks 1", "order O3: APPLE lacks 1"]
    assert shop.level("APPLE") == (0, 0, 0, 0)
    assert shop.level("RICE") == (1, 0, 0, 1)


def test_the_warehouse_of_a_row_is_kept(write: Write, imports: Import, shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}])

    imports("sales", write(HEADER, "O1,APPLE,2,2026-01-01,BER", "O2,APPLE,1,2026-01-02,"), warehouse="LON")
    imports("sales", write(HEADER, "O3,APPLE,5,2026-01-03,", name="any.csv"))

    assert shop.level("APPLE") == (0, 0, 0, 0)
    assert shop.level("APPLE", "BER") == (2, 0, 0, 2)


def test_negative_quantities_are_returned_to_stock(write: Write, imports: Import, shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    path = write(HEADER, "O1,APPLE,4,2026-01-01,", "C1,APPLE,-3,2026-01-02,", "C2,APPLE,-1,2026-01-03,BER")

    report = imports("sales", path)

    assert (report.orders, report.returns) == (1, 2)
    assert (shop.level("APPLE"), shop.level("APPLE", "BER")) == ((4, 0, 0, 4), (1, 0, 0, 1))
    assert shop.entries(
        "line", "warehouse", "qty_delta", "reason", "reference", "occurred_at", event_type="ADJUST"
    ) == [
        (3, "LON", 3, "return", "C1", datetime(2026, 1, 2, tzinfo=UTC)),
        (4, "BER", 1, "return", "C2", datetime(2026, 1, 3, tzinfo=UTC)),
    ]


def test_an_order_that_others_have_closed_is_left_alone(write: Write, imports: Import, shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 1}])
    shop.ship("O1")

    report = imports("sales", write("order,sku,qty,time", "O1,APPLE,1,2026-01-01", "O1,APPLE,2,2026-01-01"))

    assert report.rejected == 2
    assert all("OS302" in reject.reason for reject in report.rejects)
    assert shop.level("APPLE") == (4, 0, 0, 4)

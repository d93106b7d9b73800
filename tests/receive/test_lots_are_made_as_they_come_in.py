"""A lot comes into being with its first receipt, and keeps the expiry that it came with."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Shop, columns, refused

FAR = "2999-12-31"


def test_a_new_lot_is_created_with_its_expiry(shop: Shop) -> None:
    shop.receive(
        "LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": FAR}, {"sku": "MILK", "qty": 2, "lot": "L2"}]
    )
    bins = shop.view("bins", sku="MILK")
    assert [(b["lot"], str(b["expires_on"]), b["on_hand"]) for b in bins] == [("L1", FAR, 5), ("L2", "None", 2)]
    assert shop.level("MILK") == (7, 0, 0, 7)


def test_a_known_lot_needs_no_expiry_and_accepts_its_own(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": FAR}])
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "L1"}])
    shop.receive("BER", [{"sku": "MILK", "qty": 1, "lot": " L1 ", "expires_on": FAR}])
    assert columns(shop.view("bins"), "warehouse", "lot", "on_hand") == [("BER", "L1", 1), ("LON", "L1", 6)]


def test_the_same_code_is_another_lot_of_another_product(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}])
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "L1", "expires_on": FAR}])
    shop.receive("LON", [{"sku": "CREAM", "qty": 1, "lot": "L1", "expires_on": "2998-01-01"}])
    assert sorted(str(row["expires_on"]) for row in shop.view("bins")) == ["2998-01-01", FAR]


def test_one_receipt_may_bring_one_new_lot_in_several_lines(shop: Shop) -> None:
    shop.receive(
        "LON",
        [
            {"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": FAR, "location": "A-1"},
            {"sku": "MILK", "qty": 4, "lot": "L1", "expires_on": FAR, "location": "A-2"},
        ],
    )
    assert columns(shop.view("bins"), "location", "lot", "on_hand") == [("A-1", "L1", 5), ("A-2", "L1", 4)]


def test_a_product_tracked_by_lot_needs_one(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS108", line=2, sku="MILK"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 5}, {"sku": "MILK", "qty": 5}])


@pytest.mark.parametrize("extra", [{"lot": "L1"}, {"expires_on": FAR}, {"lot": "L1", "expires_on": FAR}], ids=str)
def test_a_product_without_lots_takes_neither_lot_nor_expiry(
    shop: Shop, db: psycopg.Connection, extra: dict[str, str]
) -> None:
    with refused(db, "OS108", line=1, sku="APPLE"):
        shop.receive("LON", [{"sku": "APPLE", "qty": 5, **extra}])


@pytest.mark.parametrize("first", [FAR, None])
def test_a_lot_keeps_the_expiry_that_it_came_with(shop: Shop, db: psycopg.Connection, first: str | None) -> None:
    shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": first}])
    with refused(db, "OS108", line=1, sku="MILK", lot="L1", expires_on=first, given="2998-01-01"):
        shop.receive("LON", [{"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": "2998-01-01"}])


@pytest.mark.parametrize("second", ["2998-01-01", None])
def test_one_receipt_cannot_give_a_new_lot_two_expiries(shop: Shop, db: psycopg.Connection, second: str | None) -> None:
    with refused(db, "OS108", line=1, sku="MILK", lot="L1"):
        shop.receive(
            "LON",
            [
                {"sku": "MILK", "qty": 5, "lot": "L1", "expires_on": FAR},
                {"sku": "MILK", "qty": 4, "lot": "L1", "expires_on": second},
            ],
        )


def test_of_several_new_lots_with_two_expiries_the_first_is_named(shop: Shop, db: psycopg.Connection) -> None:
    far, near = {"expires_on": FAR}, {"expires_on": "2998-01-01"}
    lines = [{"sku": "MILK", "qty": 1, "lot": lot} | expiry for lot, expiry in (("L3", {}), ("L2", far), ("L1", far), ("L1", near), ("L2", near))]
    with refused(db, "OS108", line=2, sku="MILK", lot="L2"):
        shop.receive("LON", lines)


def test_lots_known_and_new_and_products_without_come_in_together(shop: Shop) -> None:
    """Each line with its own lot: two of a known one, of which only one says again when it expires."""
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "L1", "expires_on": FAR}])
    lines: list[dict[str, object]] = [
        {"sku": "MILK", "qty": 2, "lot": "L1"},
        {"sku": "RICE", "qty": 4},
        {"sku": "MILK", "qty": 8, "lot": "L3", "expires_on": "2997-01-01"},
        {"sku": "MILK", "qty": 16, "lot": "L1", "expires_on": FAR},
        {"sku": "MILK", "qty": 32, "lot": "L2"},
    ]
    shop.receive("LON", lines)
    assert [(b["sku"], b["lot"], str(b["expires_on"]), b["on_hand"]) for b in shop.view("bins")] == [
        ("MILK", "L1", FAR, 19),
        ("MILK", "L2", "None", 32),
        ("MILK", "L3", "2997-01-01", 8),
        ("RICE", None, "None", 4),
    ]
    assert shop.entries("line", "lot", "qty_delta")[1:] == [(n, line.get("lot"), line["qty"]) for n, line in enumerate(lines, 1)]
    assert shop.differences() == []

"""Bad rows are rejected one by one, with the line where they begin and a reason; the good ones around them go in."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from openstock.importer import Report

from ..support import Shop
from .conftest import Import

Write = Callable[..., Path]


def rejects(report: Report) -> dict[int, str]:
    return {reject.line: reject.reason for reject in report.rejects}


GOOD_STOCK = "APPLE,1,LON,A-1,,,,"
STOCK = "sku,qty,warehouse,location,lot,expires_on,status,unit_cost"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",1,LON,A-1,,,,", ["sku is empty"]),
        ("APPLE,,LON,A-1,,,,", ["qty is empty"]),
        ("APPLE,1,,A-1,,,,", ["warehouse is empty"]),
        ("APPLE,1,LON", ["3 cells", "8"]),
        ("APPLE,1,LON,A-1,,,,,extra", ["9 cells", "8"]),
        ("APPLE,many,LON,A-1,,,,", ["qty 'many'", "not a number"]),
        ("APPLE,NaN,LON,A-1,,,,", ["qty 'NaN'"]),
        ("APPLE,1e9,LON,A-1,,,,", ["qty '1e9'"]),
        ('APPLE,"1,5",LON,A-1,,,,', ["qty '1,5'"]),
        ("MILK,1,LON,A-1,L1,31/12/2027,,", ["expires_on '31/12/2027'", "date"]),
        (b"APPLE,1,LON,A-1,L\xff,,,", ["lot", "utf-8"]),
        ("APPLE,1,LON,A\0,,,,", ["location", "not text"]),
        ('APPLE,1,"LON"don,A-1,,,,', ["CSV"]),
        ("PEAR,1,LON,A-1,,,,", ["OS101", "PEAR"]),
        ("OLD,1,LON,A-1,,,,", ["OS102", "OLD"]),
        ("APPLE,1,MARS,,,,,", ["OS103", "MARS"]),
        ("APPLE,1,SHUT,,,,,", ["OS104", "SHUT"]),
        ("APPLE,1,LON,Z-9,,,,", ["OS105", "Z-9"]),
        ("APPLE,1,LON,OFF,,,,", ["OS106", "OFF"]),
        ("MILK,1,LON,A-1,,,,", ["OS108", "MILK"]),
        ("APPLE,1,LON,A-1,L1,,,", ["OS108", "APPLE"]),
        ("APPLE,0,LON,A-1,,,,", ["OS110", "APPLE"]),
        ("APPLE,-1,LON,A-1,,,,", ["OS110"]),
        ("APPLE,1.5,LON,A-1,,,,", ["OS110", "decimals"]),
        ("APPLE,1,LON,A-1,,,,-2", ["OS110", "unit_cost"]),
        ("APPLE,1234567890123,LON,A-1,,,,", ["22023", "qty"]),
        ("APPLE,1,LON,A-1,,,lost,", ["22023", "status"]),
        (f"{'X' * 65},1,LON,A-1,,,,", ["22023", "sku"]),
    ],
)
def test_of_stock(row: str | bytes, words: list[str], write: Write, imports: Import, shop: Shop) -> None:
    report = imports("stock", write(STOCK, GOOD_STOCK, row, GOOD_STOCK))

    assert list(rejects(report)) == [3]
    assert all(word in rejects(report)[3] for word in words), rejects(report)[3]
    assert (report.rows, report.imported, report.rejected) == (3, 2, 1)
    assert shop.level("APPLE") == (2, 0, 0, 2)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("S1,Sale,C62,none,much,", ["decimals 'much'", "whole number"]),
        ("S1,Sale,C62,none,1.5,", ["decimals '1.5'"]),
        ("S1,Sale,C62,none,0,perhaps", ["active 'perhaps'"]),
        ("S1,,C62,none,0,yes", ["22023", "name"]),
        ("S1,Sale,litres,none,0,yes", ["22023", "unit"]),
        ("S1,Sale,C62,batch,0,yes", ["22023", "tracking"]),
        ("APPLE,Apple,C62,lot,0,yes", ["OS120", "APPLE"]),
    ],
)
def test_of_products(row: str, words: list[str], write: Write, imports: Import, shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])

    report = imports("products", write("sku,name,unit,tracking,decimals,active", "A,One,,,,", row, "B,Two,,,,"))

    assert list(rejects(report)) == [3]
    assert all(word in rejects(report)[3] for word in words), rejects(report)[3]
    assert report.imported == 2
    assert [len(shop.view("products", sku=sku)) for sku in ("A", "B", "S1")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",APPLE,1,2026-03-01", ["order is empty"]),
        ("O2,APPLE,0,2026-03-01", ["qty is zero"]),
        ("O2,APPLE,1,", ["time is empty"]),
        ("O2,APPLE,1,2026-02-30", ["time '2026-02-30'"]),
        ("O2,PEAR,1,2026-03-01", ["OS101", "PEAR"]),
        ("O2,APPLE,0.5,2026-03-01", ["OS110"]),
        ("O2,PEAR,-1,2026-03-01", ["OS101"]),
        ("O2,APPLE,8,2026-03-01", ["O2", "lack of stock", "APPLE lacks 1"]),
        (f"{'O' * 65},APPLE,1,2026-03-01", ["22023", "order_ref"]),
    ],
)
def test_of_sales(row: str, words: list[str], write: Write, imports: Import, shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 8}])

    report = imports("sales", write("order,sku,qty,time", "O1,APPLE,1,2026-02-01", row, "O3,APPLE,1,2026-04-01"))

    assert list(rejects(report)) == [3]
    assert all(word in rejects(report)[3] for word in words), rejects(report)[3]
    assert (report.orders, report.imported) == (2, 2)
    assert shop.level("APPLE") == (6, 0, 0, 6)


def test_only_the_guilty_row_of_an_order_is_left_out(write: Write, imports: Import, shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])

    report = imports(
        "sales", write("order,sku,qty,time", "O1,APPLE,1,2026-02-01", "O1,POST,1,2026-02-01", "O1,APPLE,2,2026-02-01")
    )

    assert list(rejects(report)) == [3]
    assert report.orders == 1
    assert {(row["line"], row["shipped"]) for row in shop.view("reservations")} == {(2, 1), (4, 2)}


def test_many_bad_rows_among_many_good_ones_are_all_told(write: Write, imports: Import, shop: Shop) -> None:
    rows = [f"{'APPLE' if n % 3 else 'PEAR'},1,LON,A-1,,,," for n in range(2, 1202)]

    report = imports("stock", write(STOCK, *rows))

    assert (report.imported, report.rejected) == (800, 400)
    assert [reject.line for reject in report.rejects] == list(range(3, 63, 3))
    assert shop.level("APPLE") == (800, 0, 0, 800)


def test_all_rejects_are_written_with_the_reasons_and_can_be_corrected_and_imported(
    write: Write, imports: Import, shop: Shop, tmp_path: Path
) -> None:
    path = write("sku;qty;note", "APPLE;1;", "PEAR;2;a pear", 'RICE;3;"two\nlines"', "PEAR;x;")
    rejected = tmp_path / "rejected.csv"

    imports("stock", path, warehouse="LON", rejects=rejected)

    with rejected.open(newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    assert rows[0] == ["sku", "qty", "note", "rejected_line", "rejected_because"]
    assert sorted(row[:4] for row in rows[1:]) == [["PEAR", "2", "a pear", "3"], ["PEAR", "x", "", "6"]]

    rejected.write_text(rejected.read_text().replace("PEAR;x", "RICE;4").replace("PEAR", "RICE"))
    report = imports("stock", rejected, warehouse="LON")
    assert (report.imported, report.rejected) == (2, 0)
    assert shop.level("RICE") == (9, 0, 0, 9)


def test_products_to_be_ignored_are_neither_imported_nor_rejected(write: Write, imports: Import) -> None:
    path = write("sku,qty", "POST,1", "gift_10", "gift_20,1", "APPLE,1")

    report = imports("stock", path, warehouse="LON", ignored_skus=["POST", "gift_*"])

    assert (report.ignored, report.imported) == (2, 1)
    assert rejects(report) == {3: "has 1 cells, and the header has 2"}

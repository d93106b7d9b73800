"""Delimiters, quotes, encodings, numbers and dates of the CSV files that people have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from openstock.importer import ImportFailedError, strptime_format

from ..support import Shop
from .conftest import Import

Write = Callable[..., Path]


def test_line_numbers_are_those_of_the_file_whatever_the_cells_hold(write: Write, imports: Import) -> None:
    path = write(
        "sku,name,description", 'A,One,"three', "lines", 'here"', "", "B,", 'C,Three,"two', 'lines"', "D,,", "E,Five,"
    )

    report = imports("products", path)

    assert sorted(reject.line for reject in report.rejects) == [6, 9]
    assert report.imported == 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_seen_in_the_header(delimiter: str, write: Write, imports: Import, shop: Shop) -> None:
    imports("stock", write(delimiter.join(["sku", "qty", "warehouse"]), delimiter.join(["APPLE", "3", "LON"])))
    assert shop.level("APPLE") == (3, 0, 0, 3)


def test_a_quote_that_is_never_closed_is_told_and_ends_the_file(write: Write, imports: Import, shop: Shop) -> None:
    report = imports("stock", write("sku,qty", "APPLE,1", '"APPLE,2', "APPLE,4", "APPLE,8"), warehouse="LON")

    assert [reject.line for reject in report.rejects] == [3]
    assert shop.level("APPLE") == (1, 0, 0, 1)


def test_a_byte_order_mark_and_other_encodings_are_read(write: Write, imports: Import, shop: Shop) -> None:
    imports("products", write("\ufeffsku,name", "M,Müsli"))
    imports("products", write("sku,name", "Käse,Käse".encode("latin-1"), name="latin.csv"), encoding="latin-1")

    assert [row["name"] for sku in ("M", "Käse") for row in shop.view("products", sku=sku)] == ["Müsli", "Käse"]


def test_columns_are_mapped_and_found_in_any_case(write: Write, imports: Import, shop: Shop) -> None:
    path = write("Item No.;NAME; Colour ;Unit", "A;One;red;KGM", "B;Two;;")

    imports("products", path, mapping={"sku": "Item No.", "attributes.colour": "Colour"})

    rows = {row["sku"]: row for row in shop.view("products")}
    assert (rows["A"]["unit"], rows["A"]["attributes"]) == ("KGM", {"colour": "red"})
    assert (rows["B"]["unit"], rows["B"]["attributes"]) == ("C62", {})


def test_attributes_are_found_in_columns_of_their_own_name(write: Write, imports: Import, shop: Shop) -> None:
    imports("products", write("sku,name,attributes.colour,attributes.", "A,One,red,ignored"))

    [product] = shop.view("products", sku="A")
    assert product["attributes"] == {"colour": "red"}


def test_the_first_value_of_a_product_that_is_named_again_counts(write: Write, imports: Import, shop: Shop) -> None:
    report = imports("products", write("sku,name,unit", "A,,", "A,One,", "A,Uno,KGM", "B,Two,"))

    assert (report.imported, report.repeated, report.rejected) == (2, 2, 0)
    [product] = shop.view("products", sku="A")
    assert (product["name"], product["unit"]) == ("One", "KGM")


def test_numbers_lots_and_costs_arrive_exactly(write: Write, imports: Import, shop: Shop) -> None:
    path = write(
        "sku;qty;location;lot;expires_on;unit_cost",
        "RICE;0,125;A-1;;;1,999999",
        "MILK;2,5;A-2;L1;31.12.2999;",
        "APPLE;+3;;;;",
    )

    report = imports("stock", path, warehouse="LON", decimal_comma=True, date_formats=["DD.MM.YYYY"])

    assert report.imported == 3
    bins = {row["sku"]: row for row in shop.view("bins")}
    assert (bins["RICE"]["on_hand"], bins["RICE"]["location"]) == (Decimal("0.125"), "A-1")
    assert (bins["MILK"]["lot"], bins["MILK"]["expires_on"]) == ("L1", date(2999, 12, 31))
    assert bins["APPLE"]["location"] == "DEFAULT"
    assert shop.entries("line", "unit_cost", sku="RICE") == [(2, Decimal("1.999999"))]


def test_two_date_formats_of_one_column_and_a_time_zone(write: Write, imports: Import, shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    path = write("order,sku,qty,time", "O1,APPLE,1,12/06/2010 10:08", "O2,APPLE,1,2/20/11 9:39")

    formats = ["MM/DD/YYYY HH:MM", "M/D/YY H:MM"]
    imports("sales", path, date_formats=formats, timezone=ZoneInfo("America/New_York"))

    assert shop.entries("order_ref", "occurred_at", event_type="SHIP") == [
        ("O1", datetime(2010, 12, 6, 15, 8, tzinfo=UTC)),
        ("O2", datetime(2011, 2, 20, 14, 39, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("MM/DD/YYYY HH:MM", "%m/%d/%Y %H:%M"),
        ("M/D/YY H:MM", "%m/%d/%y %H:%M"),
        ("YYYY-MM-DD hh:mm:ss", "%Y-%m-%d %H:%M:%S"),
        ("DD.MM.YYYY", "%d.%m.%Y"),
        ("%d %b %Y", "%d %b %Y"),
    ],
)
def test_date_formats_are_written_in_letters_or_as_strptime_takes_them(written: str, form: str) -> None:
    assert strptime_format(written) == form


@pytest.mark.parametrize("written", ["", "date", "%Q", "%H:%M", "YYYY", "%Y-%m-%d %"])
def test_what_is_no_date_format_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a date format"):
        strptime_format(written)


@pytest.mark.parametrize(
    ("lines", "options", "words"),
    [
        ([], {}, ["empty"]),
        (["sku,qty", "A,1"], {"mapping": {"qty": "Quantity"}}, ["'Quantity'", "'qty'"]),
        (["sku;amount", "A;1"], {}, ["'qty'", "'amount'"]),
        (["sku,qty,qty", "A,1,2"], {}, ["more than one", "'qty'"]),
        (["sku,qty", "A,1"], {"rejects": "data.csv"}, ["overwrite"]),
        (["sku,qty", "A,1"], {"rejects": "no/where.csv"}, ["cannot write"]),
    ],
)
def test_a_file_that_cannot_be_imported_as_a_whole_is_refused(
    lines: list[str],
    options: dict[str, object],
    words: list[str],
    write: Write,
    imports: Import,
    tmp_path: Path,
) -> None:
    if "rejects" in options:
        options = {"rejects": tmp_path / str(options["rejects"])}
    path = write(*lines)
    before = path.read_bytes()

    with pytest.raises(ImportFailedError) as refusal:
        imports("stock", path, **options)

    assert all(word in str(refusal.value) for word in words)
    assert path.read_bytes() == before

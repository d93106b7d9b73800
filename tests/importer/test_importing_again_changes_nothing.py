"""A file is imported once, however often, with whatever options, and wherever the first run was cut off."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ..support import LOGINS, TENANT, Shop, unchanged
from .conftest import Import

Write = Callable[..., Path]
FILES = {
    "products": ["sku,name", "A,One", "B,", "C,Three", "A,One again"],
    "stock": ["sku,qty,warehouse", "APPLE,1,LON", "PEAR,1,LON", "APPLE,2,BER", "RICE,0.5,LON", "RICE,x,LON"],
    "sales": [
        "order,sku,qty,time",
        "O1,APPLE,1,2026-01-01",
        "O1,PEAR,1,2026-01-01",
        "O2,APPLE,900,2026-01-02",
        "O3,APPLE,-2,2026-01-03",
        "O4,APPLE,2,never",
    ],
}


@pytest.mark.parametrize("kind", FILES)
def test_a_second_run_of_the_same_file_writes_not_one_row(
    kind: str, write: Write, imports: Import, shop: Shop, db: psycopg.Connection
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    path = write(*FILES[kind])
    first = imports(kind, path)

    with unchanged(db):
        again = imports(kind, path.rename(path.with_name("another name.csv")))

    assert first.imported > 0
    assert (again.imported, again.before) == (0, first.imported)
    assert again.rejected == first.rejected
    assert "Nothing changed" in again.text()


def test_rows_that_became_right_are_imported_and_no_other_row_twice(write: Write, imports: Import, shop: Shop) -> None:
    path = write(*FILES["stock"])
    first = imports("stock", path)
    shop.put_products(lines=[{"sku": "PEAR", "name": "Pear"}])

    second = imports("stock", path)
    third = imports("stock", path)

    assert (first.imported, second.imported, third.imported) == (3, 1, 0)
    assert (shop.level("APPLE"), shop.level("APPLE", "BER")) == ((1, 0, 0, 1), (2, 0, 0, 2))
    assert shop.level("PEAR") == (1, 0, 0, 1)


def test_a_run_that_can_read_more_imports_the_rest(write: Write, imports: Import, shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    path = write("order,sku,qty,time", "O1,APPLE,1,2026-01-31", "O2,APPLE,2,31/01/2026", "O3,APPLE,4,1/31/26")

    first = imports("sales", path)
    second = imports("sales", path, date_formats=["YYYY-MM-DD", "DD/MM/YYYY"])
    third = imports("sales", path, date_formats=["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%y"])

    assert (first.orders, second.orders, third.orders) == (1, 1, 1)
    assert (third.orders_before, third.rejected) == (2, 0)
    assert shop.level("APPLE") == (3, 0, 0, 3)


def test_an_order_that_was_refused_is_refused_again_after_stock_came(write: Write, imports: Import, shop: Shop) -> None:
    path = write("order,sku,qty,time", "O1,APPLE,1,2026-01-31", "O1,APPLE,1,someday")
    first = imports("sales", path)
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])

    same = imports("sales", path)
    more = imports("sales", write("order,sku,qty,time", "O1,APPLE,1,2026-01-31", "O1,APPLE,1,2026-02-01"))

    assert [report.orders_short for report in (first, same)] == [1, 1]
    assert more.orders == 1  # another file
    assert shop.level("APPLE") == (8, 0, 0, 8)


@pytest.mark.parametrize("kind", ["stock", "sales"])
def test_a_run_that_was_killed_is_finished_by_the_next(
    kind: str, write: Write, imports: Import, shop: Shop, dsn: str, wait_until: Callable[[str], None]
) -> None:
    count = 300
    shop.receive("LON", [{"sku": "APPLE", "qty": 2 * count}], op_id="opening")
    rows = {
        "stock": ["sku,qty,warehouse", *["APPLE,1,LON"] * 6 * count],
        "sales": ["order,sku,qty,time", *[f"O{n},APPLE,1,2026-01-01" for n in range(count)]],
    }[kind]
    path = write(*rows)
    address = make_conninfo(dsn, user=LOGINS["app"].name)
    command = [sys.executable, "-m", "openstock.cli", "import", kind, path, "--tenant", TENANT, "--database", address]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until("select count(*) > 100 from openstock_core.ledger where op_id like 'import:%'")
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL

    report = imports(kind, path)

    assert report.before > 0
    assert report.before + report.imported == len(rows) - 1
    units = 2 * count + 6 * count if kind == "stock" else count
    assert shop.level("APPLE") == (units, 0, 0, units)
    assert shop.differences() == []
    assert list(path.parent.iterdir()) == [path]  # nothing is left beside it


def test_a_run_that_is_interrupted_says_how_to_go_on(
    write: Write, imports: Import, shop: Shop, dsn: str, wait_until: Callable[[str], None]
) -> None:
    path = write("sku,qty,warehouse", *["APPLE,1,LON"] * 5000)
    address = make_conninfo(dsn, user=LOGINS["app"].name)
    command = [sys.executable, "-m", "openstock.cli", "import", "stock", path, "--tenant", TENANT, "--database", address]
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as process:
        wait_until("select count(*) > 100 from openstock_core.ledger where op_id like 'import:%'")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr is not None
        *_, hint, last = process.stderr.read().splitlines()
    assert "run the same command again" in hint
    assert last == "openstock: interrupted"

    report = imports("stock", path)

    assert report.before > 0
    assert shop.level("APPLE") == (5000, 0, 0, 5000)

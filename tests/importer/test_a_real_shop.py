"""5,000 lines of a real online retailer: all is imported, and the ledger's totals are those of the file."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from ..support import TENANT, Shop

FEES = ("POST", "DOT", "DCGS*", "gift_*")
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def sample() -> Path:
    places = [parent / "shared" / "data" / "online_retail_sample.csv" for parent in REPOSITORY.parents]
    found = [place for place in places if place.is_file()]
    if not found:
        pytest.skip("shared/data/online_retail_sample.csv is not beside this repository")
    return found[0]


@pytest.fixture
def sold(sample: Path) -> Counter[str]:
    """Units per sku, counted with nothing but the csv module; fees and nameless articles are no goods of this shop."""
    with sample.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    named = {row["StockCode"] for row in rows if row["Description"].strip()}
    units: Counter[str] = Counter()
    for row in rows:
        sku = row["StockCode"]
        if sku in named and sku not in ("POST", "DOT") and not sku.startswith(("DCGS", "gift_")):
            units[sku] += int(row["Quantity"])
    return units


def test_a_year_of_sales_is_replayed(
    sample: Path, sold: Counter[str], shop: Shop, dsn: str, db: psycopg.Connection
) -> None:
    shop.put_warehouses(lines=[{"code": "UK", "name": "United Kingdom", "priority": 0}])
    db.execute("select openstock_admin.grant_tenant(session_user, %s)", [TENANT])
    ignore = [word for pattern in FEES for word in ("--ignore-sku", pattern)]
    dates = ["--date-format", "MM/DD/YYYY HH:MM", "--date-format", "M/D/YY H:MM"]

    def imports(kind: str, *options: str) -> str:
        command = [sys.executable, "-m", "openstock.cli", "import", kind, sample, "--tenant", TENANT, "--database", dsn]
        command += ["--map", "sku=StockCode", *ignore, *options]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    imports("products", "--map", "name=Description")
    imports("stock", "--map", "qty=Quantity", "--map", "unit_cost=UnitPrice", "--warehouse", "UK")
    assert sum(row["on_hand"] for row in shop.view("stock", warehouse="UK")) == sold.total()
    shop.receive("UK", [{"sku": sku, "qty": 10} for sku in sold])
    db.execute("analyze")  # as autovacuum does, a minute later

    order = ["--map", "order=InvoiceNo", "--map", "qty=Quantity", "--map", "time=InvoiceDate", *dates]
    said = imports("sales", *order)

    assert " 0 refused" in said
    shipped: Counter[str] = Counter()
    for sku, units in shop.entries("sku", "qty_delta", event_type="SHIP"):
        shipped[sku] -= int(units)
    assert shipped == sold
    assert {row["on_hand"] for row in shop.view("stock", warehouse="UK")} == {10}
    assert shop.differences() == []
    assert "Nothing changed" in imports("sales", *order)

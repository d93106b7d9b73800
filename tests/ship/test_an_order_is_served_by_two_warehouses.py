"""A line that two warehouses promised: each part is named by the line's number and the warehouse, and taken in the promise's order."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Row, Shop, columns, refused

FROM_LONDON, FROM_BERLIN = {"line": 1, "warehouse": "LON"}, {"line": 1, "warehouse": "BER"}


@pytest.fixture
def split(shop: Shop) -> Shop:
    """Order O1, line 1: five apples, three of Berlin, which is asked first, and two of London, which is older."""
    shop.put_warehouses(lines=[{"code": "BER", "priority": 0}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 9}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 3}])
    assert columns(shop.reserve("O1", [{"sku": "APPLE", "qty": 5}]), "warehouse", "qty_reserved") == [("BER", 3), ("LON", 2)]
    return shop


def state(shop: Shop, column: str) -> dict[str, object]:
    return {row["warehouse"]: row[column] for row in shop.view("reservations")}


@pytest.mark.parametrize(("function", "column"), [("ship", "shipped"), ("release", "released")])
def test_both_parts_of_a_line_are_taken_by_one_call(split: Shop, function: str, column: str) -> None:
    rows: list[Row] = getattr(split, function)("O1", [FROM_LONDON | {"qty": 1}, FROM_BERLIN | {"qty": 2}])
    assert sorted(columns(rows, "line", "warehouse")) == [(1, "BER"), (1, "LON")]
    assert state(split, column) == {"BER": 2, "LON": 1}
    assert split.differences() == []


@pytest.mark.parametrize(("function", "column"), [("ship", "shipped"), ("release", "released")])
def test_a_part_without_a_warehouse_is_taken_in_the_order_of_the_promise(split: Shop, function: str, column: str) -> None:
    getattr(split, function)("O1", [{"line": 1, "qty": 4}])
    assert state(split, column) == {"BER": 3, "LON": 1}


@pytest.mark.parametrize("function", ["ship", "release"])
@pytest.mark.parametrize("warehouse", ["LON", " LON ", None])
def test_a_part_is_named_once(split: Shop, db: psycopg.Connection, function: str, warehouse: str | None) -> None:
    again = {"line": 1} | ({"warehouse": warehouse} if warehouse else {})
    first = FROM_LONDON if warehouse else {"line": 1}
    with refused(db, "22023", argument="lines", line=2, key="line", value=1):
        getattr(split, function)("O1", [first, again])


@pytest.mark.parametrize("function", ["ship", "release"])
def test_a_line_is_not_named_as_a_whole_and_in_part(split: Shop, db: psycopg.Connection, function: str) -> None:
    with refused(db, "22023", argument="lines", line=1, problem="names what another entry names too"):
        getattr(split, function)("O1", [{"line": 1, "qty": 1}, FROM_BERLIN | {"qty": 1}])

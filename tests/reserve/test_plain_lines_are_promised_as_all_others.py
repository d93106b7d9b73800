"""Lines of a product and a quantity take a shorter way. What it writes and answers is what the same lines get that name their numbers."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from ..support import Clock, Shop, call, day

# Of rows that a call makes: different each time. `changes` counts how often an order was locked, and a shorter way locks it less often.
OF_THIS_CALL = {"reservation_id", "reservation_line_id", "backorder_id", "entry_id", "event_id", "op_id", "request_hash", "changes"}
TABLES = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'openstock_core' and c.relkind in ('r', 'p') and not c.relispartition
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') order by 1
"""
TIMES = "select attrelid::regclass::text, attname from pg_attribute where atttypid = 'timestamptz'::regtype and attname <> 'expires_at'"


@pytest.fixture
def shop(shop: Shop, db: psycopg.Connection) -> Shop:
    """LON has 10 apples, BER has 20; 4.5 l of milk, of which 2 go off today; 2.5 kg of rice, in Berlin only; a kit of apples."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 20}, {"sku": "RICE", "qty": 2.5}])
    shop.receive("LON", [{"sku": "MILK", "qty": 2, "lot": "OLD", "expires_on": day(0)}, {"sku": "MILK", "qty": 2.5, "lot": "NEW", "expires_on": day(9)}])
    shop.put_products(lines=[{"sku": "FIG", "name": "Fig"}, {"sku": "BOX", "name": "Box"}, {"sku": "Café", "name": "Coffee"}, {"sku": "GONE", "name": "Gone"}])
    shop.put_kits(lines=[{"sku": "BOX", "components": [{"sku": "APPLE", "qty": 2}]}])
    shop.receive("LON", [{"sku": "Café", "qty": 3}, {"sku": "GONE", "qty": 3}])
    shop.put_products(lines=[{"sku": "GONE", "active": False}])
    db.execute("select openstock_admin.grant_tenant('postgres', any_tenant => true)")
    return shop


def outcome(shop: Shop, db: psycopg.Connection, lines: Any, **more: Any) -> Any:
    """What a call answers and leaves in the tables, but for numbers and times; it is taken back."""
    times = {(table.rpartition(".")[2], column) for table, column in db.execute(TIMES)}
    with db.transaction(force_rollback=True):
        try:
            with db.transaction():
                answer: Any = call(db, "reserve", op_id="once", **{"order_ref": "O1", "lines": lines, "tenant": shop.tenant, **more})
        except psycopg.Error as error:
            # Of the order's line only who names one is told.
            detail = json.loads(error.diag.message_detail or "{}")
            return error.sqlstate, {key: value for key, value in detail.items() if key != "order_line"}
        rows = {}
        for (table,) in db.execute(TABLES).fetchall():
            with db.cursor(row_factory=dict_row) as cursor:
                # What is stored of the call is what it answers.
                others = "op_id <> 'once'" if table == "operation" else "true"
                found = cursor.execute(f"select * from openstock_core.{table} where {others}").fetchall()
            hidden = OF_THIS_CALL | {column for name, column in times if name == table}
            rows[table] = sorted(str({k: v for k, v in row.items() if k not in hidden} | ends(row)) for row in found)
    return [row | ends(row) for row in answer], rows


def ends(row: dict[str, Any]) -> dict[str, Any]:
    """Whether it has an end, and to the minute when."""
    return {"expires_at": row["expires_at"] and row["expires_at"].replace(second=0, microsecond=0)} if "expires_at" in row else {}


def goes_directly(shop: Shop, db: psycopg.Connection, lines: Any, order_ref: str = "O1", warehouse: str | None = None, **_: Any) -> bool:
    """Whether these lines take the shorter way."""
    with db.transaction(force_rollback=True):
        db.execute("select set_config('app.tenant_id', %s, true)", [str(shop.tenant)])
        request = {"tenant": shop.tenant, "op_id": "look", "order_ref": order_ref, "lines": lines, "warehouse": warehouse, "seconds": None}
        way = "reserve_line_directly" if isinstance(lines, list) and len(lines) == 1 else "reserve_lines_directly"
        [row] = call(db, f"openstock_core.{way}", **request)
    return row[way] is not None


def numbered(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same lines, which name the numbers that they would get anyway."""
    return [line | {"line": n} for n, line in enumerate(lines, 1)]


PLAIN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"sku": "APPLE", "qty": 1}, {}),
    ({"sku": "APPLE", "qty": 10}, {}),
    ({"sku": "APPLE", "qty": 2.0}, {}),
    ({"sku": "RICE", "qty": 2.5}, {}),
    ({"sku": "RICE", "qty": 0.001}, {}),
    ({"sku": "Café", "qty": 3}, {}),
    ({"sku": "APPLE", "qty": 20}, {"warehouse": "BER"}),
    ({"sku": "APPLE", "qty": 3}, {"ttl": "2 days"}),
    ({"sku": "APPLE", "qty": 3}, {"ttl": "90 minutes", "warehouse": "LON", "on_shortage": "backorder"}),
    ({"sku": "APPLE", "qty": 3}, {"on_shortage": "partial"}),
    ({"sku": "APPLE", "qty": 3}, {"on_shortage": "error"}),
]
NOT_PLAIN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"sku": "APPLE", "qty": 11}, {}),
    ({"sku": "APPLE", "qty": 31}, {}),
    ({"sku": "APPLE", "qty": 31}, {"on_shortage": "partial"}),
    ({"sku": "APPLE", "qty": 31}, {"on_shortage": "error"}),
    ({"sku": "APPLE", "qty": 21}, {"warehouse": "BER"}),
    ({"sku": "APPLE", "qty": 1}, {"warehouse": "NONE"}),
    ({"sku": "APPLE", "qty": 1}, {"warehouse": "SHUT"}),
    ({"sku": "APPLE", "qty": 1}, {"warehouse": " LON "}),
    ({"sku": " APPLE ", "qty": 1}, {}),
    ({"sku": "Cafe\u0301", "qty": 1}, {}),
    ({"sku": "FIG", "qty": 1}, {}),
    ({"sku": "OLD", "qty": 1}, {}),
    ({"sku": "GONE", "qty": 1}, {}),
    ({"sku": "BOX", "qty": 1}, {}),
    ({"sku": "NONE", "qty": 1}, {}),
    ({"sku": "APPLE", "qty": 0}, {}),
    ({"sku": "APPLE", "qty": -1}, {}),
    ({"sku": "APPLE", "qty": 1.5}, {}),
    ({"sku": "RICE", "qty": 0.0001}, {}),
    ({"sku": "APPLE", "qty": "1"}, {}),
    ({"sku": "APPLE", "qty": None}, {}),
    ({"sku": "APPLE"}, {}),
    ({"sku": 7, "qty": 1}, {}),
    ({"sku": None, "qty": 1}, {}),
    ({"qty": 1}, {}),
    ({"sku": "APPLE", "qty": 1, "colour": "red"}, {}),
    ({"sku": "APPLE", "qty": 1, "lot": "L1"}, {}),
    ({"sku": "APPLE", "qty": 1, "warehouse": "BER"}, {}),
]
PLAIN_TOGETHER: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
    ([{"sku": "RICE", "qty": 2.5}, {"sku": "APPLE", "qty": 1}], {}),
    ([{"sku": "APPLE", "qty": 10.0}, {"sku": "RICE", "qty": 0.001}, {"sku": "Café", "qty": 3}], {"ttl": "2 days"}),
    ([{"sku": "MILK", "qty": 4.5}, {"sku": "APPLE", "qty": 2}], {"on_shortage": "backorder"}),
    ([{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 20}], {"warehouse": "BER", "on_shortage": "error"}),
    ([{"sku": "APPLE", "qty": 1}, {"sku": "MILK", "qty": 0.5}], {"warehouse": "LON", "on_shortage": "partial", "ttl": "90 minutes"}),
]
OTHERWISE: list[dict[str, Any]] = [
    {"priority": 2},
    {"promised_at": "2030-01-01 00:00 UTC"},
    {"metadata": {"gift": True}},
    {"strategy": "most_stock"},
    {"strategy": "nearest", "destination": {"latitude": 1, "longitude": 2}},
    {"destination": {"zone": "EU"}},
    {"strategy": None},
    {"strategy": "none"},
    {"on_shortage": "none"},
    {"on_shortage": None},
    {"ttl": "-1 hour"},
    {"ttl": "1 month"},
    {"channel": "WEB"},
    {"order_ref": ""},
    {"order_ref": None},
    {"order_ref": " O1 "},
    {"order_ref": "O\u200b"},
    {"warehouse": ""},
]


@pytest.mark.parametrize(("line", "more"), PLAIN, ids=str)
def test_a_plain_line_gets_what_any_other_gets(shop: Shop, db: psycopg.Connection, line: dict[str, Any], more: dict[str, Any]) -> None:
    assert goes_directly(shop, db, [line], **more)
    answer, rows = outcome(shop, db, [line], **more)
    assert [row["outcome"] for row in answer] == ["reserved"]
    assert (answer, rows) == outcome(shop, db, [line | {"line": 1}], **more)


@pytest.mark.parametrize(("line", "more"), NOT_PLAIN, ids=str)
def test_what_is_not_plain_is_left_to_others(shop: Shop, db: psycopg.Connection, line: dict[str, Any], more: dict[str, Any]) -> None:
    assert not goes_directly(shop, db, [line], **more)
    assert outcome(shop, db, [line], **more) == outcome(shop, db, [line | {"line": 1}], **more)


@pytest.mark.parametrize(("lines", "more"), PLAIN_TOGETHER, ids=str)
def test_plain_lines_get_what_any_others_get(shop: Shop, db: psycopg.Connection, lines: list[dict[str, Any]], more: dict[str, Any]) -> None:
    assert goes_directly(shop, db, lines, **more)
    answer, rows = outcome(shop, db, lines, **more)
    assert [(row["line"], row["outcome"]) for row in answer] == [(n, "reserved") for n, _ in enumerate(lines, 1)]
    assert (answer, rows) == outcome(shop, db, numbered(lines), **more)


@pytest.mark.parametrize(("line", "more"), NOT_PLAIN, ids=str)
def test_one_line_that_is_not_plain_takes_all_along(shop: Shop, db: psycopg.Connection, line: dict[str, Any], more: dict[str, Any]) -> None:
    for lines in ([{"sku": "MILK", "qty": 1}, line], [line, {"sku": "MILK", "qty": 1}]):
        assert not goes_directly(shop, db, lines, **more)
        assert outcome(shop, db, lines, **more) == outcome(shop, db, numbered(lines), **more)


@pytest.mark.parametrize("more", OTHERWISE, ids=str)
@pytest.mark.parametrize("lines", [[{"sku": "APPLE", "qty": 1}], [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 1}]], ids=["one line", "two"])
def test_arguments_mean_what_they_mean_for_all_lines(shop: Shop, db: psycopg.Connection, lines: list[dict[str, Any]], more: dict[str, Any]) -> None:
    assert outcome(shop, db, lines, **more) == outcome(shop, db, numbered(lines), **more)


NO_LINES = [[], {}, '"x"', [7], [[]], None, [{"sku": "APPLE", "qty": 1}, 7], [[], {"sku": "APPLE", "qty": 1}], [{"sku": "APPLE", "qty": 1}] * 2]


@pytest.mark.parametrize("lines", NO_LINES, ids=str)
def test_lines_that_are_none_or_name_a_product_twice_are_left_to_others(shop: Shop, db: psycopg.Connection, lines: Any) -> None:
    assert not goes_directly(shop, db, lines)


def test_more_lines_than_a_call_may_have_are_left_to_others(shop: Shop, db: psycopg.Connection) -> None:
    skus = [f"P-{n}" for n in range(1001)]
    for some in (skus[:1000], skus[1000:]):
        shop.put_products(lines=[{"sku": sku, "name": sku} for sku in some])
        shop.receive("LON", [{"sku": sku, "qty": 1} for sku in some])
    lines = [{"sku": sku, "qty": 1} for sku in skus]
    assert goes_directly(shop, db, lines[:1000])
    assert not goes_directly(shop, db, lines)


def test_an_order_that_is_there_grows(shop: Shop, db: psycopg.Connection) -> None:
    shop.reserve("O1", [{"sku": "RICE", "qty": 1}])
    assert not goes_directly(shop, db, [{"sku": "APPLE", "qty": 1}])
    answer, rows = outcome(shop, db, [{"sku": "APPLE", "qty": 1}])
    assert [row["line"] for row in answer] == [2]
    assert (answer, rows) == outcome(shop, db, [{"sku": "APPLE", "qty": 1, "line": 2}])
    assert not goes_directly(shop, db, [{"sku": "APPLE", "qty": 1}, {"sku": "MILK", "qty": 1}])


def test_units_whose_lot_expired_are_booked_first(shop: Shop, db: psycopg.Connection, clock: Clock) -> None:
    assert goes_directly(shop, db, [{"sku": "MILK", "qty": 1}])
    clock.advance(days=1)
    assert not goes_directly(shop, db, [{"sku": "MILK", "qty": 1}])
    answer, rows = outcome(shop, db, [{"sku": "MILK", "qty": 1}])
    assert [(row["on_hand"], row["blocked"], row["available"]) for row in answer] == [(4.5, 2, 1.5)]
    assert (answer, rows) == outcome(shop, db, [{"sku": "MILK", "qty": 1, "line": 1}])
    assert not goes_directly(shop, db, [{"sku": "APPLE", "qty": 1}, {"sku": "MILK", "qty": 1}])
    assert goes_directly(shop, db, [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 1}])


def test_the_first_warehouse_by_priority_is_asked(shop: Shop, db: psycopg.Connection) -> None:
    for first in ("BER", "LON"):
        shop.put_warehouses(lines=[{"code": code, "priority": 1 if code == first else 2} for code in ("LON", "BER")])
        assert goes_directly(shop, db, [{"sku": "APPLE", "qty": 4}])
        [row], rows = outcome(shop, db, [{"sku": "APPLE", "qty": 4}])
        assert row["warehouse"] == first
        assert ([row], rows) == outcome(shop, db, [{"sku": "APPLE", "qty": 4, "line": 1}])
        answer, _ = outcome(shop, db, [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 4}])
        assert [row["warehouse"] for row in answer] == ["BER", first]
    shop.put_warehouses(lines=[{"code": "LON", "priority": 2}])
    [row], _ = outcome(shop, db, [{"sku": "APPLE", "qty": 4}])
    assert row["warehouse"] == "BER"
    answer, _ = outcome(shop, db, [{"sku": "MILK", "qty": 1}, {"sku": "APPLE", "qty": 4}])
    assert [row["warehouse"] for row in answer] == ["LON", "BER"]
    shop.put_warehouses(lines=[{"code": "BER", "active": False}])
    [row], rows = outcome(shop, db, [{"sku": "APPLE", "qty": 4}])
    assert row["warehouse"] == "LON"
    assert ([row], rows) == outcome(shop, db, [{"sku": "APPLE", "qty": 4, "line": 1}])
    answer, _ = outcome(shop, db, [{"sku": "MILK", "qty": 1}, {"sku": "APPLE", "qty": 4}])
    assert [row["warehouse"] for row in answer] == ["LON", "LON"]


def test_a_month_without_a_partition_is_named(shop: Shop, db: psycopg.Connection, clock: Clock) -> None:
    clock.advance(days=400)
    assert not goes_directly(shop, db, [{"sku": "APPLE", "qty": 1}])
    assert not goes_directly(shop, db, [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 1}])
    for lines in ([{"sku": "APPLE", "qty": 1}], [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": 1}]):
        code, _ = outcome(shop, db, lines)
        assert code == "OS402"


def test_an_earlier_end_of_another_hold_stays_the_next(shop: Shop, db: psycopg.Connection) -> None:
    shop.reserve("C1", [{"sku": "APPLE", "qty": 1}], ttl="1 hour")
    assert outcome(shop, db, [{"sku": "APPLE", "qty": 1}], ttl="2 hours") == outcome(shop, db, [{"sku": "APPLE", "qty": 1, "line": 1}], ttl="2 hours")
    two = [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 1}]
    assert outcome(shop, db, two, ttl="2 hours") == outcome(shop, db, numbered(two), ttl="2 hours")
    before = db.execute("select next_expiry_at from openstock_core.stock_level where next_expiry_at is not null").fetchall()
    shop.reserve("C2", [{"sku": "APPLE", "qty": 1}], ttl="2 hours")
    shop.reserve("C3", [{"sku": "APPLE", "qty": 1}])
    assert db.execute("select next_expiry_at from openstock_core.stock_level where next_expiry_at is not null").fetchall() == before
    shop.reserve("C4", [{"sku": "APPLE", "qty": 1}], ttl="1 minute")
    [row] = shop.view("reservations", order_ref="C4")
    assert db.execute("select next_expiry_at <= %s, next_expiry_at > %s::timestamptz - interval '1 s' from openstock_core.stock_level where next_expiry_at is not null",
                      [row["expires_at"], row["expires_at"]]).fetchall() == [(True, True)]  # fmt: skip
    assert shop.differences() == []


def test_entries_are_in_the_order_of_the_lines(shop: Shop) -> None:
    shop.reserve("O1", [{"sku": sku, "qty": 1} for sku in ("RICE", "Café", "APPLE", "MILK")])
    assert shop.entries("line", "sku", order_ref="O1") == [(1, "RICE"), (2, "Café"), (3, "APPLE"), (4, "MILK")]
    assert shop.differences() == []

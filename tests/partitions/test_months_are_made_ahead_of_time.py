"""ensure_partitions: one partition a month of the ledger and one of its serials, each protected like its parent, and none by default."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from tests.support import Clock, Connect, Shop, call, fails, refused, unchanged

PARTITIONS = """
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = any (array['openstock_core.ledger', 'openstock_core.ledger_serial']::regclass[]) order by c.relname
"""


def month(ahead: int) -> str:
    """The name of the partition so many months from now."""
    now = datetime.now(UTC)
    months = now.year * 12 + now.month - 1 + ahead
    return f"ledger_{months // 12}_{months % 12 + 1:02}"


def months(*ahead: int) -> list[str]:
    """The names of all partitions of these months, by month."""
    return [name for one in ahead for name in (month(one), serials(one))]


def serials(ahead: int) -> str:
    """The name of the partition of serials so many months from now."""
    return month(ahead).replace("ledger_", "ledger_serial_")


def partitions(db: psycopg.Connection) -> list[str]:
    return [name for (name,) in db.execute(PARTITIONS)]


def made(connection: psycopg.Connection, **arguments: int | None) -> list[str]:
    rows = call(connection, "openstock_admin.ensure_partitions", **arguments)
    return [row["ensure_partitions"] for row in rows]


def test_an_installation_has_twelve_months_ahead(db: psycopg.Connection) -> None:
    assert partitions(db) == sorted(months(*range(13)))


def test_an_operator_makes_what_is_missing(connect: Connect, db: psycopg.Connection) -> None:
    operator = connect("operator")
    assert made(operator, months_ahead=14) == months(13, 14)
    assert made(operator, months_ahead=14) == []
    assert made(operator) == []
    assert made(operator, months_ahead=0) == []
    assert partitions(db) == sorted(months(*range(15)))


def test_months_pass(connect: Connect, clock: Clock) -> None:
    clock.set(f"{month(2).removeprefix('ledger_').replace('_', '-')}-15 UTC")
    assert made(connect("operator")) == months(13, 14)


def test_a_gap_is_closed(db: psycopg.Connection, connect: Connect) -> None:
    for table in (month(5), serials(7)):
        db.execute(f"drop table openstock_core.{table}")
    assert made(connect("operator")) == [month(5), serials(7)]
    assert partitions(db) == sorted(months(*range(13)))


@pytest.mark.parametrize("months", [-1, 121, None])
def test_the_number_of_months_is_bounded(db: psycopg.Connection, connect: Connect, months: int | None) -> None:
    with unchanged(db), fails("22023", argument="months_ahead"):
        made(connect("operator"), months_ahead=months)
    assert len(partitions(db)) == 26


def test_an_entry_goes_into_the_month_in_which_it_is_recorded(shop: Shop, db: psycopg.Connection, clock: Clock) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}], occurred_at="2001-01-01 UTC")
    clock.set(f"{month(1).removeprefix('ledger_').replace('_', '-')}-01 00:00:00 UTC")
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    placed = db.execute(
        "select tableoid::regclass::text, qty_delta from openstock_core.ledger order by entry_id"
    ).fetchall()
    assert placed == [(f"openstock_core.{month(0)}", 1), (f"openstock_core.{month(1)}", 2)]
    assert shop.level("APPLE") == (3, 0, 0, 3)
    assert shop.differences() == []


def test_without_a_partition_for_the_month_nothing_is_written(
    shop: Shop, db: psycopg.Connection, clock: Clock, connect: Connect
) -> None:
    clock.set(f"{month(13).removeprefix('ledger_').replace('_', '-')}-01 00:00:00 UTC")
    with refused(db, "OS402", partition=month(13)) as refusal:
        shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert "ensure_partitions" in (refusal.hint or "")
    made(connect("operator"))
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert shop.level("APPLE") == (1, 0, 0, 1)


def test_without_a_partition_for_serials_no_piece_comes_in(shop: Shop, db: psycopg.Connection, connect: Connect) -> None:
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    db.execute(f"alter table openstock_core.ledger_serial detach partition openstock_core.{serials(0)}")
    db.execute(f"alter table openstock_core.{serials(0)} rename to elsewhere")
    with refused(db, "OS402", partition=serials(0)):
        shop.receive("LON", [{"sku": "PHONE", "serials": ["P1"]}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    made(connect("operator"))
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P1"]}])
    assert shop.differences() == []


@pytest.mark.parametrize(("place", "old"), [(0, month(0)), (1, serials(0))])
def test_a_new_partition_is_protected_like_the_others(db: psycopg.Connection, connect: Connect, place: int, old: str) -> None:
    new = made(connect("operator"), months_ahead=13)[place]
    for query in (
        "select relowner::regrole::text, relrowsecurity, relforcerowsecurity, relacl "
        "from pg_class where oid = %s::regclass",
        "select polname, polcmd, polroles::regrole[]::text, pg_get_expr(polqual, polrelid), "
        "pg_get_expr(polwithcheck, polrelid) from pg_policy where polrelid = %s::regclass order by 1",
        "select tgname, tgenabled, tgtype from pg_trigger where tgrelid = %s::regclass order by 1",
        "select regexp_replace(pg_get_indexdef(indexrelid), 'ledger_(serial_)?[0-9_]+', 'ledger_', 'g') from pg_index "
        "where indrelid = %s::regclass order by 1",
        "select attname, col_description(attrelid, attnum) from pg_attribute "
        "where attrelid = %s::regclass order by attnum",
        "select conname, pg_get_constraintdef(oid) from pg_constraint "
        "where conrelid = %s::regclass and contype = 'c' order by 1",
    ):
        ours = db.execute(query, [f"openstock_core.{new}"]).fetchall()
        assert ours == db.execute(query, [f"openstock_core.{old}"]).fetchall()
        assert ours != [] or (place == 1 and "contype = 'c'" in query)
    assert db.execute("select obj_description(%s::regclass)", [f"openstock_core.{new}"]).fetchone() != (None,)

"""doctor: one row a topic, ok or warn, and what to do about it."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Clock, Connect, Row, call

TOPICS = ["server", "durability", "partitions", "row security", "owners", "snapshot", "logins", "backup"]


def look(connect: Connect) -> dict[str, Row]:
    return {row["topic"]: row for row in call(connect("operator"), "openstock_admin.doctor")}


def test_a_fresh_installation_has_only_its_snapshot_to_make(connect: Connect, db: psycopg.Connection) -> None:
    found = look(connect)
    assert list(found) == TOPICS
    durable = db.execute(
        "select current_setting('fsync')::boolean and current_setting('full_page_writes')::boolean"
    ).fetchone()
    warned = {topic for topic, row in found.items() if row["status"] == "warn"}
    assert warned == {"snapshot"} | (set() if durable == (True,) else {"durability"})
    assert found["snapshot"]["detail"] == "never refreshed" or "not populated" in found["snapshot"]["detail"]


def test_whoever_is_warned_is_told_what_to_do(connect: Connect) -> None:
    for row in look(connect).values():
        assert (row["hint"] is not None) == (row["status"] == "warn")
        assert row["detail"]


def test_a_refreshed_snapshot_is_fine_for_a_day(connect: Connect, clock: Clock) -> None:
    call(connect("operator"), "openstock_admin.refresh_current_stock")
    assert look(connect)["snapshot"]["status"] == "ok"
    clock.advance(hours=25)
    assert look(connect)["snapshot"]["status"] == "warn"


def test_it_warns_when_fewer_than_three_months_are_ahead(
    connect: Connect, clock: Clock, db: psycopg.Connection
) -> None:
    [month] = db.execute("select to_char(now() at time zone 'UTC' + interval '9 months', 'YYYY-MM')").fetchone() or (
        "",
    )
    clock.set(f"{month}-15 UTC")
    assert (look(connect)["partitions"]["status"], look(connect)["partitions"]["detail"]) == ("ok", "3 months ahead")
    clock.advance(days=31)
    assert (look(connect)["partitions"]["status"], look(connect)["partitions"]["detail"]) == ("warn", "2 months ahead")
    call(connect("operator"), "openstock_admin.ensure_partitions")
    assert look(connect)["partitions"]["status"] == "ok"


@pytest.mark.parametrize("damage", ["disable row level security", "no force row level security"])
def test_it_warns_of_an_unprotected_partition(connect: Connect, db: psycopg.Connection, damage: str) -> None:
    [partition] = db.execute(
        "select min(inhrelid::regclass::text) from pg_inherits where inhparent = 'openstock_core.ledger'::regclass"
    ).fetchone() or ("",)
    db.execute(f"alter table {partition} {damage}")
    found = look(connect)["row security"]
    assert (found["status"], found["detail"]) == ("warn", "1 unprotected partitions")


def test_it_warns_of_a_view_that_a_superuser_owns(connect: Connect, db: psycopg.Connection) -> None:
    db.execute("alter view openstock.stock owner to postgres")
    assert look(connect)["owners"]["status"] == "warn"


def test_a_superuser_can_back_up_even_one_without_bypassrls(db: psycopg.Connection) -> None:
    with db.transaction(force_rollback=True):
        db.execute("alter role current_user nobypassrls")
        [row] = [row for row in call(db, "openstock_admin.doctor") if row["topic"] == "backup"]
        assert row["status"] == "ok"


def test_it_warns_when_no_login_is_declared(connect: Connect, db: psycopg.Connection) -> None:
    assert look(connect)["logins"]["detail"] == "2 bound, 1 trusted"
    db.execute("delete from openstock_core.tenant_login")
    db.execute("delete from openstock_core.trusted_login")
    assert (look(connect)["logins"]["status"], look(connect)["logins"]["detail"]) == ("warn", "0 bound, 0 trusted")

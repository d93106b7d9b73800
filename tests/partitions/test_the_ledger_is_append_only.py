"""UPDATE, DELETE and TRUNCATE are refused for every role, on the ledger and on each partition, also for replication."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Shop, denied, fails, unchanged

pytestmark = pytest.mark.usefixtures("recorded")

PARTITION = "select tableoid::regclass::text from openstock_core.ledger limit 1"

CHANGES = {
    "UPDATE": "update {} set qty_delta = 0",
    "UPDATE of no row": "update {} set qty_delta = 0 where false",
    "DELETE": "delete from {}",
    "DELETE of no row": "delete from {} where false",
    "TRUNCATE": "truncate {}",
    "MERGE that updates": "merge into {} t using (select 1) s on true when matched then update set qty_delta = 0",
    "MERGE that deletes": "merge into {} t using (select 1) s on true when matched then delete",
}


@pytest.fixture
def recorded(shop: Shop) -> None:
    """A shop with an entry in its ledger."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])


@pytest.mark.parametrize("target", ["parent", "partition"])
@pytest.mark.parametrize("change", CHANGES)
def test_no_change_is_possible(db: psycopg.Connection, change: str, target: str) -> None:
    [partition] = db.execute(PARTITION).fetchone() or ("",)
    table = "openstock_core.ledger" if target == "parent" else partition
    statement = CHANGES[change].format(table)
    command = change.split()[-1].upper() if "MERGE" in change else change.split()[0]
    command = {"UPDATES": "UPDATE", "DELETES": "DELETE"}.get(command, command)
    with unchanged(db):
        for role in ("postgres", "openstock_owner"):
            for replication in ("origin", "local", "replica"):
                with fails("OS401", command=command) as refusal, db.transaction():
                    db.execute(f"set local session_replication_role = {replication}")
                    if role != "postgres":
                        db.execute(f"set local role {role}")
                    db.execute(statement)
                assert refusal.detail["table"] in ("openstock_core.ledger", partition)


def test_an_insert_that_would_update_is_refused(db: psycopg.Connection) -> None:
    with unchanged(db), fails("OS401", command="UPDATE"):
        db.execute(
            "insert into openstock_core.ledger select * from openstock_core.ledger "
            "on conflict on constraint ledger_pkey do update set qty_delta = 0"
        )


@pytest.mark.parametrize("role", ["openstock_api", "openstock_maint"])
@pytest.mark.parametrize("statement", ["update {} set qty_delta = 0", "delete from {}", "truncate {}"])
def test_the_roles_that_write_and_check_may_not_even_try(db: psycopg.Connection, role: str, statement: str) -> None:
    with denied(db), db.transaction():
        db.execute(f"set local role {role}")
        db.execute(statement.format("openstock_core.ledger"))


@pytest.mark.parametrize("role", ["openstock_api", "openstock_maint"])
def test_partitions_are_not_granted(db: psycopg.Connection, role: str) -> None:
    [partition] = db.execute(PARTITION).fetchone() or ("",)
    with denied(db), db.transaction():
        db.execute(f"set local role {role}")
        db.execute(f"select from {partition}")


def test_all_partitions_refuse_and_those_to_come(db: psycopg.Connection) -> None:
    db.execute("select openstock_admin.ensure_partitions(14)")
    with unchanged(db):
        for (partition,) in db.execute(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'openstock_core.ledger'::regclass"
        ).fetchall():
            for statement in ("update {} set note = ''", "delete from {}", "truncate {}"):
                with fails("OS401", table=partition), db.transaction():
                    db.execute("set local session_replication_role = replica")
                    db.execute(statement.format(partition))


def test_rows_that_arrive_without_a_statement_of_their_own_are_refused_too(db: psycopg.Connection) -> None:
    """Logical replication changes single rows: the row trigger is what stands in its way."""
    db.execute("alter table openstock_core.ledger disable trigger append_only")
    with unchanged(db):
        for statement in ("update openstock_core.ledger set note = ''", "delete from openstock_core.ledger"):
            with fails("OS401"), db.transaction():
                db.execute("set local session_replication_role = replica")
                db.execute(statement)

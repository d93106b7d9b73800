"""doctor: one row a topic, ok or warn, and what to do about it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support import TENANT, Clock, Connect, Row, Shop, call

TOPICS = [
    *("server", "durability", "partitions", "missing months", "detached partitions", "row security", "owners", "roles"),
    *("statistics", "snapshot", "logins", "dropped logins", "backup", "temporary tables"),
]


def look(connect: Connect) -> dict[str, Row]:
    return {row["topic"]: row for row in call(connect("operator"), "openstock_admin.doctor")}


def warning(connection: psycopg.Connection, topic: str) -> str:
    """What doctor warns of."""
    [row] = [row for row in call(connection, "openstock_admin.doctor") if row["topic"] == topic]
    assert row["status"] == "warn", row
    return str(row["detail"])


def partitions(db: psycopg.Connection) -> list[str]:
    """The names of the ledger's partitions, the oldest first."""
    return [
        name
        for (name,) in db.execute(
            "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid "
            "where i.inhparent = 'openstock_core.ledger'::regclass order by 1"
        )
    ]


def test_a_fresh_installation_has_only_its_snapshot_to_make(connect: Connect, db: psycopg.Connection) -> None:
    assert [row["topic"] for row in call(connect("operator"), "openstock_admin.doctor")] == TOPICS
    found = look(connect)
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


def test_it_warns_of_a_month_that_is_missing_between_others(connect: Connect, db: psycopg.Connection) -> None:
    gap = partitions(db)[5]
    db.execute(f"drop table openstock_core.{gap}")
    assert warning(connect("operator"), "missing months") == f"1 months missing: {gap}"
    assert look(connect)["detached partitions"]["status"] == "ok"
    call(connect("operator"), "openstock_admin.ensure_partitions")
    assert look(connect)["missing months"]["status"] == "ok"


def test_it_warns_when_this_month_is_missing(connect: Connect, db: psycopg.Connection) -> None:
    this = partitions(db)[0]
    db.execute(f"drop table openstock_core.{this}")
    assert warning(connect("operator"), "missing months") == f"1 months missing: {this}"


def test_a_partition_of_more_than_a_month_does_not_make_it_look_for_months(connect: Connect, db: psycopg.Connection) -> None:
    """Attached by whoever moved old history into one table."""
    for year in (2001, 2901):
        db.execute(f"create table openstock_core.ledger_{year} (like openstock_core.ledger including all)")
        db.execute(
            f"alter table openstock_core.ledger attach partition openstock_core.ledger_{year} for values from ('{year}-01-01Z') to ('{year + 1}-01-01Z')"
        )
    assert look(connect)["missing months"]["status"] == "ok"


@pytest.mark.parametrize("concurrently", ["", "concurrently"])
def test_it_warns_of_a_detached_partition(connect: Connect, db: psycopg.Connection, concurrently: str) -> None:
    month = partitions(db)[3]
    db.execute(f"alter table openstock_core.ledger detach partition openstock_core.{month} {concurrently}")
    assert warning(connect("operator"), "detached partitions") == f"1 partitions detached: {month}"
    assert warning(connect("operator"), "missing months") == f"1 months missing: {month}"


def test_months_are_named_in_their_order(connect: Connect, db: psycopg.Connection) -> None:
    months = [partitions(db)[place] for place in (7, 3, 5)]
    for month in months:
        db.execute(f"alter table openstock_core.ledger detach partition openstock_core.{month}")
    named = ", ".join(sorted(months))
    assert warning(connect("operator"), "detached partitions") == f"3 partitions detached: {named}"
    assert warning(connect("operator"), "missing months") == f"3 months missing: {named}"


def test_what_is_called_like_a_month_and_is_none_is_no_detached_partition(connect: Connect, db: psycopg.Connection) -> None:
    """A month that is kept elsewhere, and what is no table."""
    db.execute("create table public.ledger_2001_01 (like openstock_core.ledger)")
    db.execute("create view openstock_core.ledger_2001_02 as select 1 as one")
    assert look(connect)["detached partitions"]["detail"] == "0 partitions detached"


@pytest.mark.parametrize("power", ["login", "superuser", "bypassrls", "createrole", "replication"])
@pytest.mark.parametrize("role", ["openstock_app", "openstock_owner"])
def test_it_warns_of_a_role_that_can_too_much(db: psycopg.Connection, role: str, power: str) -> None:
    with db.transaction(force_rollback=True):
        db.execute(f"alter role {role} {power}")
        assert warning(db, "roles") == f"{role} {power.upper()}"


def test_it_warns_of_a_group_role_that_owns_something(db: psycopg.Connection) -> None:
    db.execute("create table public.mine (n integer)")
    db.execute("alter table public.mine owner to openstock_app")
    assert warning(db, "roles") == "openstock_app owns table public.mine"


def test_what_a_group_role_owns_in_another_database_is_told_there(connect: Connect, db: psycopg.Connection, dsn: str) -> None:
    name = f"mine_{db.info.dbname}"
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as elsewhere:
        elsewhere.execute(f"create table public.{name} (n integer)")
        try:
            elsewhere.execute(f"alter table public.{name} owner to openstock_app")
            assert look(connect)["roles"]["status"] == "ok"
        finally:
            elsewhere.execute(f"drop table public.{name}")


def test_roles_and_objects_are_named_in_their_order(db: psycopg.Connection) -> None:
    with db.transaction(force_rollback=True):
        for role, power in (("operator", "login"), ("app", "replication"), ("owner", "createrole")):
            db.execute(f"alter role openstock_{role} {power}")
        for view in ("stock", "bins", "serials"):
            db.execute(f"alter view openstock.{view} owner to openstock_maint")
        assert warning(db, "roles") == "openstock_app REPLICATION, openstock_operator LOGIN, openstock_owner CREATEROLE"
        assert warning(db, "owners").endswith(": openstock.bins, openstock.serials, openstock.stock")


def test_only_logins_that_see_every_row_can_back_up(db: psycopg.Connection) -> None:
    def told() -> int:
        [row] = [row for row in call(db, "openstock_admin.doctor") if row["topic"] == "backup"]
        return int(str(row["detail"]).removesuffix(" logins that pg_dump can use"))

    with db.transaction(force_rollback=True):
        before = told()
        for number, powers in enumerate(("login", "superuser nologin", "bypassrls nologin")):
            db.execute(f"create role doctor_{number}_{db.info.dbname} {powers}")
        assert told() == before
        db.execute(f"create role doctor_9_{db.info.dbname} bypassrls login")
        assert told() == before + 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("alter view openstock.stock owner to openstock_maint", "openstock.stock"),
        ("alter table openstock_core.lot owner to openstock_api", "openstock_core.lot"),
        ("alter function openstock.server_time owner to postgres", "openstock.server_time()"),
        ("alter schema openstock_dw owner to postgres", "openstock_dw"),
    ],
)
def test_it_warns_of_an_object_that_another_role_owns(db: psycopg.Connection, change: str, named: str) -> None:
    db.execute(change)
    assert named in warning(db, "owners")


def test_it_warns_of_declared_logins_that_were_dropped(connect: Connect, db: psycopg.Connection) -> None:
    for login in ("gone_bound", "gone_trusted"):
        name = f"{login}_{db.info.dbname}"
        db.execute(f"create role {name} login")
        if login == "gone_bound":
            db.execute("select openstock_admin.grant_tenant(%s, %s)", [name, TENANT])
        else:
            db.execute("select openstock_admin.grant_tenant(%s, any_tenant => true)", [name])
        db.execute(f"drop role {name}")
    assert warning(connect("operator"), "dropped logins") == (
        f"2 declared logins do not exist: gone_bound_{db.info.dbname} (1 tenants), "
        f"gone_trusted_{db.info.dbname} (any tenant)"
    )
    db.execute("select openstock_admin.revoke_tenant(%s, %s)", [f"gone_bound_{db.info.dbname}", TENANT])
    db.execute("select openstock_admin.revoke_tenant(%s, any_tenant => true)", [f"gone_trusted_{db.info.dbname}"])
    assert look(connect)["dropped logins"]["status"] == "ok"


def test_it_warns_of_tables_that_were_never_analysed(shop: Shop, connect: Connect, db: psycopg.Connection) -> None:
    db.execute("alter table openstock_core.product set (autovacuum_enabled = off)")
    shop.put_products(lines=[{"sku": f"P-{n}", "name": "Product"} for n in range(1000)])
    assert "openstock_core.product" in warning(connect("operator"), "statistics")
    call(connect("operator"), "openstock_admin.analyze_tables")
    assert look(connect)["statistics"]["status"] == "ok"


def test_tables_that_were_never_analysed_are_named_in_their_order(shop: Shop, connect: Connect, db: psycopg.Connection) -> None:
    for table in ("product", "location"):
        db.execute(f"alter table openstock_core.{table} set (autovacuum_enabled = off)")
    shop.put_products(lines=[{"sku": f"P-{n}", "name": "Product"} for n in range(1000)])
    shop.put_locations("LON", [{"code": f"L-{n}"} for n in range(1500)])
    named = warning(connect("operator"), "statistics").split(": ")[1].split(", ")
    assert {"openstock_core.location", "openstock_core.product"} <= set(named)
    assert named == sorted(named)


def test_tables_of_the_application_are_not_its_business(connect: Connect, db: psycopg.Connection) -> None:
    db.execute("create table public.orders with (autovacuum_enabled = off) as select n, repeat('x', 100) as text from generate_series(1, 2000) as n")
    db.execute("create materialized view openstock_core.totals as select * from public.orders")
    assert look(connect)["statistics"]["detail"] == "0 tables never analysed"


def test_it_warns_when_temporary_tables_are_not_to_be_had(connect: Connect, db: psycopg.Connection) -> None:
    db.execute(f"revoke temporary on database {db.info.dbname} from public, openstock_maint")
    assert warning(connect("operator"), "temporary tables") == "openstock_maint may not make temporary tables"

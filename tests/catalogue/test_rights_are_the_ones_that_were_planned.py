"""Owners, grants, definer functions: what a superuser's migration must end with."""

from __future__ import annotations

import psycopg

from .catalogue import GROUPS, OWNERS, rows


def test_everything_belongs_to_one_of_three_roles(db: psycopg.Connection) -> None:
    owners = rows(
        db,
        """
        with mine as (select unnest(%s::text[])::regnamespace as oid)
        select nspowner::regrole::text from pg_namespace where oid in (select oid from mine) union
        select relowner::regrole::text from pg_class where relnamespace in (select oid from mine) union
        select proowner::regrole::text from pg_proc where pronamespace in (select oid from mine) union
        select typowner::regrole::text from pg_type where typnamespace in (select oid from mine)""",
    )
    assert set(owners) == set(OWNERS)


def test_tables_belong_to_the_owner_views_and_public_types_to_the_api(db: psycopg.Connection) -> None:
    found = rows(
        db,
        """
        select c.relkind::text, c.relowner::regrole::text, c.oid::regclass::text from pg_class c
        where c.relnamespace::regnamespace::text = any (%s)""",
    )
    assert {owner for kind, owner, _ in found if kind in "rpS"} == {"openstock_owner"}
    assert {name for kind, owner, name in found if kind in "v" and owner != "openstock_api"} == {
        "openstock_admin.tenants"
    }
    assert {(owner, name) for kind, owner, name in found if kind == "m"} == {
        ("openstock_maint", "openstock_core.current_stock")
    }


def test_roles_cannot_log_in_and_have_no_powers(db: psycopg.Connection) -> None:
    found = db.execute(
        "select rolname from pg_roles where rolname = any (%s) and not "
        "(rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
        [[*OWNERS, *GROUPS]],
    ).fetchall()
    assert {name for (name,) in found} == {*OWNERS, *GROUPS}


def test_the_owning_roles_have_no_members_that_are_not_superusers(db: psycopg.Connection) -> None:
    found = db.execute(
        "select m.member::regrole::text, m.roleid::regrole::text "
        "from pg_auth_members m join pg_roles r on r.oid = m.member "
        "where m.roleid::regrole::text = any (%s) and not r.rolsuper",
        [list(OWNERS)],
    ).fetchall()
    assert found == []


def test_public_may_do_nothing(db: psycopg.Connection) -> None:
    functions = rows(
        db,
        """
        select p.oid::regprocedure::text
        from pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
        where p.pronamespace::regnamespace::text = any (%s) and a.grantee = 0""",
    )
    relations = rows(
        db,
        """
        select c.oid::regclass::text from pg_class c cross join lateral aclexplode(c.relacl) as a
        where c.relnamespace::regnamespace::text = any (%s) and a.grantee = 0""",
    )
    schemas = rows(
        db,
        "select n.nspname from pg_namespace n cross join lateral aclexplode(n.nspacl) as a "
        "where n.nspname = any (%s) and a.grantee = 0",
    )
    assert (functions, relations, schemas) == ([], [], [])


def test_group_roles_have_nothing_in_the_private_schema(db: psycopg.Connection) -> None:
    found = db.execute(
        """
        with grants as (
          select nspacl as acl from pg_namespace where nspname = 'openstock_core' union all
          select relacl from pg_class where relnamespace = 'openstock_core'::regnamespace union all
          select proacl from pg_proc where pronamespace = 'openstock_core'::regnamespace union all
          select attacl from pg_attribute a join pg_class c on c.oid = a.attrelid
          where c.relnamespace = 'openstock_core'::regnamespace)
        select distinct a.grantee::regrole::text from grants cross join lateral aclexplode(acl) as a
        """
    ).fetchall()
    assert {name for (name,) in found} == set(OWNERS)


def test_maintenance_may_change_projections_and_tenancy_and_of_master_data_a_products_time(
    db: psycopg.Connection,
) -> None:
    """Rebuild, which makes a level, rewrites its product's row with it."""
    tables = rows(
        db,
        """
        select distinct c.relname::text from pg_class c cross join lateral aclexplode(c.relacl) as a
        where c.relnamespace::regnamespace::text = any (%s) and a.grantee = 'openstock_maint'::regrole
        and c.relowner <> a.grantee and a.privilege_type <> 'SELECT' order by 1""",
    )
    single_columns = rows(
        db,
        """
        select c.relname::text, t.attname::text, a.privilege_type
        from pg_attribute t join pg_class c on c.oid = t.attrelid cross join lateral aclexplode(t.attacl) as a
        where c.relnamespace::regnamespace::text = any (%s)""",
    )
    assert tables == [
        "allocation",
        "backlog",
        "backorder",
        "reservation",
        "reservation_line",
        "serial_unit",
        "snapshot",
        "stock_bin",
        "stock_level",
        "tenant",
        "tenant_login",
        "trusted_login",
    ]
    assert single_columns == [("product", "updated_at", "UPDATE")]


def test_partitions_are_not_granted(db: psycopg.Connection) -> None:
    db.execute("select openstock_admin.ensure_partitions(13)")
    found = rows(
        db,
        """
        select c.oid::regclass::text, a.grantee::regrole::text
        from pg_class c cross join lateral aclexplode(c.relacl) as a
        where c.relnamespace::regnamespace::text = any (%s) and c.relispartition and a.grantee <> c.relowner""",
    )
    assert found == []


def test_each_group_calls_and_reads_its_own_schemas(db: psycopg.Connection) -> None:
    found = rows(
        db,
        """
        with mine as (select unnest(%s::text[])::regnamespace as oid), granted as (
          select a.grantee, p.pronamespace::regnamespace::text as schema, a.privilege_type
          from pg_proc p cross join lateral aclexplode(p.proacl) as a
          where p.pronamespace in (select oid from mine) union
          select a.grantee, c.relnamespace::regnamespace::text, a.privilege_type
          from pg_class c cross join lateral aclexplode(c.relacl) as a where c.relnamespace in (select oid from mine))
        select grantee::regrole::text, schema, privilege_type from granted
        where grantee::regrole::text in ('openstock_app', 'openstock_analyst', 'openstock_operator')""",
    )
    assert set(found) == {
        ("openstock_app", "openstock", "EXECUTE"),
        ("openstock_app", "openstock", "SELECT"),
        ("openstock_analyst", "openstock", "EXECUTE"),
        ("openstock_analyst", "openstock", "SELECT"),
        ("openstock_analyst", "openstock_dw", "SELECT"),
        ("openstock_operator", "openstock", "EXECUTE"),
        ("openstock_operator", "openstock", "SELECT"),
        ("openstock_operator", "openstock_admin", "EXECUTE"),
        ("openstock_operator", "openstock_admin", "SELECT"),
        ("openstock_operator", "openstock_dw", "SELECT"),
    }


def test_only_applications_may_call_what_writes(db: psycopg.Connection) -> None:
    found = rows(
        db,
        """
        select p.proname, array_agg(a.grantee::regrole::text) filter (where a.grantee <> p.proowner)
        from pg_proc p cross join lateral aclexplode(p.proacl) as a
        where p.pronamespace::regnamespace::text = any (%s) and p.proargnames[1] = 'op_id'
        and p.pronamespace = 'openstock'::regnamespace group by p.proname""",
    )
    assert len(found) == 24
    assert {tuple(grantees) for _, grantees in found} == {("openstock_app",)}


def test_every_definer_function_pins_its_search_path(db: psycopg.Connection) -> None:
    loose = rows(
        db,
        """
        select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace::regnamespace::text = any (%s) and p.prosecdef
        and not coalesce(p.proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']""",
    )
    assert loose == []


def test_so_does_everything_in_plpgsql(db: psycopg.Connection) -> None:
    """Except the procedures that commit, which PostgreSQL does not allow to set anything."""
    loose = rows(
        db,
        """
        select p.oid::regprocedure::text from pg_proc p join pg_language l on l.oid = p.prolang
        where p.pronamespace::regnamespace::text = any (%s) and l.lanname = 'plpgsql'
        and not coalesce(p.proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']""",
    )
    assert [name.split("(")[0] for name in loose] == ["openstock.reserve_now", "openstock_admin.run_maintenance"]


def test_what_runs_without_a_search_path_was_parsed_when_it_was_made(db: psycopg.Connection) -> None:
    loose = rows(
        db,
        """
        select p.oid::regprocedure::text from pg_proc p join pg_language l on l.oid = p.prolang
        where p.pronamespace::regnamespace::text = any (%s) and l.lanname = 'sql' and p.prosqlbody is null""",
    )
    assert loose == []


def test_what_the_tables_owner_does_for_others_is_known(db: psycopg.Connection) -> None:
    """Row-level security is forced on it too, yet what runs as it is kept to what needs it."""
    found = rows(
        db,
        """
        select p.oid::regproc::text from pg_proc p where p.pronamespace::regnamespace::text = any (%s)
        and p.prosecdef and p.proowner = 'openstock_owner'::regrole order by 1""",
    )
    assert found == [
        "openstock.schema_version",
        "openstock_admin.analyze_tables",
        "openstock_admin.ensure_partitions",
    ]


def test_every_view_is_a_security_barrier(db: psycopg.Connection) -> None:
    open_views = rows(
        db,
        """
        select c.oid::regclass::text from pg_class c
        where c.relnamespace::regnamespace::text = any (%s) and c.relkind = 'v'
        and not coalesce(c.reloptions, '{}') && array['security_barrier=true', 'security_barrier'] order by 1""",
    )
    assert open_views == ["openstock.error_codes"], "which holds constants only"

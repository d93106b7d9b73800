"""Row-level security on every table and partition, and the tenant first in every key."""

from __future__ import annotations

import psycopg

from .catalogue import rows

# What belongs to the installation and not to a tenant.
SHARED = {
    "openstock_core.migration": "what was installed in this database",
    "openstock_core.snapshot": "when a materialized view of all tenants was refreshed",
    "openstock_core.trusted_login": "logins that may name any tenant",
}

TABLES = "c.relnamespace::regnamespace::text = any (%s) and c.relkind in ('r', 'p')"


def test_every_table_and_partition_has_forced_row_level_security_and_a_policy(db: psycopg.Connection) -> None:
    db.execute("select openstock_admin.ensure_partitions(18)")
    found = rows(
        db,
        f"""
        select c.oid::regclass::text, c.relrowsecurity and c.relforcerowsecurity,
               (select count(*) from pg_policy p where p.polrelid = c.oid) > 0
        from pg_class c where {TABLES}""",
    )
    assert len(found) >= 35
    assert [table for table, forced, policy in found if not (forced and policy)] == []


def test_every_tenant_table_has_the_same_two_policies(db: psycopg.Connection) -> None:
    context = "( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS \"nullif\")"
    mine = f"(tenant_id = {context})"
    found = rows(
        db,
        f"""
        select c.oid::regclass::text, array_agg((p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[]::text,
               regexp_replace(pg_get_expr(p.polqual, p.polrelid), '[[:space:]]+', ' ', 'g'),
               regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '[[:space:]]+', ' ', 'g'))::text order by p.polname)
        from pg_class c left join pg_policy p on p.polrelid = c.oid
        where {TABLES} and c.oid::regclass::text <> all (%s) group by c.oid""",
        list(SHARED),
    )
    assert len(found) > 25
    policies = {
        tuple(text.replace('""', '"').replace(mine, "MINE").replace('"MINE"', "MINE") for text in one)
        for _, one in found
    }
    assert policies == {
        ("(maintenance,*,t,{openstock_maint},true,true)", "(tenant_isolation,*,t,{openstock_api},MINE,MINE)"),
    }


def test_every_tenant_table_names_its_tenant_first(db: psycopg.Connection) -> None:
    found = rows(
        db,
        f"""
        select c.oid::regclass::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
        where {TABLES} and (a.attname <> 'tenant_id' or a.atttypid <> 'uuid'::regtype or not a.attnotnull)""",
    )
    assert set(found) == set(SHARED)


def test_every_key_begins_with_the_tenant(db: psycopg.Connection) -> None:
    found = rows(
        db,
        """
        select k.conrelid::regclass::text, k.conname
        from pg_constraint k
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
        left join pg_attribute f on f.attrelid = k.confrelid and f.attnum = k.confkey[1]
        where k.connamespace::regnamespace::text = any (%s) and k.contype in ('p', 'u', 'f')
        and (a.attname <> 'tenant_id' or f.attname <> 'tenant_id')""",
    )
    assert {table for table, _ in found} == set(SHARED)


def test_every_index_that_serves_a_call_begins_with_the_tenant(db: psycopg.Connection) -> None:
    """GIN serves search_products, which filters by tenant itself; BRIN serves no call but a look at a time range."""
    found = rows(
        db,
        """
        select c.oid::regclass::text
        from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where c.relnamespace::regnamespace::text = any (%s) and m.amname = 'btree'
        and a.attname is distinct from 'tenant_id'""",
    )
    assert set(found) == {table + "_pkey" for table in SHARED}


def test_the_ledger_has_no_foreign_keys_and_no_default_partition(db: psycopg.Connection) -> None:
    query = "select conname from pg_constraint where conrelid = 'openstock_core.ledger'::regclass and contype = 'f'"
    assert db.execute(query).fetchall() == []
    query = "select partdefid from pg_partitioned_table where partrelid = 'openstock_core.ledger'::regclass"
    assert db.execute(query).fetchone() == (0,)


def test_every_ledger_table_refuses_changes_also_for_replicas(db: psycopg.Connection) -> None:
    db.execute("select openstock_admin.ensure_partitions(18)")
    found = db.execute(
        "select array_agg(t.tgname::text order by t.tgname), bool_and(t.tgenabled = 'A') "
        "from (select 'openstock_core.ledger'::regclass as oid union all "
        "select inhrelid from pg_inherits where inhparent = 'openstock_core.ledger'::regclass) as l "
        "left join pg_trigger t on t.tgrelid = l.oid group by l.oid"
    ).fetchall()
    assert len(found) == 20
    assert {(tuple(names), always) for names, always in found} == {
        (("append_only", "ledger_rows_are_append_only"), True)
    }

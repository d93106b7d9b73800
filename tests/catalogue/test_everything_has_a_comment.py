"""Who opens psql finds out with \\d+ and \\df+ what everything means."""

from __future__ import annotations

import psycopg
import pytest

from .catalogue import GROUPS, OWNERS, rows

WITHOUT_COMMENT = {
    "schemas": """
        select nspname from pg_namespace where nspname = any (%s) and obj_description(oid, 'pg_namespace') is null""",
    "tables, partitions, views, snapshots": """
        select oid::regclass::text from pg_class where relnamespace::regnamespace::text = any (%s)
        and relkind in ('r', 'p', 'v', 'm') and obj_description(oid, 'pg_class') is null""",
    "columns, also of the rows that public functions return": """
        select c.oid::regclass || '.' || a.attname
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace::regnamespace::text = any (%s)
        and (c.relkind in ('r', 'p', 'v', 'm') or c.relkind = 'c' and c.relnamespace <> 'openstock_core'::regnamespace)
        and col_description(c.oid, a.attnum) is null""",
    "indexes, except those of a constraint, which its name explains": """
        select c.oid::regclass::text from pg_class c where c.relnamespace::regnamespace::text = any (%s)
        and c.relkind in ('i', 'I') and obj_description(c.oid, 'pg_class') is null
        and not exists (select from pg_constraint k where k.conindid = c.oid and k.contype in ('p', 'u'))""",
    "sequences, except those of an identity column": """
        select c.oid::regclass::text from pg_class c where c.relnamespace::regnamespace::text = any (%s)
        and c.relkind = 'S' and obj_description(c.oid, 'pg_class') is null
        and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'i')""",
    "types": """
        select t.oid::regtype::text from pg_type t left join pg_class c on c.oid = t.typrelid
        where t.typnamespace::regnamespace::text = any (%s) and (t.typtype in ('d', 'e') or c.relkind = 'c')
        and obj_description(t.oid, 'pg_type') is null""",
    "functions and procedures": """
        select oid::regprocedure::text from pg_proc where pronamespace::regnamespace::text = any (%s)
        and obj_description(oid, 'pg_proc') is null""",
    "triggers, except those that partitions inherit": """
        select t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace::regnamespace::text = any (%s) and not t.tgisinternal and t.tgparentid = 0
        and obj_description(t.oid, 'pg_trigger') is null""",
}


@pytest.mark.parametrize("what", WITHOUT_COMMENT)
def test_comments_are_there(db: psycopg.Connection, what: str) -> None:
    db.execute("select openstock_admin.ensure_partitions(13)")
    assert rows(db, WITHOUT_COMMENT[what]) == []


def test_roles_have_comments(db: psycopg.Connection) -> None:
    query = "select rolname from pg_roles where rolname = any (%s) and shobj_description(oid, 'pg_authid') is not null"
    found = db.execute(query, [[*OWNERS, *GROUPS]]).fetchall()
    assert {name for (name,) in found} == {*OWNERS, *GROUPS}


def test_comments_are_sentences(db: psycopg.Connection) -> None:
    found = rows(
        db,
        """
        select d.description from pg_description d
        where d.classoid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)
        and coalesce((select relnamespace from pg_class where oid = d.objoid and d.classoid = 'pg_class'::regclass),
                     (select pronamespace from pg_proc where oid = d.objoid and d.classoid = 'pg_proc'::regclass),
                     (select typnamespace from pg_type where oid = d.objoid and d.classoid = 'pg_type'::regclass),
                     d.objoid)::regnamespace::text = any (%s)""",
    )
    assert len(found) > 300
    assert [text for text in found if not text.endswith(".")] == []


def test_a_public_functions_comment_names_its_errors(db: psycopg.Connection) -> None:
    """Every function that takes a tenant can fail, and its comment says how."""
    silent = rows(
        db,
        """
        select p.proname from pg_proc p where p.pronamespace::regnamespace::text = any (%s)
        and p.pronamespace <> 'openstock_core'::regnamespace and 'tenant' = any (p.proargnames)
        and obj_description(p.oid, 'pg_proc') !~ 'Errors: '""",
    )
    assert silent == []

"""One name, one thing, one file; constraints named table_fact; arguments and results in public words only."""

from __future__ import annotations

import re

import psycopg

from tests.support import READS

from .catalogue import rows, sources


def test_no_function_is_overloaded(db: psycopg.Connection) -> None:
    twice = rows(
        db,
        """
        select p.pronamespace::regnamespace || '.' || p.proname from pg_proc p
        where p.pronamespace::regnamespace::text = any (%s) group by p.pronamespace, p.proname having count(*) > 1""",
    )
    assert twice == []


def test_each_function_has_a_file_of_its_name_and_each_file_its_function(db: psycopg.Connection) -> None:
    functions = rows(
        db,
        """
        select p.pronamespace::regnamespace || '/' || p.proname from pg_proc p
        where p.pronamespace::regnamespace::text = any (%s)""",
    )
    files = {
        path.removeprefix("functions/").removesuffix(".sql") for path in sources() if path.startswith("functions/")
    }
    assert set(functions) == files


def test_each_view_has_a_file_of_its_name_and_each_file_its_view(db: psycopg.Connection) -> None:
    views = rows(
        db,
        """
        select c.relnamespace::regnamespace || '/' || c.relname from pg_class c
        where c.relnamespace::regnamespace::text = any (%s) and c.relkind = 'v'""",
    )
    files = {path.removeprefix("views/").removesuffix(".sql") for path in sources() if path.startswith("views/")}
    assert set(views) == files


def test_each_file_makes_one_function_or_view_and_the_table_of_contents_names_it() -> None:
    everything = sources()
    for path, text in everything.items():
        if path.startswith(("functions/", "views/")):
            name = path.split("/", 1)[1].removesuffix(".sql").replace("/", ".")
            made = re.findall(r"(?m)^create or replace (?:function|procedure|view) ([a-z_.]+)", text)
            assert made == [name], path
        if "/" in path:
            assert everything["install.sql"].count(f"\\ir {path}\n") == 1, path


def test_constraints_begin_with_the_name_of_their_table_or_domain(db: psycopg.Connection) -> None:
    odd = rows(
        db,
        r"""
        select coalesce(c.relname, t.typname), k.conname from pg_constraint k
        left join pg_class c on c.oid = k.conrelid left join pg_type t on t.oid = k.contypid
        where k.connamespace::regnamespace::text = any (%s)
        and k.conname !~ ('^' || regexp_replace(coalesce(c.relname, t.typname), '^(ledger|ledger_serial)_[0-9_]+$', '\1')
                          || '_[a-z0-9_]+$')""",
    )
    assert odd == []


def test_no_constraint_was_left_to_postgresql_to_name(db: psycopg.Connection) -> None:
    """Its names end in _check, _key and _fkey; _pkey and _not_null say the fact as well as we could."""
    unnamed = rows(
        db,
        r"""
        select k.conname from pg_constraint k where k.connamespace::regnamespace::text = any (%s)
        and k.contype in ('c', 'u', 'f', 'x') and k.conname ~ '_(check|key|fkey|excl)[0-9]*$'""",
    )
    assert unnamed == []


def test_what_writes_begins_with_an_op_id_and_ends_with_an_optional_tenant(db: psycopg.Connection) -> None:
    found = rows(
        db,
        """
        select p.proname, p.proargnames[1:p.pronargs], pg_get_function_arguments(p.oid) from pg_proc p
        where p.pronamespace::regnamespace::text = any (%s) and p.pronamespace = 'openstock'::regnamespace
        and p.pronargs > 0""",
    )
    assert {name for name, *_ in found if name not in ("act_for", *READS)} == {
        name for name, arguments, _ in found if arguments[0] == "op_id"
    }
    assert [name for name, _, text in found if not text.endswith("tenant uuid DEFAULT NULL::uuid")] == []
    assert [
        name for name, arguments, _ in found if any(argument.startswith(("p_", "_", "in_")) for argument in arguments)
    ] == []


def test_nothing_internal_shows_in_public_arguments_results_and_columns(db: psycopg.Connection) -> None:
    functions = rows(
        db,
        """
        select p.proname, t.oid::regtype::text from pg_proc p
        cross join lateral unnest(
          array_append(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.prorettype)) as u (oid)
        join pg_type t on t.oid = u.oid
        where p.pronamespace::regnamespace::text = any (%s) and p.pronamespace <> 'openstock_core'::regnamespace
        and t.typnamespace = 'openstock_core'::regnamespace""",
    )
    columns = rows(
        db,
        """
        select c.oid::regclass || '.' || a.attname from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 join pg_type t on t.oid = a.atttypid
        where c.relnamespace::regnamespace::text = any (%s) and c.relnamespace <> 'openstock_core'::regnamespace
        and (t.typnamespace = 'openstock_core'::regnamespace
             or a.attname ~ '_id$' and a.attname not in ('tenant_id', 'entry_id', 'op_id'))""",
    )
    assert (functions, columns) == ([], [])


def test_each_file_says_first_what_it_is_for_and_sets_the_role_that_is_to_own_it() -> None:
    for path, text in sources().items():
        assert text.startswith("-- "), path
        if path.startswith(("functions/", "views/")):
            assert re.search(r"(?m)^set local role openstock_(owner|api|maint);$", text), path
            assert text.rstrip().endswith("reset role;"), path


def test_no_exception_is_caught_whatever_it_is() -> None:
    """But for upkeep, where one tenant's trouble must not be the others', and every error is told."""
    found = [path for path, text in sources().items() if re.search(r"when\s+others", text, re.IGNORECASE)]
    assert found == ["functions/openstock_admin/run_maintenance.sql"]

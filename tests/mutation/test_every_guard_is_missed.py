"""Take a lock, an order, a condition, a refusal or a CHECK out of the SQL, and a test of this suite fails.

`make test` takes one out of each function, view and table, `make soak` every one. Which test fails stands in killers.json; after
a change of the SQL or of the tests `python -m tests.mutation.find` looks for the ones that are missing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import psycopg
import pytest

from ..soak import Soak
from .mutations import KINDS, Definition, Mutation, definitions, mutations, of_function, one_per_function
from .records import EQUIVALENT, read_killers
from .runner import Result, Task, run

SHARES = 2

FOUND = mutations()
TESTED = [mutation for name, mutation in FOUND.items() if name not in EQUIVALENT]
KILLERS = read_killers()


@pytest.fixture
def server(db: object, dsn: str) -> str:
    """The server that this run of the tests uses."""
    return dsn


def survivors(wanted: Sequence[Mutation], dsn: str, processes: int = 1) -> list[str]:
    """Try these on their killers; a line about each that nothing noticed, or that could not be tried."""
    unknown = [f"{mutation.name}: no test is known to notice it" for mutation in wanted if mutation.name not in KILLERS]
    tasks = [Task(m.name, m.statement, [KILLERS[m.name]]) for m in wanted if m.name in KILLERS]
    return unknown + [told(result) for result in run(tasks, dsn, processes) if not result.killer]


def told(result: Result) -> str:
    return f"{result.name}: {result.problem or 'survives the test in killers.json'}"


def report(left: Sequence[str]) -> str:
    return "\n".join([*left, "run python -m tests.mutation.find, and write a test for what it does not find one for"])


@pytest.mark.parametrize("share", range(SHARES))
def test_without_one_guard_of_a_function_a_test_fails(server: str, share: int) -> None:
    """Of functions for which no test is known yet, `make soak` tells."""
    noticed = one_per_function([mutation for mutation in TESTED if mutation.name in KILLERS])
    left = survivors(noticed[share::SHARES], server)
    assert not left, report(left)


@pytest.mark.soak
def test_without_any_one_guard_a_test_fails(server: str, soak: Soak) -> None:
    stale = [f"{name}: in killers.json, and no mutation" for name in KILLERS if name not in FOUND]
    stale += [f"{name}: in killers.json, and equivalent" for name in KILLERS if name in EQUIVALENT]
    left = stale + survivors(TESTED, server, processes=os.cpu_count() or 1)
    assert not left, report(left)
    soak.tell({"guards taken out, one at a time, and noticed": len(TESTED), "that make no difference, each with its reason": len(EQUIVALENT)})


@pytest.mark.soak
def test_with_every_guard_in_place_these_tests_pass(server: str, soak: Soak) -> None:
    tests = sorted(set(KILLERS.values()))
    [untouched] = run([Task("nothing", "select 1", tests, seconds=3600)], server)
    assert (untouched.killer, untouched.problem, untouched.ran) == (None, None, len(tests))
    soak.tell({"tests that notice them, and pass with every guard in place": len(tests)})


def test_no_equivalent_mutation_is_listed_that_is_none() -> None:
    assert sorted(set(EQUIVALENT) - set(FOUND)) == [], "take it out of EQUIVALENT"


def test_a_mutation_that_changes_nothing_survives(server: str) -> None:
    lock_bins = next(d for d in definitions() if d.name == "openstock_core.lock_bins")
    name = "openstock_core.lock_bins: for no key update"
    killer = KILLERS[name]
    commented = lock_bins.statement.replace("begin\n", "begin\n  -- Every lock is taken.\n", 1)
    harmless, harmful, refused, untested = run(
        [
            Task("a comment", commented, [killer]),
            Task(name, FOUND[name].statement, [killer]),
            Task("no SQL", "create or replace nothing", [killer]),
            Task("no test", FOUND[name].statement, ["tests/mutation/test_nowhere.py::test_nothing"]),
        ],
        server,
    )
    assert (harmless.killer, harmless.problem, harmless.ran) == (None, None, 1)
    assert (harmful.killer, harmful.problem) == (killer, None)
    assert refused.killer is None
    assert "PostgreSQL refuses it" in (refused.problem or "")
    assert (untested.killer, untested.ran) == (None, 0)
    assert "no test" in (untested.problem or "")


EXAMPLE = """create or replace function openstock_core.example(tenant uuid) returns void
language plpgsql
as $$
begin
  perform from openstock_core.stock_bin b
  where b.tenant_id = tenant and b.bin_id between 1 and 9 and (b.on_hand > 0 or b.blocked) -- and here not
    and b.status = case when true and true then 'a' else 'where order by' end
  order by b.bin_id, coalesce(b.lot_id, 1) desc
  for no key update of b skip locked;
  if exists (select from openstock_core.lot l where l.tenant_id = tenant or l.lot_id = 1) then
    perform openstock_core.fail('OS001', jsonb_build_object('a', (select 1)));
  end if;
  perform openstock_core.lock_bins(tenant, array(select 1 order by 1 limit 1));
end
$$;
"""


def test_each_clause_is_taken_out_alone() -> None:
    found = list(of_function(Definition("openstock_core.example", "openstock_owner", EXAMPLE), {"openstock_api"}))
    assert [(m.kind, m.clause) for m in found] == [
        ("condition", "where b.bin_id between 1 and 9"),
        ("condition", "where (b.on_hand > 0 or b.blocked)"),
        ("condition", "where b.status = case when true and true then 'a' else 'where order by' end"),
        ("order", "order by b.bin_id, coalesce(b.lot_id, 1) desc"),
        ("lock", "for no key update of b skip locked"),
        ("wait", "waits: for no key update of b skip locked"),
        ("condition", "where l.tenant_id = tenant or l.lot_id = 1"),
        ("refusal", "perform openstock_core.fail('OS001', jsonb_build_object('a', (select 1)))"),
        ("locking call", "perform openstock_core.lock_bins(tenant, array(select 1 order by 1 limit 1))"),
        ("order", "order by 1"),
    ]
    changed = {m.clause: m.statement for m in found}
    assert "between 1 and 9 and true -- and here not\n    and b.status" in changed["where (b.on_hand > 0 or b.blocked)"]
    assert "order by b.bin_id desc nulls first, coalesce(b.lot_id, 1) asc nulls last\n  for" in changed["order by b.bin_id, coalesce(b.lot_id, 1) desc"]
    assert "desc\n  for no key update of b ;" in changed["waits: for no key update of b skip locked"]
    assert "then\n    null;\n" in changed["perform openstock_core.fail('OS001', jsonb_build_object('a', (select 1)))"]
    assert "where true) then" in changed["where l.tenant_id = tenant or l.lot_id = 1"]


def test_views_are_asked_too_but_for_those_that_show_all() -> None:
    asked = {mutation.function for mutation in FOUND.values()}
    assert [view.name for view in definitions(of="views") if view.name not in asked] == ["openstock.error_codes"]


def test_a_view_that_a_guard_is_taken_out_of_is_still_its_owners_and_shown_to_the_same(db: psycopg.Connection) -> None:
    views = {view.name for view in definitions(of="views")}
    query = "select c.oid::regclass::text, c.relowner, c.relacl, c.reloptions from pg_class c where c.oid = any (%s::regclass[]) order by 1"
    before = db.execute(query, [list(views)]).fetchall()
    for mutation in FOUND.values():
        if mutation.function in views:
            db.execute(mutation.statement)
    assert db.execute(query, [list(views)]).fetchall() == before


def test_every_kind_of_guard_is_found_in_the_sql() -> None:
    assert {mutation.kind for mutation in FOUND.values()} == set(KINDS)
    assert len(one_per_function(TESTED)) > 90

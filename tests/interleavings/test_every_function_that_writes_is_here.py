"""The table of scenarios knows every function that writes, and the pause points stand before all that they do."""

from __future__ import annotations

import re

import psycopg
import pytest

from .pause_points import FUNCTIONS, statements
from .scenarios import SCENARIOS
from .stage import Stage

WRITERS = """
    select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'openstock' and p.prokind = 'f' and 'op_id' = any (p.proargnames)
"""
WRITES_OR_LOCKS = re.compile(
    r"\b(insert into|update|delete from)\s+openstock_core\.|\bfor (no key update|update|share|key share)\b|\bpg_advisory_xact_lock", re.IGNORECASE
)
# What a call does only because of another: begin_operation reads a twin's answer, lock_holds looks for why nothing is held any more, and
# plan_shipment for the lines that bins cannot give.
ONLY_WITH_ANOTHER = {
    "openstock_core.begin_operation, 3",
    "openstock_core.lock_holds, 3",
    "openstock_core.plan_shipment, 2",
    "openstock_core.refuse_stale_shortage, 2",
}


def test_each_function_that_writes_has_a_scenario(db: psycopg.Connection) -> None:
    writers = {name for (name,) in db.execute(WRITERS).fetchall()}
    assert writers == {scenario.function for scenario in SCENARIOS if scenario.public}


def test_names_of_scenarios_are_unique() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


def test_each_function_that_writes_or_locks_has_pause_points(db: psycopg.Connection, stage: Stage) -> None:
    functions = db.execute(FUNCTIONS).fetchall()
    writing = {name for name, _, body, plpgsql in functions if plpgsql and WRITES_OR_LOCKS.search(body)}
    assert writing
    assert writing <= stage.places.keys()


def test_scenarios_reach_each_statement_of_the_functions_that_they_reach(stage: Stage) -> None:
    reached = {place for scenario in SCENARIOS for place in stage.path(scenario, stage.template(scenario))}
    functions = {place.split(", ")[0] for place in reached}
    missed = {place for name, places in stage.places.items() if name in functions for place in places} - reached
    assert missed == ONLY_WITH_ANOTHER


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("begin a := 1; b := 2; end", ["a := 1", "b := 2"]),
        ("declare x int := 1; y int := f(x); begin perform f(';'); -- no; not this\nend", ["x int := 1 ;", "y int := f ( x ) ;", "perform f ( '' )"]),
        ("begin if case when a then b end then c; elsif d then e; else f; end if; end", ["if case when a then b end", "c", "elsif d", "e", "f"]),
        ("begin for i in 1 .. 2 loop exit when x; end loop; g; end", ["for i in 1 .. 2", "exit when x", "g"]),
        ("begin begin a; exception when sqlstate 'X' then b; end; c; end", ["a", "when sqlstate ''", "b", "c"]),
        ("begin case x when 1 then a; else b; end case; c; end", ["case x", "when 1", "a", "b", "c"]),
        ("begin return query with a as (select case when b then 1 else 2 end) select $x$;$x$; end",
         ["return query with a as ( select case when b then 1 else 2 end ) select ''"]),
    ],
)  # fmt: skip
def test_statements_are_told_apart(body: str, found: list[str]) -> None:
    assert [statement.code for statement in statements(body)] == found


def test_a_point_stands_before_what_is_no_statement() -> None:
    body = "declare x int := (select 1); begin if a then b; elsif x = 1 or c then d; end if; end"
    assert [(body[s.start :].split()[0], s.kind) for s in statements(body)] == [
        ("x", "declaration"), ("if", "statement"), ("b;", "statement"), ("x", "elsif"), ("d;", "statement")]  # fmt: skip


def test_a_label_is_not_understood() -> None:
    with pytest.raises(ValueError, match="not understood"):
        list(statements("begin <<again>> loop a; end loop; end"))

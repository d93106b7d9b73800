"""PostgreSQL pushes a condition beside a subquery that locks below the lock: the rows that it leaves out stay unlocked, unlike what one reads."""

from __future__ import annotations

import re

from tests.mutation.mutations import definitions

# Aggregates, limits and array(...) keep conditions out; so it is the query around the subquery that must have none.
LOCKS = re.compile(r"\bfor (?:no key )?(?:update|share)(?: of \w+)?(?: skip locked)?\s*\)\s*as \w+\s*(where|join|cross|left|,)", re.IGNORECASE)


def test_no_condition_stands_beside_a_subquery_that_locks() -> None:
    assert [function.name for function in definitions() if LOCKS.search(re.sub(r"--[^\n]*", "", function.statement))] == []


def test_such_a_condition_is_found() -> None:
    query = "select from (select from openstock_core.backlog g where g.tenant_id = tenant\n for no key update of g skip locked) as g\n where g.x"
    assert LOCKS.search(query)

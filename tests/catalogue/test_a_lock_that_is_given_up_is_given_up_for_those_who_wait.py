"""Who waits for a lock of a subtransaction within another waits for the whole transaction as soon as the inner one ends well, even if the outer one is rolled
back and gives the lock up; and keeps its place in the queue for the row before the transaction itself, which can so deadlock with somebody who waits for it.
So no block that may be rolled back calls, before something else is locked, what has such a block."""

from __future__ import annotations

import re

from tests.mutation.mutations import definitions

FUNCTIONS = {function.name: function for function in definitions()}
BLOCK = re.compile(r"\bbegin\b(?:(?!\bbegin\b).)*?\bexception when\b", re.DOTALL)
# Locks nothing.
HARMLESS = {"openstock_core.is_date"}
# Where a step fails, the transaction is committed before anything else is locked.
COMMITTED = {"openstock_admin.run_maintenance"}


def blocks(statement: str) -> list[str]:
    """The blocks of a function that an error may roll back."""
    return BLOCK.findall(re.sub(r"--[^\n]*", "", statement))


def reached(text: str) -> set[str]:
    """All functions that are called in a text, and by these."""
    found: set[str] = set()
    left = [name for name in FUNCTIONS if f"{name}(" in text]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(FUNCTIONS[name].calls & FUNCTIONS.keys())
    return found


ROLLED_BACK = {name for name, function in FUNCTIONS.items() if blocks(function.statement)} - HARMLESS


def test_no_subtransaction_that_locks_is_within_another() -> None:
    nested = {
        (name, inner)
        for name in ROLLED_BACK - COMMITTED
        for block in blocks(FUNCTIONS[name].statement)
        for inner in reached(block) & ROLLED_BACK
    }
    assert nested == set()


def test_subtransactions_are_found() -> None:
    assert {"openstock_core.find_picks_of_orders", "openstock_core.find_stock", "openstock_core.amend_order"} <= ROLLED_BACK
    assert "openstock_core.lock_due_holds" in reached("openstock_core.find_stock(")

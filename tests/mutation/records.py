"""What is known of mutations: killers.json, which `python -m tests.mutation.find` writes, and equivalents, which people write."""

from __future__ import annotations

import json
from pathlib import Path

KILLERS = Path(__file__).with_name("killers.json")

# Mutations that no caller can tell from the original, each with the reason. This list is the honest part: what is here is
# not tested, so a reason has to say why there is nothing to test.
EQUIVALENT: dict[str, str] = {
}


def read_killers() -> dict[str, str]:
    """The test that fails with each mutation, by the mutation's name."""
    if not KILLERS.exists():
        return {}
    by_function: dict[str, dict[str, str]] = json.loads(KILLERS.read_text(encoding="utf-8"))
    return {f"{function}: {clause}": test for function, clauses in by_function.items() for clause, test in clauses.items()}


def write_killers(killers: dict[str, str]) -> None:
    """Write them by function."""
    by_function: dict[str, dict[str, str]] = {}
    for name, test in killers.items():
        function, clause = name.split(": ", 1)
        by_function.setdefault(function, {})[clause] = test
    KILLERS.write_text(json.dumps(by_function, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

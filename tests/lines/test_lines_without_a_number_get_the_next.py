"""Lines that the caller did not number come after the highest number given, so that each answer row tells its line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Shop

CALLS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("receive", {}, {}),
    ("adjust", {"reason": "found"}, {}),
    ("move", {}, {"to": "A-1"}),
]
each_call = pytest.mark.parametrize(("function", "arguments", "keys"), CALLS, ids=[call[0] for call in CALLS])


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """Nine of each."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 9}, {"sku": "RICE", "qty": 9}, {"sku": "MILK", "qty": 9, "lot": "L1"}])
    return shop


@each_call
@pytest.mark.parametrize(
    ("given", "answered"),
    [((None, None, None), [1, 2, 3]), ((None, 2, None), [3, 2, 4]), ((7, None, None), [7, 8, 9]), ((3, 2, 1), [3, 2, 1])],
)
def test_each_line_has_a_number_of_its_own(
    stocked: Shop, function: str, arguments: dict[str, Any], keys: dict[str, Any], given: tuple[int | None, ...], answered: list[int]
) -> None:
    what: list[dict[str, Any]] = [{"sku": "APPLE"}, {"sku": "RICE"}, {"sku": "MILK", "lot": "L1"}]
    lines = [w | keys | {"qty": 1} | ({"line": n} if n else {}) for w, n in zip(what, given, strict=True)]
    rows = getattr(stocked, function)("LON", lines, op_id="call", **arguments)
    assert list(dict.fromkeys(row["line"] for row in rows)) == answered
    assert {row["line"] for row in stocked.view("ledger", op_id="call")} == set(answered)

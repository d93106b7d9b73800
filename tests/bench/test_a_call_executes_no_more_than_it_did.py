"""Instructions that a backend executes for a call, as ratios: they do not depend on the machine's speed, its disk, or who else is at work.

The bounds leave room for other versions of PostgreSQL and other processors; what doubles does not fit in it.
"""

from __future__ import annotations

import pytest

from bench import instructions
from bench.databases import Cluster

from .conftest import SKUS


@pytest.fixture
def bare(cluster: Cluster, shop_copy: str) -> float:
    """Thousands of instructions of the bare function, which writes the rows of a one-line reserve and does nothing else."""
    try:
        return instructions.of_bare(cluster, shop_copy, calls=50)
    except instructions.CountError as why:
        pytest.skip(f"instructions are not counted here: {why}")


@pytest.mark.parametrize(("lines", "times"), [(1, 6), (5, 12), (100, 120)])
def test_a_reserve_of_plain_lines_is_no_large_multiple_of_the_bare_function(cluster: Cluster, shop_copy: str, bare: float, lines: int, times: int) -> None:
    assert bare > 0
    assert instructions.of_reserve(cluster, shop_copy, lines, calls=20, skus=SKUS) < times * bare


def test_a_process_that_is_not_there_is_not_counted() -> None:
    with pytest.raises(instructions.CountError), instructions.counter(2**22 - 1):
        pass

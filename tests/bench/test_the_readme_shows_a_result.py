"""The figures of the README are those of a result that is kept."""

from __future__ import annotations

import re
from pathlib import Path

from bench.report import put_into

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "bench" / "results"


def test_the_figures_of_the_readme_are_those_of_a_result() -> None:
    readme = (ROOT / "README.md").read_text()
    shown = re.findall(r"<!-- bench/results/(\S+) -->", readme)
    assert len(shown) == 1
    assert put_into(readme, RESULTS / shown[0]) == readme

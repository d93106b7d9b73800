"""The README's comparison has a test behind each cell of openstock's."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^## Compared with\n(.*?)(?=^## )", re.DOTALL | re.MULTILINE)
ANSWERS = ("yes", "no", "in part", "not found")


def compared() -> list[list[str]]:
    """The cells of each row: the property, openstock, the others."""
    [section] = SECTION.findall((ROOT / "README.md").read_text())
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table if not line.startswith("|---")]


def names_of_tests(path: Path) -> list[str]:
    """The test functions of a file."""
    return [
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def test_each_cell_of_openstock_links_to_tests() -> None:
    [titles, *properties] = compared()
    assert titles[1] == "openstock"
    assert len(properties) >= 10
    for row in properties:
        links = re.findall(r"\]\(([^)]*)\)", row[1])
        assert links, f"no test behind: {row[0]}"
        for link in links:
            assert re.fullmatch(r"tests/\w+/test_\w+\.py", link), link
            assert (ROOT / link).is_file(), f"{link} does not exist"
            assert names_of_tests(ROOT / link), f"{link} has no test"


def test_each_cell_of_the_others_begins_with_an_answer() -> None:
    [titles, *properties] = compared()
    for row in properties:
        assert len(row) == len(titles), row
        for cell in row[2:]:
            assert re.match(rf"({'|'.join(ANSWERS)})\b", cell), f"{row[0]}: {cell}"


def test_each_source_that_is_named_is_given_and_the_other_way_round() -> None:
    [section] = SECTION.findall((ROOT / "README.md").read_text())
    given = re.findall(r"^\[([\w-]+)\]: https://\S+$", section, re.MULTILINE)
    assert sorted(set(re.findall(r"\]\[([\w-]+)\]", section))) == sorted(given)

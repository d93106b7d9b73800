"""Help texts that could part ways with the code."""

from __future__ import annotations

import re
from pathlib import Path

from openstock.importer import FIELDS

from .conftest import Openstock

SOURCES = Path(__file__).resolve().parents[2] / "openstock"


def test_the_help_names_every_variable_that_the_program_reads(embedded: Openstock) -> None:
    said = embedded("--help")
    assert said.code == 0
    read = {
        name
        for path in SOURCES.rglob("*.py")
        for name in re.findall(r"\bOPENSTOCK_[A-Z_]+", path.read_text())
        if path.parent.name != "devtools"
    }
    assert set(re.findall(r"OPENSTOCK_[A-Z_]+", said.out)) == read
    assert "exit codes" in said.out


def test_the_help_of_import_names_every_field_and_what_a_row_must_have(embedded: Openstock) -> None:
    text = " ".join(embedded("import", "--help").out.partition("have first:")[2].split())
    for kind, following in [("products", " stock "), ("stock", " sales "), ("sales", " Running ")]:
        required, _, others = text.partition(f"{kind} ")[2].partition(following)[0].partition(";")
        named = set(re.findall(r"[a-z_]+", re.sub(r"\(.*?\)|attributes\.KEY", "", others)))
        assert set(required.split(", ")) == {name for name, field in FIELDS[kind].items() if field.required}
        assert named == {name for name, field in FIELDS[kind].items() if not field.required}


def test_the_help_of_psql_says_that_more_arguments_follow(embedded: Openstock) -> None:
    assert "[PSQL ARGUMENTS ...]" in embedded("psql", "--help").out

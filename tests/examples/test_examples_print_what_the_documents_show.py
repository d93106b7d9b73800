"""Every example is run, and prints what is committed beside it and quoted in the README."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from openstock.devtools import run_examples
from openstock.server import find_binaries, psql_path

NAMES = sorted(path.stem for path in run_examples.EXAMPLES.glob("*.sql"))


@pytest.fixture
def example_dsn(db: psycopg.Connection, dsn: str) -> str:
    if psql_path(find_binaries()) is None:
        pytest.skip("psql is not installed")
    db.execute("select openstock_admin.create_tenant('Example', %s)", [run_examples.TENANT])
    db.execute("select openstock_admin.grant_tenant(session_user, any_tenant => true)")
    return dsn


@pytest.mark.parametrize("name", NAMES)
def test_an_example_prints_its_committed_output(name: str, example_dsn: str) -> None:
    example = run_examples.EXAMPLES / f"{name}.sql"
    assert run_examples.run(example, example_dsn) == example.with_suffix(".out").read_text()


def test_the_readme_quotes_the_committed_output() -> None:
    quotes = run_examples.quoted((run_examples.ROOT / "README.md").read_text())
    assert "session" in quotes
    for name, text in quotes.items():
        assert text == Path(run_examples.EXAMPLES / f"{name}.out").read_text()

"""A stranger's first commands, in the order in which they are typed."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from openstock.server import Server, find_binaries, psql_path

from .conftest import Openstock


@pytest.fixture
def _psql() -> None:
    if psql_path(find_binaries()) is None:
        pytest.skip("psql is not installed")


@pytest.fixture
def up(embedded: Openstock) -> str:
    """The server runs; what `up` said."""
    done = embedded("up")
    assert done.code == 0, done.err
    return done.out


def test_it_starts_stops_keeps_its_databases_and_gives_them_up_when_told(embedded: Openstock, home: Path) -> None:
    assert embedded("down").code == 0
    assert not home.exists()

    assert embedded("up").code == 0
    first = Server(home).status().pid
    with psycopg.connect(Server(home).dsn("openstock")) as connection:
        connection.execute("select openstock_admin.create_tenant('Kept shop')")
    assert embedded("up").code == 0
    assert Server(home).status().pid == first  # left alone

    assert embedded("down").code == 0
    assert not Server(home).status().running
    assert "openstock up" in embedded("status").error()

    assert embedded("up").code == 0
    assert "Kept shop" in embedded("status").out

    assert "--yes" in embedded("down", "--delete").error()
    assert Server(home).status().running
    assert embedded("down", "--delete", "--yes").code == 0
    assert not home.exists()


def test_up_says_how_to_reach_it(up: str, home: Path) -> None:
    [dsn] = re.findall(r"postgresql://\S+", up)

    with psycopg.connect(dsn) as connection:
        assert connection.execute("select openstock.schema_version()").fetchone() is not None
    assert str(home) in up
    assert "psql" in up


@pytest.mark.usefixtures("up", "_psql")
def test_psql_opens_with_the_newest_tenant_or_the_one_that_is_named(embedded: Openstock) -> None:
    created = embedded("psql", "-Atc", "select openstock_admin.create_tenant('New shop')").out.strip()

    inside = embedded(
        "psql", "-At", stdin="select openstock.current_tenant();\nselect count(*) from openstock.stock;\n"
    )
    other = embedded("psql", "--tenant", "0197a000-0000-7000-8000-00000000000f", "-Atc", "show app.tenant_id")

    assert inside.out.split() == [created, "0"]
    assert other.out.strip() == "0197a000-0000-7000-8000-00000000000f"
    assert inside.err == ""
    assert "there is no tenant 0197a000-0000-7000-8000-00000000000f" in other.err  # which sees nothing


@pytest.mark.usefixtures("up", "_psql")
def test_psql_takes_its_own_options_and_passes_its_exit_code_on(embedded: Openstock) -> None:
    assert embedded("psql", "-v", "ON_ERROR_STOP=1", "-c", "select 1/0").code == 1
    assert embedded("psql", "--", "--version").out.startswith("psql (PostgreSQL)")


@pytest.mark.usefixtures("up")
def test_status_shows_everything_on_one_screen(embedded: Openstock, home: Path) -> None:
    status = embedded("status")

    assert status.code == 0
    assert len(status.out.splitlines()) < 24
    for word in ("PostgreSQL", str(home), "0001.baseline", "current", "12 months ahead", "tenants"):
        assert word in status.out


@pytest.mark.usefixtures("up")
def test_a_second_migration_has_nothing_to_do(embedded: Openstock) -> None:
    migrated = embedded("migrate")

    assert (migrated.code, migrated.err) == (0, "")
    assert "nothing to apply" in migrated.out

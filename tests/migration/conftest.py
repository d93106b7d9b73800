"""A private cluster for what no other test can stand: roles that come and go, kills, half-made databases.

`cluster` has no database and no role of openstock when a test begins. `small` is a schema of a few objects with the
layout of the repository's sql/, for the tests that change sources and files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openstock.server import Server, find_binaries, major_version, temporary_server

from .helpers import BINARIES, SECOND, SQL, Cluster, SmallSchema, sql_function


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[int], Server]]:
    """Starts a server of a major version on first use, and stops all at the end."""
    running: dict[int, tuple[Any, Server]] = {}

    def server(major: int) -> Server:
        if major not in running:
            # Autovacuum takes transaction ids, which a test counts.
            context = temporary_server(BINARIES[major], {"autovacuum": "off"})
            running[major] = (context, context.__enter__())
        return running[major][1]

    yield server
    for context, _ in running.values():
        context.__exit__(None, None, None)


def _clean(servers: Callable[[int], Server], major: int) -> Iterator[Cluster]:
    cluster = Cluster(servers(major), BINARIES[major], major)
    cluster.wipe()
    yield cluster
    cluster.wipe()


@pytest.fixture
def cluster(servers: Callable[[int], Server]) -> Iterator[Cluster]:
    """An empty cluster of the version that the suite runs on."""
    yield from _clean(servers, major_version(find_binaries()))


@pytest.fixture(params=sorted(BINARIES), ids=lambda major: f"pg{major}")
def every_cluster(servers: Callable[[int], Server], request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """An empty cluster of each version whose programs were found."""
    yield from _clean(servers, request.param)


@pytest.fixture
def small(tmp_path: Path) -> SmallSchema:
    """Roles, schemas, two tables, two functions and a view; not built yet."""
    schema = SmallSchema(tmp_path / "sql", tmp_path / "migrations")
    schema.migrations.mkdir()
    schema.write("roles.sql", (SQL / "roles.sql").read_text())
    schema.write(
        "schemas.sql",
        "create schema openstock_core authorization openstock_owner;\n"
        "create schema openstock authorization openstock_api;\n"
        "grant usage on schema openstock_core to openstock_api;\n"
        "grant usage, create on schema openstock to openstock_owner;\n"
        "grant usage on schema openstock to openstock_app;\n",
    )
    schema.write("tables/migration.sql", (SQL / "tables/migration.sql").read_text())
    schema.write(
        "tables/note.sql",
        "set local role openstock_owner;\n"
        "create table openstock_core.note (note_id bigint primary key, body text not null);\n"
        "grant select on openstock_core.note to openstock_api;\n"
        "reset role;\n",
    )
    schema.write("functions/openstock/greet.sql", sql_function("greet", "'hello'"))
    schema.write(
        "functions/openstock/schema_version.sql",
        "set local role openstock_owner;\n"
        "create or replace function openstock.schema_version() returns text language sql stable security definer\n"
        "set search_path = pg_catalog, pg_temp\n"
        "as $body$ select max(name) from openstock_core.migration $body$;\n"
        "revoke all on function openstock.schema_version() from public;\n"
        "grant execute on function openstock.schema_version() to openstock_app;\n"
        "reset role;\n",
    )
    schema.write(
        "views/openstock/notes.sql",
        "set local role openstock_api;\n"
        "create or replace view openstock.notes with (security_barrier) as\n"
        "select note_id, body from openstock_core.note;\n"
        "grant select on openstock.notes to openstock_app;\n"
        "reset role;\n",
    )
    return schema


@pytest.fixture
def built(small: SmallSchema) -> SmallSchema:
    """The small schema with its baseline built."""
    small.build()
    return small


@pytest.fixture
def two(small: SmallSchema) -> SmallSchema:
    """The small schema with a released baseline and a second migration that changes a table, a view and a function."""
    small.build()
    small.release()
    small.write(
        "tables/note.sql", (small.sql / "tables/note.sql").read_text().replace("not null)", "not null, tag text)")
    )
    small.write(
        "views/openstock/notes.sql", (small.sql / "views/openstock/notes.sql").read_text().replace("body", "body, tag")
    )
    small.write("functions/openstock/greet.sql", sql_function("greet", "'good evening'"))
    add = "set local role openstock_owner;\nalter table openstock_core.note add column tag text;\nreset role;\n"
    small.write(f"upgrades/{SECOND}.sql", add, listed=False)
    small.build("tags")
    return small

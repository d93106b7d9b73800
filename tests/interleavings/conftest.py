"""`stage` is one instrumented database for all tests of a worker here: every meeting has a tenant of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from .stage import Stage


@pytest.fixture(scope="session")
def stage(template: Any) -> Iterator[Stage]:
    """A copy of the migrated template, with pause points, players and furniture."""
    name = f"{template.dbname}_interleavings"
    address = {"host": template.host, "port": template.port, "user": template.user, "password": template.password or None}
    names = {"name": sql.Identifier(name), "template": sql.Identifier(template.template_dbname)}
    with psycopg.connect(make_conninfo(**address, dbname="postgres"), autocommit=True) as cluster:
        cluster.execute(sql.SQL("drop database if exists {name}").format(**names))
        cluster.execute(sql.SQL("create database {name} template {template}").format(**names))
        dsn = make_conninfo(**address, dbname=name)
        with psycopg.connect(dsn, autocommit=True) as db:
            stage = Stage(db, dsn)
            yield stage
            stage.close()
        cluster.execute(sql.SQL("drop database {name}").format(**names))

"""`stage` is one instrumented database for all tests of a worker here: every meeting has a tenant of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from pytest_postgresql.executors import NoopExecutor

from ..support import own_copy
from .stage import Stage


@pytest.fixture(scope="session")
def stage(cluster: psycopg.Connection, template: NoopExecutor) -> Iterator[Stage]:
    """A copy of the migrated template, with pause points, players and furniture."""
    with own_copy(cluster, template, "_interleavings") as dsn, psycopg.connect(dsn, autocommit=True) as db:
        stage = Stage(db, dsn)
        yield stage
        stage.close()

"""`stage` is one instrumented database for all tests of a worker here: every meeting has a tenant of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from pytest_postgresql.executors import NoopExecutor

from ..copies import Copy
from .stage import Stage


@pytest.fixture(scope="session")
def stage(cluster: psycopg.Connection, template: NoopExecutor) -> Iterator[Stage]:
    """A copy of the migrated template, with pause points, players and furniture."""
    copy = Copy(cluster, template, f"{template.dbname}_interleavings", None)
    stage = Stage(copy.db, copy.dsn)
    yield stage
    stage.close()
    copy.drop()

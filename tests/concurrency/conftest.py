"""`session()` opens a session at an isolation level; all are closed at the end of the test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import IsolationLevel

from ..support import Connect
from .sessions import READ_COMMITTED, OpenSession, Session


@pytest.fixture
def session(connect: Connect, db: psycopg.Connection) -> Iterator[OpenSession]:
    """Opens a session at an isolation level, in which a transaction begins with the first call."""
    with contextlib.ExitStack() as stack:

        def open_session(level: IsolationLevel = READ_COMMITTED) -> Session:
            return stack.enter_context(Session(connect("app", autocommit=False), db, level))

        yield open_session

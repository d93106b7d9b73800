"""Sessions that work at the same time: each has a connection and a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Protocol

import psycopg
from psycopg import IsolationLevel

from ..support import Row, Shop

READ_COMMITTED = IsolationLevel.READ_COMMITTED
REPEATABLE_READ = IsolationLevel.REPEATABLE_READ
SERIALIZABLE = IsolationLevel.SERIALIZABLE
ALL_LEVELS = [READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE]
SNAPSHOT_LEVELS = [REPEATABLE_READ, SERIALIZABLE]

WAITS_FOR_A_LOCK = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
WAITS_FOR = "select %s = any (pg_blocking_pids(%s))"
BLOCKED_BY = "select cardinality(pg_blocking_pids(%s))"
NEVER = 30  # seconds: a time that only a broken test reaches


class Session(Shop):
    """The shop in a transaction that the test ends, with `commit()` or `rollback()`.

    Calls made as usual run at once: `session.reserve(...)`. `session.later("reserve", ...)` makes the call in the session's
    own thread and returns a Future; `session.blocked("reserve", ...)` does so and returns when the call waits for a lock.
    """

    def __init__(self, connection: psycopg.Connection, db: psycopg.Connection, level: IsolationLevel) -> None:
        super().__init__(connection, db)
        connection.execute(f"set lock_timeout = '{NEVER}s'")  # a test whose calls wait unexpectedly fails, and does not hang
        connection.commit()
        connection.isolation_level = level
        self._thread = ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.db.execute("select pg_terminate_backend(%s)", [self.connection.info.backend_pid])
        self._thread.shutdown()
        self.connection.close()

    def later(self, function: str, *positional: object, **arguments: object) -> Future[list[Row]]:
        """Make a call in the session's own thread."""
        method: Callable[..., list[Row]] = getattr(self, function)
        return self._thread.submit(method, *positional, **arguments)

    def at_once(self, function: str, *positional: object, **arguments: object) -> Future[list[Row]]:
        """Make a call in the session's own thread and commit it as soon as it is done."""

        def call_and_commit() -> list[Row]:
            rows: list[Row] = getattr(self, function)(*positional, **arguments)
            self.commit()
            return rows

        return self._thread.submit(call_and_commit)

    def blocked(self, function: str, *positional: object, **arguments: object) -> Future[list[Row]]:
        """Make a call in the session's own thread, and wait until it waits for a lock."""
        return self.until_blocked(self.later(function, *positional, **arguments))

    def unhindered(self, function: str, *positional: object, **arguments: object) -> list[Row]:
        """Make a call that is to wait for nobody; fail as soon as it waits, and not when a lock_timeout ends it."""
        future = self.later(function, *positional, **arguments)
        while not future.done():
            blockers = self.db.execute(BLOCKED_BY, [self.connection.info.backend_pid]).fetchone()
            assert blockers == (0,), "waits for another, and was not to"
            time.sleep(0.002)
        return future.result()

    def query(self, query: str, *parameters: object) -> Future[list[Any]]:
        """Run any query in the session's own thread."""
        return self._thread.submit(lambda: self.connection.execute(query, parameters).fetchall())

    def look(self) -> None:
        """Begin the transaction, if it has not begun: from repeatable read on, it will see what there is now. (A view would end it.)"""
        self.connection.execute("select openstock.server_time()")

    def until_blocked(self, future: Future[Any], by: Session | None = None) -> Future[Any]:
        """Wait until the session waits for a lock, of a certain session where one is named; fail if it is done without waiting."""
        deadline = time.monotonic() + NEVER
        pid = self.connection.info.backend_pid
        query, values = (WAITS_FOR, [by.connection.info.backend_pid, pid]) if by else (WAITS_FOR_A_LOCK, [pid])
        while not self.db.execute(query, values).fetchone()[0]:
            assert not future.done(), f"was to wait for a lock, and did not: {future.exception() or future.result()}"
            assert time.monotonic() < deadline, "neither done nor waiting for a lock"
            time.sleep(0.002)
        return future

    def refused(self, future: Future[Any]) -> str | None:
        """The SQLSTATE of the error that a call ended with; the transaction is rolled back."""
        error = future.exception(NEVER)
        assert isinstance(error, psycopg.Error), f"was to be refused: {error or future.result()}"
        self.rollback()
        return error.sqlstate

    def refused_or_done(self, future: Future[Any]) -> str | None:
        """The SQLSTATE of the error that a call ended with, and the transaction with it; None where there is an answer."""
        return self.refused(future) if future.exception(NEVER) else None

    def settled(self, future: Future[list[Row]]) -> list[Row] | None:
        """The answer of a call, committed; None where it, or the commit, ended with a serialization failure, and did nothing."""
        error = future.exception(NEVER)
        if error is None:
            try:
                self.commit()
                return future.result()
            except psycopg.errors.SerializationFailure as failure:
                error = failure
        assert isinstance(error, psycopg.Error), error
        assert error.sqlstate == "40001", f"{error.sqlstate}: {error}"
        assert self.connection.isolation_level != READ_COMMITTED, "a serialization failure at READ COMMITTED"
        self.rollback()
        return None

    def outcome(self, future: Future[list[Row]], function: str, *positional: object, **arguments: object) -> list[Row]:
        """The answer of a call, committed; made again as long as it ends with a serialization failure, as a client would."""
        for _ in range(10):
            rows = self.settled(future)
            if rows is not None:
                return rows
            future = self.later(function, *positional, **arguments)
        raise AssertionError("a serialization failure ten times")

    def commit(self) -> None:
        """End the transaction; what it did is there for others."""
        self.connection.commit()

    def rollback(self) -> None:
        """End the transaction; it did nothing."""
        self.connection.rollback()


def all_outcomes(waiting: dict[Session, tuple[Future[list[Row]], tuple[Any, ...]]]) -> list[Row]:
    """The answers of calls that wait for each other, each committed when it is there: who comes first is the server's choice."""
    rows: list[Row] = []
    while waiting:
        done, _ = wait([future for future, _ in waiting.values()], NEVER, FIRST_COMPLETED)
        assert done, "every call waits"
        for session, (future, call) in list(waiting.items()):
            if future in done:
                answer = session.settled(future)
                rows += answer or []
                if answer is None:
                    waiting[session] = (session.later(*call), call)
                else:
                    del waiting[session]
    return rows


def unlocked(db: psycopg.Connection, table: str) -> set[int]:
    """The keys of the rows that nobody has locked; of levels and backlogs their products."""
    key = {"stock_level": "product_id", "backlog": "product_id", "stock_bin": "bin_id", "serial_unit": "serial_id"}.get(table, f"{table}_id")
    rows = db.execute(f"select {key} from openstock_core.{table} for no key update skip locked").fetchall()
    return {row[0] for row in rows}


class OpenSession(Protocol):
    """Opens a session at an isolation level."""

    def __call__(self, level: IsolationLevel = READ_COMMITTED) -> Session: ...

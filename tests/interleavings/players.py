"""Two players: each makes its call in a session of its own, one of them stopping where it is told."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import make_conninfo

from ..support import LOGINS, call
from .scenarios import Scenario

READ_COMMITTED, REPEATABLE_READ = IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ
NEVER = 30  # seconds: a time that only a broken test reaches
MUST_REPEAT = ("40001", "40P01")
OF_THIS_RUN = ("entry_id", "recorded_at")  # of answers: different each time
TIME_OF_DAY = re.compile(r'(?<="expires_at": "\d{4}-\d\d-\d\d)[T ][^"]*')  # differs too; all is about noon, so the day does not

DAY_1 = "select setval('openstock_test.day', 1)"
HOLD = "select pg_advisory_lock(2), setval('openstock_test.steps', 1, false)"
PREPARE = "select set_config('openstock_test.stop_at', %s, false), pg_advisory_lock(1)"
UNTIL_IT_STOPS = "select pg_advisory_lock(1), pg_advisory_unlock(1)"
LET_GO = "select pg_advisory_unlock(2)"
GO_ON = "select set_config('openstock_test.stop_at', '', false), pg_advisory_unlock_all()"
BLOCKED = "select %s = any (pg_blocking_pids(%s))"


@dataclass(frozen=True)
class Refused:
    """How a call ended, if not with rows."""

    code: str
    detail: str


Answer = tuple[str, ...] | Refused


@dataclass(frozen=True)
class Part:
    """A call of a pair: its name there, and with which op_id it is made."""

    scenario: Scenario
    name: str
    op_id: str


class Player:
    """A session of each login that scenarios need, and a thread to call from."""

    def __init__(self, dsn: str) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.connections = [psycopg.connect(make_conninfo(dsn, user=LOGINS[login].name)) for login in ("app", "operator")]
        self.told: list[str] = []
        for connection in self.connections:
            connection.execute(f"set lock_timeout = '{NEVER}s'")
            connection.commit()
            connection.add_notice_handler(lambda notice: self.told.append(notice.message_primary or ""))

    def connection(self, part: Part) -> psycopg.Connection:
        """The session for this call."""
        return self.connections[0 if part.scenario.public else 1]

    def prepare(self, part: Part, stop_at: str) -> None:
        """Let the next call stop there, and give lock 1 up when it does, or when it is over."""
        self.connection(part).execute(PREPARE, [stop_at])
        self.connection(part).commit()

    def attempt(self, part: Part, tenant: UUID, *, commit: bool, prepared: bool = False) -> Answer:
        """Make the call; how it ended. The transaction stays open unless it is to be committed."""
        connection, scenario = self.connection(part), part.scenario
        op = {"op_id": part.op_id} if scenario.public else {}
        try:
            if scenario.hot:
                connection.execute("set local app.hot_sku = 'on'")
            rows = call(connection, scenario.function, **op, **scenario.request, tenant=tenant)
        except psycopg.Error as error:
            connection.rollback()
            return Refused(error.sqlstate or "", TIME_OF_DAY.sub("", error.diag.message_detail or ""))
        finally:
            if prepared:
                connection.execute(GO_ON)
        if commit:
            connection.commit()
        return tuple(TIME_OF_DAY.sub("", json.dumps({k: v for k, v in row.items() if k not in OF_THIS_RUN}, default=str)) for row in rows)

    def path(self, part: Part, tenant: UUID) -> list[str]:
        """The places where this call can stop, in their order; the last is before its commit. Nothing is done."""
        self.prepare(part, "tell")
        self.told.clear()
        self.attempt(part, tenant, commit=False, prepared=True)
        self.connection(part).rollback()
        return [*self.told, "the end"]

    def close(self) -> None:
        """End the sessions."""
        for connection in self.connections:
            connection.close()
        self.thread.shutdown()


@dataclass
class Players:
    """Both, and who directs them."""

    director: psycopg.Connection
    first: Player
    second: Player

    def in_turn(self, tenant: UUID, *parts: Part, level: IsolationLevel) -> dict[str, Answer]:
        """One after the other; the answers by the parts' names."""
        self.director.execute(DAY_1)
        answers = {}
        for player, part in zip((self.first, self.second), parts, strict=True):
            player.connection(part).isolation_level = level
            answers[part.name] = player.attempt(part, tenant, commit=True)
        return answers

    def meet(self, tenant: UUID, one: Part, other: Part, stop_at: int, level: IsolationLevel) -> tuple[dict[str, Answer], list[Refused]]:
        """The first stops at a point, the second comes in between, or waits for the first; then both end.

        A call that ends with a serialization failure (or deadlock) is made again when both are over. Returns the answers, and these failures.
        """
        mine, theirs = self.first.connection(one), self.second.connection(other)
        mine.isolation_level = theirs.isolation_level = level
        self.director.execute(DAY_1)
        self.director.execute(HOLD)
        self.first.prepare(one, str(stop_at))
        first = self.first.thread.submit(self.first.attempt, one, tenant, commit=False, prepared=True)
        self.director.execute(UNTIL_IT_STOPS)
        second = self.second.thread.submit(self.second.attempt, other, tenant, commit=True)
        self.until_blocked(second, mine.info.backend_pid, theirs.info.backend_pid)
        self.director.execute(LET_GO)
        answers = {one.name: first.result(NEVER)}
        mine.commit()
        answers[other.name] = second.result(NEVER)

        failures: list[Refused] = []
        for player, part in ((self.first, one), (self.second, other)):
            while isinstance(answer := answers[part.name], Refused) and answer.code in MUST_REPEAT:
                failures.append(answer)
                assert len(failures) < 5, f"refused again and again: {failures}"
                answers[part.name] = player.attempt(part, tenant, commit=True)
        return answers, failures

    def until_blocked(self, future: Future[Answer], blocker: int, waiter: int) -> None:
        """Wait until the call is done, or waits for the other."""
        deadline, pause = time.monotonic() + NEVER, 0.002  # a call takes that long, at least
        while not wait([future], pause).done:
            if self.director.execute(BLOCKED, [blocker, waiter]).fetchall() == [(True,)]:
                return
            assert time.monotonic() < deadline, "neither done nor waiting"
            pause = 0.001

    def close(self) -> None:
        """End all sessions."""
        self.first.close()
        self.second.close()

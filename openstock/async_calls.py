"""How the client calls: its connection, its transactions, and what is done again when others came in the way.

openstock/calls.py is generated from this file by openstock.devtools.build_sync_client.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import uuid
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import BaseRowFactory, class_row, scalar_row, tuple_row

from openstock import exact_json, session, statements
from openstock.errors import (
    ConnectionFailed,
    InTransaction,
    OpenstockError,
    OutcomeUnknown,
    TransactionAborted,
    translate,
    translated,
)
from openstock.retry import Retry
from openstock.statements import Statement

__all__ = ["RETRY", "AsyncCalls", "open_connection"]

T = TypeVar("T")

RETRY = Retry()
"""How often calls are repeated where nothing else is said."""


async def open_connection(settings: session.Settings) -> psycopg.AsyncConnection[Any]:
    """A connection to a database that this package can work with."""
    with translated():
        connection = await psycopg.AsyncConnection.connect(**settings.parameters)
    try:
        session.require_server(connection.info.server_version)
        cursor = psycopg.AsyncCursor(connection, row_factory=scalar_row)
        with translated():
            await cursor.execute(session.SCHEMA_VERSION)
            session.require_schema(await cursor.fetchone())
    except BaseException:
        await connection.close()
        raise
    return connection


class AsyncCalls:
    """A connection and its tenant, on which statements are run and repeated; see the client, which is one."""

    def __init__(
        self,
        connection: psycopg.AsyncConnection[Any],
        *,
        tenant: UUID | str | None = None,
        retry: Retry = RETRY,
    ) -> None:
        """Wrap a connection of the caller's, which stays theirs: it is neither closed nor made again.

        Where it is not in autocommit mode, calls join its transaction, and commit is left to the caller. What database
        it leads to is not checked.
        """
        self._connection = connection
        self._settings: session.Settings | None = None
        self._tenant = session.as_tenant(tenant)
        self._retry = retry
        self._retries = 0
        self._in_transaction = False
        self._closed = False

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """Close the connection, if connect_async made it. The client cannot be used any more."""
        self._closed = True
        if self._settings is not None:
            await self._connection.close()

    @property
    def connection(self) -> psycopg.AsyncConnection[Any]:
        """psycopg's connection, for statements of the caller's own; another one after it was lost and made again."""
        return self._connection

    @property
    def tenant(self) -> UUID | None:
        """The tenant of every call; None: the transaction's."""
        return self._tenant

    @property
    def retries(self) -> int:
        """How many times calls and transactions have been repeated so far."""
        return self._retries

    # Transactions -------------------------------------------------------------------------------------

    async def transaction(self, work: Callable[[Self], Awaitable[T]]) -> T:
        """Run a function in one transaction, commit it and return what it returned.

        The whole function is run again where another transaction came in its way (40001, 40P01, and 55P03 if `Retry`
        says so), so it must do nothing that a rollback does not undo. It gets this client: its calls and the caller's
        own statements on `connection` are one transaction, which the function may begin with "set transaction". Where
        the caller's transaction is open already, the function runs in a savepoint of it, once.

        A connection lost before the function has begun is made again; later it is an error, since the function may have
        seen or sent something. Errors of the caller's own statements leave it as psycopg raised them. Raises
        OutcomeUnknown if the connection was lost while committing, TransactionAborted if the function swallowed an
        error that had ended its transaction.
        """
        alone = self._is_idle()
        phase = _Phase.BEGINNING

        async def once() -> T:
            nonlocal phase
            async with self._connection.transaction():
                phase = _Phase.WORKING
                result = await work(self)
                self._require_transaction()
                phase = _Phase.COMMITTING
            return result

        def judge(error: psycopg.Error) -> tuple[psycopg.Error, bool]:
            nonlocal phase
            reached, phase = phase, _Phase.BEGINNING
            if reached is _Phase.WORKING:
                # Errors of the caller's own statements stay what they are.
                return error, False
            failure = translate(error)
            if reached is _Phase.COMMITTING and isinstance(failure, ConnectionFailed):
                return OutcomeUnknown(detail=failure.detail), False
            # A commit can fail for reasons that are the caller's, such as deferred constraints.
            return (error if type(failure) is OpenstockError else failure), True

        outer, self._in_transaction = self._in_transaction, True
        try:
            return await self._repeat(once, judge, alone=alone)
        finally:
            self._in_transaction = outer

    # How it is done -----------------------------------------------------------------------------------

    async def _write(self, row: type[T], function: str, op_id: str | None, **arguments: object) -> list[T]:
        key = str(uuid.uuid4()) if op_id is None else op_id
        with translated(key):
            return await self._call(row, function, op_id=key, **arguments)

    async def _write_now(self, row: type[T], procedure: str, op_id: str | None, **arguments: object) -> list[T]:
        """Call a procedure that commits by itself, and answers with rows as JSON."""
        key = str(uuid.uuid4()) if op_id is None else op_id
        with translated(key):
            if not self._is_alone():
                raise InTransaction
            given = {"op_id": key, **arguments, "tenant": self._tenant}
            statement = statements.calling_procedure(f"openstock.{procedure}", given)
            [answer] = await self._rows(scalar_row, statement)
        return [exact_json.to_row(row, values) for values in answer]

    async def _call(self, row: type[T], function: str, **arguments: object) -> list[T]:
        statement = statements.calling(f"openstock.{function}", {**arguments, "tenant": self._tenant}, row)
        return await self._rows(class_row(row), statement)

    async def _view(self, row: type[T], view: str, order: str, **filters: object) -> list[T]:
        return await self._read(class_row(row), statements.reading(view, row, order, filters))

    async def _value(self, function: str) -> Any:
        [value] = await self._rows(scalar_row, statements.calling(function, {}))
        return value

    async def _rows(self, rows: BaseRowFactory[T], statement: Statement, *, repeatable: bool = True) -> list[T]:
        """The rows of a statement that names its tenant itself, or needs none."""

        async def execute() -> list[T]:
            cursor = await self._run(statement.text, statement.parameters, rows)
            return await cursor.fetchall()

        return await self._attempt(execute, repeatable=repeatable)

    async def _read(self, rows: BaseRowFactory[T], statement: Statement) -> list[T]:
        """The rows of a view, in a transaction that names the tenant.

        A view is empty without a tenant, or for a login that may not act for it; here that is an error, as it is in
        the functions.
        """

        async def execute() -> list[T]:
            async with self._as_one_transaction():
                await self._run(statements.ENTER, {"tenant": self._tenant}, tuple_row)
                cursor = await self._run(statement.text, statement.parameters, rows)
            return await cursor.fetchall()

        return await self._attempt(execute)

    async def _run(
        self,
        text: bytes,
        parameters: Mapping[str, object],
        rows: BaseRowFactory[T],
    ) -> psycopg.AsyncCursor[T]:
        # A cursor of the plain kind, whatever cursors and rows the caller's connection makes by default.
        cursor = psycopg.AsyncCursor(self._connection, row_factory=rows)
        cursor.adapters.register_loader("jsonb", session.JsonLoader)
        return await cursor.execute(text, parameters)

    def _as_one_transaction(self) -> contextlib.AbstractAsyncContextManager[object]:
        if not self._is_alone():
            # No pipeline: psycopg ends one with a message after which PostgreSQL forgets that the session stands idle
            # in a transaction, and never ends it.
            return contextlib.nullcontext()
        if psycopg.AsyncPipeline.is_supported():
            # Up to its end a pipeline is one transaction by itself, and one round trip.
            return self._connection.pipeline()
        return self._connection.transaction()

    async def _attempt(self, execute: Callable[[], Awaitable[T]], *, repeatable: bool = True) -> T:
        """Run statements, repeated where they are a transaction of their own.

        repeatable says whether they may be repeated also when it is unknown whether they took effect.
        """
        return await self._repeat(execute, lambda error: (translate(error), repeatable), alone=self._is_alone())

    async def _repeat(
        self,
        once: Callable[[], Awaitable[T]],
        judge: Callable[[psycopg.Error], tuple[psycopg.Error, bool]],
        *,
        alone: bool,
    ) -> T:
        """Do it once, and if it is alone again while its errors are passing ones, with a new connection if need be.

        judge says for an error which one to raise, and whether, if the connection was lost, it may be done again.
        """
        attempt = 1
        while True:
            try:
                await self._require_connection(alone)
                return await once()
            except psycopg.Error as error:
                failure, repeatable = judge(error)
                lost = isinstance(failure, ConnectionFailed) and self._is_ours()
                again = repeatable if lost else self._retry.covers(failure.sqlstate)
                if not (alone and again and attempt < self._retry.attempts):
                    if attempt > 1:
                        failure.add_note(f"It was tried {attempt} times.")
                    if failure is error:
                        raise
                    raise failure from error
                if lost:
                    await self._connection.close()
            await asyncio.sleep(self._retry.pause(attempt))
            self._retries += 1
            attempt += 1

    def _require_transaction(self) -> None:
        """Raise unless there is a transaction to commit: else a commit would do nothing, and say nothing."""
        status = self._connection.info.transaction_status
        if status == TransactionStatus.UNKNOWN:
            raise ConnectionFailed(detail={"problem": "the connection was lost within the transaction"})
        if status in (TransactionStatus.INERROR, TransactionStatus.IDLE):
            raise TransactionAborted(detail={"status": status.name})

    def _is_ours(self) -> bool:
        """Whether the connection is the client's to make again."""
        return self._settings is not None and not self._closed

    def _is_idle(self) -> bool:
        """Whether no transaction is open, so that what comes next begins one."""
        if self._in_transaction:
            return False
        if self._connection.closed:
            return self._is_ours()
        return self._connection.info.transaction_status == TransactionStatus.IDLE

    def _is_alone(self) -> bool:
        """Whether the next statement is a transaction by itself."""
        return self._is_idle() and (self._connection.closed or self._connection.autocommit)

    async def _require_connection(self, alone: bool) -> None:
        if self._closed:
            raise session.closed()
        if alone and self._connection.closed and self._settings is not None:
            self._connection = await open_connection(self._settings)


class _Phase(enum.Enum):
    """How far a transaction has come."""

    BEGINNING = enum.auto()
    WORKING = enum.auto()
    COMMITTING = enum.auto()

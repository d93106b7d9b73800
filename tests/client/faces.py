"""One face for both clients, so that each test runs with the synchronous and with the asynchronous one."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg

import openstock


class Loop:
    """An event loop in a thread of its own, which other threads can wait on."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SyncFace:
    """The synchronous client, with the few things that tests do to the connection below it."""

    kind = "sync"

    def __init__(self, client: openstock.Client) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def transaction(self, work: Callable[[SyncFace], Any]) -> Any:
        return self.client.transaction(lambda client: work(SyncFace(client)))

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        cursor = self.client.connection.execute(text)
        return cursor.fetchall() if cursor.description else []

    def pid(self) -> int:
        return self.client.connection.info.backend_pid

    @contextmanager
    def own_transaction(self) -> Iterator[None]:
        with self.client.connection.transaction():
            yield

    @contextmanager
    def own_pipeline(self) -> Iterator[None]:
        with self.client.connection.pipeline():
            yield

    def wrap(self, **settings: Any) -> SyncFace:
        return SyncFace(openstock.Client(self.client.connection, **settings))


class AsyncFace:
    """The asynchronous client, waited for from outside its event loop."""

    kind = "async"

    def __init__(self, client: Any, loop: Loop) -> None:
        self.client = client
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.client, name)
        if isinstance(value, openstock.AsyncAdmin):
            return AsyncFace(value, self._loop)
        if not inspect.iscoroutinefunction(value):
            return value
        return lambda *positional, **named: self._loop.run(value(*positional, **named))

    def transaction(self, work: Callable[[AsyncFace], Any]) -> Any:
        async def work_elsewhere(client: openstock.AsyncClient) -> Any:
            # In another thread, since the loop is busy with the client's answers to it.
            return await asyncio.to_thread(work, AsyncFace(client, self._loop))

        return self._loop.run(self.client.transaction(work_elsewhere))

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        cursor = self._loop.run(self.client.connection.execute(text))
        return self._loop.run(cursor.fetchall()) if cursor.description else []

    def pid(self) -> int:
        return self.client.connection.info.backend_pid

    @contextmanager
    def own_transaction(self) -> Iterator[None]:
        with self._entered(self.client.connection.transaction()):
            yield

    @contextmanager
    def own_pipeline(self) -> Iterator[None]:
        with self._entered(self.client.connection.pipeline()):
            yield

    @contextmanager
    def _entered(self, block: Any) -> Iterator[None]:
        self._loop.run(block.__aenter__())
        try:
            yield
        except BaseException as error:
            self._loop.run(block.__aexit__(type(error), error, error.__traceback__))
            raise
        self._loop.run(block.__aexit__(None, None, None))

    def wrap(self, **settings: Any) -> AsyncFace:
        return AsyncFace(openstock.AsyncClient(self.client.connection, **settings), self._loop)


Face = SyncFace | AsyncFace


class OpenClient(Protocol):
    """Opens a client as one of the LOGINS, for the test tenant unless told otherwise."""

    def __call__(self, login: str = "app", **settings: Any) -> Any: ...


@contextmanager
def meanwhile(work: Callable[[], Any]) -> Iterator[Callable[[], Any]]:
    """Run something in another thread; what is yielded waits for it and gives its result, or raises its error."""
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(work)
        yield lambda: future.result(60)


def wrapped(connection: psycopg.Connection[Any], **settings: Any) -> SyncFace:
    """A synchronous client on a connection of the test's own."""
    return SyncFace(openstock.Client(connection, **settings))

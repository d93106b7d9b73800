"""Clients for the tests: `client` is the application's, `open_client` opens more; each test runs with both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import openstock

from ..support import LOGINS, TENANT, Shop
from .faces import AsyncFace, Face, Loop, OpenClient, SyncFace
from .proxy import Proxy


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """The event loop of the asynchronous clients."""
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture(params=["sync", "async"])
def open_client(request: pytest.FixtureRequest, dsn: str, loop: Loop) -> Iterator[OpenClient]:
    """Opens clients as one of the LOGINS, for the test tenant unless told otherwise; all are closed at the end."""
    with ExitStack() as stack:

        def open_client(login: str = "app", **settings: Any) -> Face:
            address = settings.pop("address", dsn)
            given = {"tenant": TENANT, **settings}
            named = make_conninfo(address, user=LOGINS[login].name)
            face: Face
            if request.param == "sync":
                face = SyncFace(openstock.connect(named, **given))
            else:
                face = AsyncFace(loop.run(openstock.connect_async(named, **given)), loop)
            stack.callback(face.close)
            return face

        yield open_client


@pytest.fixture
def client(open_client: OpenClient, shop: Shop) -> Face:
    """The application's client, for a furnished tenant (see Shop)."""
    return open_client()


@pytest.fixture
def proxy(db: psycopg.Connection) -> Iterator[Proxy]:
    """An address of the server that can lose connections at a chosen moment."""
    proxy = Proxy(db.info.host, db.info.port)
    yield proxy
    proxy.close()

"""What becomes of an asynchronous call whose task is canceled while the server works on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import openstock

from ..support import LOGINS, TENANT, Connect, Shop, call, unchanged, wait_until

APPLES = [{"sku": "APPLE", "qty": 5}]


def cancel_while_waiting(
    db: psycopg.Connection, dsn: str, use: Callable[[openstock.AsyncClient], Any], release: Callable[[], None]
) -> None:
    """Cancel a call while it waits for a lock; afterwards the lock is released and the client used again."""

    async def run() -> None:
        named = make_conninfo(dsn, user=LOGINS["app"].name)
        async with await openstock.connect_async(named, tenant=TENANT) as client:
            pid = client.connection.info.backend_pid
            task = asyncio.create_task(use(client))
            waiting = f"select exists (select from pg_stat_activity where pid = {pid} and wait_event_type = 'Lock')"
            await asyncio.to_thread(wait_until, db, waiting)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            release()
            assert [s.on_hand for s in await client.stock("APPLE")] == [5]
            assert client.retries == 0

    asyncio.run(run())


def test_a_write_is_undone(shop: Shop, connect: Connect, db: psycopg.Connection, dsn: str) -> None:
    shop.receive("LON", APPLES)
    holder = connect(autocommit=False)
    call(holder, "adjust", op_id="held", warehouse="LON", lines=APPLES, reason="held", tenant=TENANT)
    with unchanged(db):
        cancel_while_waiting(db, dsn, lambda client: client.adjust("LON", APPLES, "canceled"), holder.rollback)


def test_a_read_is_given_up(shop: Shop, db: psycopg.Connection, dsn: str) -> None:
    shop.receive("LON", APPLES)
    with psycopg.connect(dsn) as holder:
        holder.execute("lock table openstock_core.stock_level in access exclusive mode")
        cancel_while_waiting(db, dsn, lambda client: client.stock(), holder.rollback)


def test_a_transaction_is_rolled_back(shop: Shop, connect: Connect, db: psycopg.Connection, dsn: str) -> None:
    shop.receive("LON", APPLES)
    holder = connect(autocommit=False)
    call(holder, "adjust", op_id="held", warehouse="LON", lines=APPLES, reason="held", tenant=TENANT)

    async def work(client: openstock.AsyncClient) -> None:
        await client.receive("BER", APPLES)
        await client.adjust("LON", APPLES, "canceled")

    with unchanged(db):
        cancel_while_waiting(db, dsn, lambda client: client.transaction(work), holder.rollback)

"""`disk` is a server of these tests' own: its commits can be made to stand still, and it can crash."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from openstock.migrate import migrate
from openstock.server import Server

from ..support import Shop, wait_until

SETTINGS = {
    "synchronous_commit": "on",
    # A crash of PostgreSQL, not of the machine: what it wrote is there, what waits in its memory is gone.
    "fsync": "off",
    # Seldom does anybody else write the log meanwhile; never while the log writer is stopped.
    "wal_writer_delay": "10s",
    "autovacuum": "off",
}
WAITS_FOR_DISK = "select wait_event = 'SyncRep' from pg_stat_activity where pid = {}"
WAITS_FOR_LOCK = "select wait_event_type = 'Lock' from pg_stat_activity where pid = {}"


class Disk:
    """The server, with a tenant that has ten apples."""

    def __init__(self, home: Path) -> None:
        self.server = Server(home, settings=SETTINGS)
        self.server.start()
        migrate(self.server.dsn())
        self.connections: list[psycopg.Connection] = []
        self.threads = ThreadPoolExecutor()
        self.db = self.connect()
        self.db.execute("select openstock_admin.grant_tenant('postgres', any_tenant => true)")
        self.db.execute("checkpoint")

    def connect(self) -> psycopg.Connection:
        """A session in autocommit mode."""
        connection = psycopg.connect(self.server.dsn(), autocommit=True)
        self.connections.append(connection)
        return connection

    def shop(self) -> Shop:
        """A new tenant, furnished, with ten apples."""
        [(tenant,)] = self.db.execute("select openstock_admin.create_tenant('Disk')").fetchall()
        shop = Shop(self.db, self.db, tenant).furnish()
        shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
        return shop

    def call(self, text: str, *values: Any) -> tuple[int, Future[list[Any]]]:
        """Send a statement in a session and a thread of its own: its process, and the rows to come."""
        connection = self.connect()
        return connection.info.backend_pid, self.threads.submit(lambda: connection.execute(text, values).fetchall())

    def stand_still(self) -> None:
        """Let commits wait, as for a standby that is not there; those that do not wait for the disk do not wait for it either."""
        self._wait_for("nobody")
        # The checkpointer is the one who makes them wait, when it has noticed.
        for _ in range(1000):
            pid, probe = self.call("select set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'probe', '')")
            while not probe.done():
                if self.db.execute(WAITS_FOR_DISK.format(pid)).fetchone() == (True,):
                    return
        raise AssertionError("commits never stood still")

    def go_on(self) -> None:
        """Let them end."""
        self._wait_for("")

    def _wait_for(self, standby: str) -> None:
        self.db.execute(f"alter system set synchronous_standby_names = '{standby}'")
        self.db.execute("select pg_reload_conf()")
        wait_until(self.db, f"select current_setting('synchronous_standby_names') = '{standby}'")

    def until_it_waits_for_the_disk(self, pid: int) -> None:
        wait_until(self.db, WAITS_FOR_DISK.format(pid))

    def until_it_waits_for_a_lock(self, pid: int) -> None:
        wait_until(self.db, WAITS_FOR_LOCK.format(pid))

    def stop_the_log_writer(self) -> None:
        """Until the next crash only those who wait for the disk write to it."""
        [(pid,)] = self.db.execute("select pid from pg_stat_activity where backend_type = 'walwriter'").fetchall()
        os.kill(pid, signal.SIGSTOP)

    def crash(self) -> None:
        """End all processes at once, and start again. (A stopped one is ended after five seconds.)"""
        self.server.stop("immediate")
        self.close()
        self.server.start()
        self.db = self.connect()

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
        self.connections.clear()

    def orders(self, tenant: UUID) -> list[str]:
        """The names of the orders that there are."""
        query = "select order_ref from openstock_core.reservation where tenant_id = %s order by 1"
        return [name for (name,) in self.db.execute(query, [tenant])]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """Started once for the tests of a module."""
    disk = Disk(tmp_path_factory.mktemp("disk"))
    yield disk
    disk.close()
    disk.threads.shutdown()
    disk.server.destroy()

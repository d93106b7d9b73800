"""A clock that all sessions see go forward at once."""

from __future__ import annotations

from datetime import timedelta

import psycopg


class WallClock:
    """Sets the server's clock of this test's database forward for everybody, whatever their snapshot.

    A sequence is part of none, as a table's rows would be.
    """

    def __init__(self, db: psycopg.Connection) -> None:
        self.db = db
        db.execute("select setval('public.wall_clock', 0)")

    @classmethod
    def install(cls, db: psycopg.Connection) -> WallClock:
        """Replace the server's clock in a database by one that can be set."""
        db.execute("create sequence if not exists public.wall_clock minvalue 0 start 0")
        db.execute("grant select on public.wall_clock to public")
        clock = cls(db)
        clock._show("clock_timestamp() + c.last_value * interval '1 second' from public.wall_clock as c")
        return clock

    def stop(self) -> None:
        """Let it be this moment from now on, until another clock is made."""
        [(moment,)] = self.db.execute("select openstock.server_time()").fetchall()
        self._show(f"timestamptz '{moment.isoformat()}'")

    def _show(self, time: str) -> None:
        """Let this be the server's clock."""
        self.db.execute(f"create or replace function openstock.server_time() returns timestamptz language sql volatile begin atomic select {time}; end")

    def advance(self, **ahead: float) -> None:
        """Set the clock forward, by whole seconds: clock.advance(hours=2)."""
        seconds = int(timedelta(**ahead).total_seconds())
        self.db.execute("select setval('public.wall_clock', c.last_value + %s) from public.wall_clock as c", [seconds])

"""The database of a run, and its clock."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg

from ..support import Connect, call


class World:
    """The database of a run: each example is a tenant of its own in it, and begins at noon of the same day (UTC).

    Its clock stands still unless it is set, so that calls come at exactly the moment when something ends.
    """

    def __init__(self, db: psycopg.Connection, connect: Connect) -> None:
        self.db, self.app, self.operator = db, connect("app"), connect("operator")
        self.reader, self.analyst = connect("app"), connect("analyst")
        self.salt = 0
        self.steps = 0
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        db.execute("create table public.test_clock (at timestamptz not null)")
        db.execute("insert into public.test_clock values (%s)", [self.noon])
        db.execute("grant select on public.test_clock to public")
        db.execute(
            "create or replace function openstock.server_time() returns timestamptz language sql volatile "
            "begin atomic select c.at from public.test_clock c; end"
        )

    def begin(self) -> UUID:
        """A new tenant, at noon of the first day."""
        tenant = uuid4()
        self.set_clock(self.noon)
        call(self.operator, "openstock_admin.create_tenant", name="Model", tenant=tenant)
        call(self.operator, "openstock_admin.grant_tenant", login=self.analyst.info.user, tenant=tenant)
        for readers in (self.reader, self.analyst):
            readers.execute("select set_config('app.tenant_id', %s, false)", [str(tenant)])
        return tenant

    def set_clock(self, now: datetime) -> None:
        """What the server's clock says from now on."""
        self.db.execute("update public.test_clock set at = %s", [now])

    def outcomes_of(self, function: str | None = None) -> set[str]:
        """What a function, or any, came to so far."""
        return {outcome for name, outcome in self.outcomes if function in (None, name)}

    def summary(self) -> str:
        """How many steps, and which calls with which outcome."""
        calls: dict[str, list[str]] = {}
        for (function, outcome), times in sorted(self.outcomes.items()):
            calls.setdefault(function, []).append(f"{outcome} {times}")
        return "\n".join([f"{self.steps} steps", *(f"  {function}: {', '.join(parts)}" for function, parts in calls.items())])

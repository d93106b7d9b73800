"""The stage: a database with pause points, tenants copied from furnished ones, and what can be seen in them when a pair has met."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from ..support import LOGINS, call
from .pause_points import insert_pause_points
from .players import DAY_1, NEVER, Part, Player, Players
from .scenarios import FURNITURE, Call, Scenario

# A clock that everybody sees go forward at once, whatever their snapshot; about noon, so that no test meets midnight unawares.
CLOCK = """
    create sequence openstock_test.day minvalue 0 start 0;
    grant all on sequence openstock_test.day to public;
    create function openstock_test.midnight(tenant uuid) returns bigint language sql return setval('openstock_test.day', 2);
    create or replace function openstock.server_time() returns timestamptz language sql volatile
    return clock_timestamp() + interval '{seconds} seconds'
      + pg_sequence_last_value('openstock_test.day'::regclass) * interval '1 day';
    select setval('openstock_test.day', 0);
"""
NOON = "select extract(epoch from date_trunc('day', c) + interval '12 hours' - c) from (select clock_timestamp() at time zone 'UTC') as t (c)"

TABLES = """
    select c.relname, array_agg(a.attname::text order by a.attnum)
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'openstock_core'
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attname <> 'tenant_id'
    where c.relkind in ('r', 'p') and not c.relispartition
      and exists (select from pg_attribute t where t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped)
    group by c.relname
"""
# Views with their columns that differ from run to run: times, and numbers of entries; and whether they show when a hold ends.
VIEWS = """
    select c.relname, coalesce(array_agg(a.attname::text) filter (
      where a.atttypid = 'timestamptz'::regtype or (a.atttypid = 'bigint'::regtype and a.attname like '%\\_id')), '{}'),
      bool_or(a.attname = 'expires_at')
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'openstock'
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    where c.relkind = 'v' and c.relname <> 'error_codes'
    group by c.relname order by c.relname
"""
VERIFY = "select v.* from unnest(%(tenants)s) as t cross join lateral openstock_admin.verify(t) as v"
OVERSOLD = """
    select l.tenant_id, 'promised what was not there', to_jsonb(l), l.on_hand_after - l.blocked_after, l.reserved_after
    from openstock_core.ledger l
    where l.tenant_id = any (%(tenants)s) and l.event_type = 'RESERVE' and l.on_hand_after - l.blocked_after < l.reserved_after
"""

Views = dict[str, list[str]]


class Stage:
    """One instrumented database."""

    def __init__(self, db: psycopg.Connection, dsn: str) -> None:
        self.db = db
        db.execute(f"set lock_timeout = '{NEVER}s'")
        self.places = insert_pause_points(db)
        [(seconds,)] = db.execute(NOON).fetchall()
        db.execute(CLOCK.format(seconds=seconds))
        self.make_copier()
        self.look = self.look_at_all_views()
        self.reader = psycopg.connect(make_conninfo(dsn, user=LOGINS["app"].name), autocommit=True)
        self.players = Players(db, Player(dsn), Player(dsn))
        self.templates: dict[tuple[str, ...], UUID] = {}
        self.paths: dict[tuple[str, UUID], list[str]] = {}

    def close(self) -> None:
        """End all sessions."""
        self.reader.close()
        self.players.close()

    def make_copier(self) -> None:
        """A function that copies a tenant's rows, ids included: the tenant is part of every key."""
        inserts = "".join(
            f"insert into openstock_core.{table} (tenant_id, {', '.join(names)}) overriding system value "
            f"select u, {', '.join('t.' + name for name in names)} from openstock_core.{table} t cross join unnest(copies) as u "
            "where t.tenant_id = template;\n"
            for table, names in self.db.execute(TABLES).fetchall()
        )
        self.db.execute(
            "create function openstock_test.copy_tenant(template uuid, copies uuid[]) returns void language plpgsql "
            f"set session_replication_role = replica as $$ begin {inserts} end $$"
        )

    def look_at_all_views(self) -> str:
        """A query for the rows of all views, as text, with the day when a hold ends; what maintenance made an op_id of is left out."""
        day = " || jsonb_build_object('expires_at', (v.expires_at at time zone 'UTC')::date)"
        rows = (
            f"'{view}', array(select regexp_replace((to_jsonb(v) - '{{{','.join(unstable)}}}'::text[]{day if ends else ''})::text, "
            f"' [0-9a-f-]{{36}}', '') from openstock.{view} v order by 1)"
            for view, unstable, ends in self.db.execute(VIEWS).fetchall()
        )
        return f"select jsonb_build_object({', '.join(rows)})"

    def template(self, *scenarios: Scenario) -> UUID:
        """A tenant furnished for these, which is only copied."""
        calls = tuple(dict.fromkeys(json.dumps(one) for scenario in scenarios for one in scenario.furnish))
        if calls not in self.templates:
            if calls:
                [tenant] = self.copies(self.template(), 1)
            else:
                [(tenant,)] = self.db.execute("select openstock_admin.create_tenant('Interleavings')").fetchall()
            self.db.execute("select setval('openstock_test.day', 0)")
            for number, (function, request) in enumerate(map(json.loads, calls) if calls else FURNITURE):
                call(self.reader, function, op_id=f"furniture {len(calls)}.{number}", **request, tenant=tenant)
            self.templates[calls] = tenant
        return self.templates[calls]

    def copies(self, template: UUID, count: int) -> list[UUID]:
        """So many tenants like this one."""
        tenants = [uuid4() for _ in range(count)]
        self.db.execute("select openstock_test.copy_tenant(%s, %s)", [template, tenants])
        return tenants

    def path(self, scenario: Scenario, template: UUID) -> list[str]:
        """The places where this call can stop, in their order."""
        key = scenario.name, template
        if key not in self.paths:
            self.db.execute(DAY_1)
            self.paths[key] = self.players.first.path(Part(scenario, "one", "one"), self.copies(template, 1)[0])
        return self.paths[key]

    def do_again(self, tenant: UUID, calls: list[Call]) -> Views:
        """What the views show after these calls."""
        for number, (function, request) in enumerate(calls):
            call(self.reader, function, op_id=f"again {number}", **request, tenant=tenant)
        return self.views(tenant)

    def views(self, tenant: UUID) -> Views:
        """What the views show, but for times and ids."""
        with self.reader.transaction():
            self.reader.execute("select set_config('app.tenant_id', %s, true)", [str(tenant)])
            [(views,)] = self.reader.execute(self.look).fetchall()
        return dict(views)

    def wrong(self, tenants: list[UUID]) -> dict[UUID, list[Any]]:
        """What verify finds in these tenants, and promises of what was not there."""
        found: dict[UUID, list[Any]] = {}
        for query in (VERIFY, OVERSOLD):
            for tenant, *what in self.db.execute(query, {"tenants": tenants}).fetchall():
                found.setdefault(tenant, []).append(what)
        return found

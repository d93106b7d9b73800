"""Writes years of trade into a database, set by set, such that verify finds no fault with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

CHUNK = 50
"""Cycles written at a time."""

# Each cycle receives one unit at each level, promises it and ships it, five levels to a call and to an order.
# The opening stock of the shop is received later than all of it, so that balances begin and end with nothing.
KEYS = """
  create temporary table key as
  select l.product_id, l.warehouse_id, b.location_id, b.status,
         row_number() over (order by l.product_id, l.warehouse_id) - 1 as n, count(*) over () as levels
  from openstock_core.stock_level l
  join openstock_core.stock_bin b
    on b.tenant_id = l.tenant_id and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
  where l.tenant_id = %(tenant)s
"""
# The op_id is a uuid in random order, as the client makes them.
CALLS = """
  create temporary table call as
  select c.cycle, k.call, e.step, e.function, md5(concat_ws(' ', c.cycle, k.call, e.step))::uuid::text as op_id,
         concat('H-', c.cycle, '-', k.call) as order_ref,
         c.cycle * k.calls + k.call + 1 as reservation_id,
         %(since)s::timestamptz + (3 * c.cycle + e.step) * %(tick)s::interval as recorded_at
  from generate_series(%(first)s::bigint, %(last)s::bigint) as c (cycle)
  cross join (select distinct n / 5 as call, (levels + 4) / 5 as calls from key) as k
  cross join (values (0, 'receive'), (1, 'reserve'), (2, 'ship')) as e (step, function)
"""
OPERATIONS = """
  insert into openstock_core.operation (tenant_id, op_id, function, request_hash, answer, recorded_at)
  select %(tenant)s, c.op_id, c.function, sha256(c.op_id::bytea), s.answer, c.recorded_at
  from call c
  cross join (select answer from openstock_core.operation
              where tenant_id = %(tenant)s and function = 'receive' order by recorded_at limit 1) as o
  cross join lateral (select jsonb_agg(a) as answer
                      from jsonb_array_elements(o.answer) with ordinality as a (a, n) where n <= 5) as s
  order by c.recorded_at, c.call
"""
EVENTS = """
  insert into openstock_core.event (tenant_id, op_id, recorded_at)
  select %(tenant)s, c.op_id, c.recorded_at from call c order by c.recorded_at, c.call
"""
RESERVATIONS = """
  insert into openstock_core.reservation (tenant_id, reservation_id, order_ref, created_at) overriding system value
  select %(tenant)s, c.reservation_id, c.order_ref, c.recorded_at from call c where c.function = 'reserve' order by 2
"""
LINES = """
  insert into openstock_core.reservation_line (
    tenant_id, reservation_line_id, reservation_id, line, product_id, warehouse_id, ordered, shipped, created_at)
  overriding system value
  select %(tenant)s, c.cycle * k.levels + k.n + 1, c.reservation_id, k.n %% 5 + 1, k.product_id, k.warehouse_id,
         1, 1, c.recorded_at
  from call c join key k on k.n / 5 = c.call
  where c.function = 'reserve' order by 2
"""
# Entries of a level are numbered in the order of their times, and the opening stock has numbers already: these lie below.
LEDGER = """
  insert into openstock_core.ledger (
    tenant_id, product_id, warehouse_id, recorded_at, entry_id, line, op_id, event_type, location_id, status,
    qty_delta, reserved_delta, on_hand_after, blocked_after, reserved_after, order_ref, reservation_line_id, actor)
  select %(tenant)s, s.product_id, s.warehouse_id, s.recorded_at,
         nextval('openstock_core.ledger_entry_id') - 1000000000000,
         s.n %% 5 + 1, s.op_id, s.event_type,
         case when s.step <> 1 then s.location_id end, case when s.step <> 1 then s.status end,
         s.qty, s.reserved, s.on_hand_after, 0, s.reserved_after,
         case when s.step > 0 then s.order_ref end,
         case when s.step > 0 then s.cycle * s.levels + s.n + 1 end, 'history'
  from (
    select k.*, c.*, v.event_type, v.qty, v.reserved, v.on_hand_after, v.reserved_after
    from call c
    join key k on k.n / 5 = c.call
    join (values (0, 'RECEIPT', 1, 0, 1, 0), (1, 'RESERVE', 0, 1, 1, 1), (2, 'SHIP', -1, -1, 0, 0))
      as v (of_step, event_type, qty, reserved, on_hand_after, reserved_after) on v.of_step = c.step
    order by c.recorded_at, k.n
  ) as s
"""
COUNTED = """
  update openstock_core.stock_level l set version = l.version + %(entries)s
  from key k where l.tenant_id = %(tenant)s and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
"""
# Numbers were computed, so that the rows of one call find each other; the next ones come after them.
NUMBERS = """
  select setval(pg_get_serial_sequence('openstock_core.reservation', 'reservation_id'), max(reservation_id)),
         (select setval(pg_get_serial_sequence('openstock_core.reservation_line', 'reservation_line_id'),
                        max(reservation_line_id)) from openstock_core.reservation_line)
  from openstock_core.reservation
"""
CLOCK = "openstock.server_time()"


def write_history(
    admin: Connection, tenant: UUID, cycles: int, days: float, say: Callable[[str], None] = lambda _: None
) -> int:
    """Let every level of a tenant be received, promised and shipped `cycles` times, evenly until yesterday.

    To be called once, on a tenant that has only received its opening stock; the partitions must be there.
    Returns the number of ledger entries.
    """
    tick = timedelta(days=days) / (3 * cycles)
    given: dict[str, object] = {
        "tenant": tenant, "tick": tick, "since": datetime.now(UTC) - timedelta(days=days + 1), "entries": 3 * cycles,
    }  # fmt: skip
    with admin.transaction():
        admin.execute("set local synchronous_commit = off")
        admin.execute(KEYS, given)
        [(levels,)] = admin.execute("select count(*) from key").fetchall()
        for first in range(0, cycles, CHUNK):
            given |= {"first": first, "last": min(first + CHUNK, cycles) - 1}
            admin.execute(CALLS, given)
            admin.execute("analyze call")
            for statement in (OPERATIONS, EVENTS, RESERVATIONS, LINES, LEDGER):
                admin.execute(statement, given)
            admin.execute("drop table call")
            say(f"{min(first + CHUNK, cycles) * 3 * levels:,} of {cycles * 3 * levels:,} entries")
        admin.execute(COUNTED, given)
        admin.execute(NUMBERS)
        admin.execute("drop table key")
    return cycles * 3 * int(levels)


def add_past_partitions(admin: Connection, months: int) -> None:
    """Partitions of months gone by. The product makes them only ahead; here its clock is set back meanwhile."""
    [(definition,)] = admin.execute(f"select pg_get_functiondef('{CLOCK}'::regprocedure)").fetchall()
    with admin.transaction():
        admin.execute("set local role openstock_api")
        admin.execute(
            f"create or replace function {CLOCK} returns timestamptz language sql volatile parallel safe "
            f"return clock_timestamp() - interval '{months} months'"
        )
        admin.execute("reset role")
        admin.execute("select count(*) from openstock_admin.ensure_partitions(%s)", [months])
        admin.execute("set local role openstock_api")
        admin.execute(definition)

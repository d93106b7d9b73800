"""What was kept for sales channels at each moment of a storm: what put_quotas set, as a trigger notes it, and what promises took and gave back since."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import psycopg

from ..support import Row

Key = tuple[str, str]
NOTHING = Decimal(0)

NOTES = """
    create table if not exists public.kept (
      tenant_id uuid, product_id bigint, warehouse_id bigint, channel_id bigint, qty numeric, at timestamptz);
    create or replace function public.note_what_is_kept() returns trigger language plpgsql security definer as $$
    declare
      stack text;
    begin
      get diagnostics stack = pg_context;
      if stack like '%write_quotas%' then
        insert into public.kept values (new.tenant_id, new.product_id, new.warehouse_id, new.channel_id, new.qty, openstock.server_time());
      end if;
      return null;
    end
    $$;
    create or replace trigger note_what_is_kept after insert or update on openstock_core.channel_quota
    for each row execute function public.note_what_is_kept();
"""
SET = """
    select p.sku::text, w.code::text, c.code::text, k.at, k.qty
    from public.kept k
    join openstock_core.product p using (tenant_id, product_id)
    join openstock_core.warehouse w using (tenant_id, warehouse_id)
    join openstock_core.channel c using (tenant_id, channel_id)
    where k.tenant_id = %s
    order by k.at
"""


def between(times: list[datetime], began: datetime, ended: datetime) -> list[datetime]:
    """Those of these times, in their order, that came after the one and not after the other."""
    return times[bisect_right(times, began) : bisect_right(times, ended)]


def note_what_is_kept(db: psycopg.Connection) -> None:
    """From now on what put_quotas sets is noted: the ledger has none of it."""
    db.execute(NOTES)


class Kept:
    """The units kept for each channel at each level, over time."""

    def __init__(self, db: psycopg.Connection, tenant: UUID, entries: Sequence[Row]) -> None:
        changes: defaultdict[tuple[Key, str], list[tuple[datetime, bool, Decimal]]] = defaultdict(list)
        self.set_at: list[datetime] = []
        for sku, warehouse, channel, at, qty in db.execute(SET, [tenant]):
            changes[(sku, warehouse), channel].append((at, True, qty))
            self.set_at.append(at)
        for entry in entries:
            if entry["quota_delta"]:
                insort(changes[(entry["sku"], entry["warehouse"]), entry["channel"]], (entry["recorded_at"], False, entry["quota_delta"]))
        self.of: defaultdict[Key, dict[str, tuple[list[datetime], list[Decimal]]]] = defaultdict(dict)
        for (key, channel), steps in changes.items():
            kept = [NOTHING]
            for _, is_set, qty in steps:
                kept.append(qty if is_set else kept[-1] + qty)
            assert min(kept) >= 0, f"more was taken than was kept for {channel} at {key}"
            self.of[key][channel] = [at for at, _, _ in steps], kept

    def from_others(self, key: Key, seller: str | None, moment: datetime) -> Decimal:
        """How many units of a level are out of this channel's reach, or of no channel's."""
        return sum((kept[bisect_right(times, moment)] for channel, (times, kept) in self.of[key].items() if channel != seller), NOTHING)

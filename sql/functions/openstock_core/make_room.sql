-- Books what is due at locked levels: all lots that expired, and of the holds that ended, the oldest first, as many as are needed
-- for each of these channels beyond what the caller frees, and as many as their quotas lack; so a flash sale's end does not hold up whoever comes next. Of holds that ended and
-- have units pinned in bins that the caller wants, or that the caller names, all are booked. Writes: what book_due writes.
-- Locks: reservation_line by id, stock_bin by bin_id; the caller gives them up on OS901, and chooses anew.
set local role openstock_owner;

create or replace function openstock_core.make_room(
  tenant uuid, op_id text, needs openstock_core.pick[], freed openstock_core.pick[], bins bigint[], ended bigint[],
  due openstock_core.due, callers openstock_core.sourcing[])
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  missing record;
  holds bigint[] := array[]::bigint[];
begin
  if due.next_expiry_at <= due.at then
    missing := openstock_core.missing_units(tenant, needs, freed, callers, due);
    holds := openstock_core.find_due_holds(tenant, missing.units, due.at, false, channels => missing.channels)
      || openstock_core.find_holds_of_quotas(tenant, needs, callers, due.at)
      || openstock_core.ended_pins(tenant, bins, due.at)
      || array(select l.reservation_line_id from openstock_core.reservation_line l
               where l.tenant_id = tenant and l.reservation_line_id = any (ended) and l.expires_at <= due.at and l.reserved > 0);
  end if;
  if cardinality(holds) = 0 and cardinality(bins) = 0 and cardinality(due.lot_bin_ids) = 0 and cardinality(due.backorder_ids) = 0 then
    return false;
  end if;
  due := openstock_core.lock_due_holds(tenant, due, array(select distinct h from unnest(holds) as h), true);
  perform openstock_core.settle_bins(tenant, op_id, bins, '{}', due);
  -- A picker that still took a hold for alive may have pinned units for it, until the bins were locked.
  if cardinality(openstock_core.ended_pins(tenant, bins, due.at)) > 0 then
    perform openstock_core.fail('OS901', '{"problem": "units were pinned for a hold that has ended"}');
  end if;
  return true;
end
$$;

revoke all on function openstock_core.make_room from public;
grant execute on function openstock_core.make_room to openstock_api;
comment on function openstock_core.make_room is
  'Locks these bins, and books what is due there, and at these levels as far as it is needed; false where there was nothing. Errors: OS901 where a hold was extended or pinned meanwhile.';

reset role;

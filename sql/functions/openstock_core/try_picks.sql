-- One attempt to find and lock the bins that units come from, within a subtransaction of the caller's. Writes: what book_due writes.
-- Locks: stock_bin: at attempt 0 those named and due, by bin_id, then of the others those that are free to lock, by the removal rule;
-- at later attempts, and where whole handling units or certain units are looked for, the named and due ones and all candidates by bin_id, waiting.
-- Reads: what certain_needs and pickable_bins read.
set local role openstock_owner;

create or replace function openstock_core.try_picks(
  tenant uuid, op_id text, needs openstock_core.pick[], removal text, named bigint[], avoided bigint[],
  due openstock_core.due, attempt integer, whole_units boolean)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Bins that holds that ended had pinned wholly are none of the candidates, and become pickable when these are booked.
  bins constant bigint[] := openstock_core.lock_pickable_bins(tenant, needs, removal, named || due.bin_ids, avoided,
      attempt > 0 or whole_units or cardinality(openstock_core.certain_needs(tenant, needs)) > 0)
    || array(select b.bin_id from unnest(due.bin_ids) as b (bin_id) where b.bin_id <> all (avoided));
  picks openstock_core.pick[];
begin
  perform from openstock_core.book_due(tenant, op_id, due);
  if whole_units then
    picks := openstock_core.plan_whole_units(tenant, needs, bins, removal);
  else
    picks := openstock_core.plan_picks(tenant, needs, bins, removal);
  end if;
  if openstock_core.units(picks) = openstock_core.units(needs) then
    return picks;
  end if;
  -- Units that moved while this call waited lie in bins that it has not locked, and holds that ended may keep units pinned: it is
  -- short only if there are none of either.
  if attempt = 0
    or exists (
      select from (select distinct n.product_id, n.warehouse_id from unnest(needs) as n) as k
      cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as c
      where c.bin_id <> all (bins || avoided))
    or (attempt = 1 and cardinality(openstock_core.find_due_holds(tenant, needs, openstock.server_time(), true, avoided)) > 0)
  then
    perform openstock_core.fail('OS901', jsonb_build_object('attempt', attempt));
  end if;
  return picks;
end
$$;

revoke all on function openstock_core.try_picks from public;
grant execute on function openstock_core.try_picks to openstock_api;
comment on function openstock_core.try_picks is
  'Picks for these needs by the removal rule; together less than the needs only where no bin has more. Errors: OS901: give up all locks and try again.';

reset role;

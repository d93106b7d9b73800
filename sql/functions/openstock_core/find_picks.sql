-- Finds and locks the bins that an order's units come from, and books what is due. Writes: what book_due writes.
-- Locks: stock_bin: those named and due, by bin_id, then of the others those that are free to lock, by the removal rule; where that
-- is not enough these locks are given up, and the named and due ones and all candidates are locked by bin_id, waiting.
-- Reads: what pickable_bins reads.
set local role openstock_owner;

create or replace function openstock_core.find_picks(
  tenant uuid, op_id text, needs openstock_core.pick[], removal text, named bigint[], due openstock_core.due)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bins bigint[];
  picks openstock_core.pick[];
begin
  if cardinality(needs) = 0 then
    perform openstock_core.settle_bins(tenant, op_id, named, '{}', due);
    return array[]::openstock_core.pick[];
  end if;
  for attempt in 0 .. 20 loop
    begin
      bins := openstock_core.lock_pickable_bins(tenant, needs, removal, named || due.bin_ids, attempt > 0);
      perform openstock_core.book_due(tenant, op_id, due);
      picks := openstock_core.plan_picks(tenant, needs, bins, removal);
      if openstock_core.units(picks) = openstock_core.units(needs) then
        return picks;
      end if;
      -- Units that moved while this call waited lie in bins that it has not locked: it is short only if there are none.
      if attempt = 0 or exists (
        select from (select distinct n.product_id, n.warehouse_id from unnest(needs) as n) as k
        cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as c
        where c.bin_id <> all (bins))
      then
        perform openstock_core.fail('OS901', jsonb_build_object('attempt', attempt));
      end if;
      return picks;
    exception when sqlstate 'OS901' then
      continue;
    end;
  end loop;
  perform openstock_core.fail('40001', '{"problem": "units kept moving from bin to bin"}');
end
$$;

revoke all on function openstock_core.find_picks from public;
grant execute on function openstock_core.find_picks to openstock_api;
comment on function openstock_core.find_picks is
  'Locks the bins named and others for these needs, and returns picks by the removal rule; together less than the needs only where no bin has more. '
  'Errors: 40001 where units kept moving.';

reset role;

-- Blocks the units that can be promised no longer, whose pins go, and unblocks those that can be promised again: by their status, location and lot at a
-- moment. The levels and bins are locked. Writes: ledger (DEALLOCATE, STATUS), stock_level, stock_bin, allocation.
set local role openstock_owner;

create or replace function openstock_core.judge_bins(
  tenant uuid, op_id text, levels openstock_core.level_key[], bin_ids bigint[], at timestamptz, reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  changing constant bigint[] := array(
    select b.bin_id
    from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.bin_id = any (bin_ids) and b.on_hand > 0
      and b.blocked <> openstock_core.enters_blocked(tenant, b.location_id, b.lot_id, b.status, at));
begin
  perform openstock_core.post(tenant, op_id,
    (select openstock_core.unpin_from_bins(tenant, 0, array_agg(b.bin_id), array_agg(b.allocated), judge_bins.reason)
     from openstock_core.stock_bin b where b.tenant_id = tenant and b.bin_id = any (changing)),
    null, null, null);
  perform openstock_core.post(tenant, op_id, array(
    select row(0, 'STATUS', b.product_id, b.warehouse_id, b.bin_id, 0, case when b.blocked then -b.on_hand else b.on_hand end, 0, 0,
               null, null, null, judge_bins.reason, null, null, null, null, null)::openstock_core.movement
    from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.bin_id = any (changing)
    order by b.bin_id), null, null, null);

  update openstock_core.stock_bin b set blocked = not b.blocked
  where b.tenant_id = tenant and b.bin_id = any (changing);
  update openstock_core.stock_level l set next_block_at = (
    select min(openstock_core.expiry(t.expires_on))
    from openstock_core.stock_bin b
    join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where b.tenant_id = tenant and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
      and b.on_hand > 0 and not b.blocked)
  from unnest(levels) as k
  where l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id;
end
$$;

revoke all on function openstock_core.judge_bins from public;
grant execute on function openstock_core.judge_bins to openstock_api;
comment on function openstock_core.judge_bins is
  'Books of these bins which are blocked from now on, de-allocates their units, and which are blocked no longer; and looks up when the next lot expires at these levels.';

reset role;

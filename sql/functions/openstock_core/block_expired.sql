-- Blocks the units of lots that have expired, and nobody is promised them any more. The levels and bins are locked.
-- Writes: ledger (DEALLOCATE, STATUS), stock_level, stock_bin, allocation.
set local role openstock_owner;

create or replace function openstock_core.block_expired(
  tenant uuid, op_id text, levels openstock_core.level_key[], bin_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform openstock_core.post(tenant, op_id,
    (select openstock_core.unpin_from_bins(tenant, 0, array_agg(b.bin_id), array_agg(b.allocated), 'expired')
     from openstock_core.stock_bin b where b.tenant_id = tenant and b.bin_id = any (bin_ids)),
    null, null, null);
  perform openstock_core.post(tenant, op_id, array(
    select row(0, 'STATUS', b.product_id, b.warehouse_id, b.bin_id, 0, b.on_hand, 0, 0,
               null, null, null, 'expired', null, null, null, null, null)::openstock_core.movement
    from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.bin_id = any (bin_ids)
    order by b.bin_id), null, null, null);

  update openstock_core.stock_bin b set blocked = true
  where b.tenant_id = tenant and b.bin_id = any (bin_ids);
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

revoke all on function openstock_core.block_expired from public;
grant execute on function openstock_core.block_expired to openstock_api;
comment on function openstock_core.block_expired is
  'De-allocates and blocks the units of these bins, and recomputes when the next lot expires at these levels.';

reset role;

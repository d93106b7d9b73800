-- Books units of expired lots as blocked, under the lock of their levels: nobody is promised them any more.
-- Writes: ledger (DEALLOCATE, STATUS), stock_level, stock_bin, allocation. Locks: stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.block_expired_lots(
  tenant uuid, op_id text, product_ids bigint[], warehouse_ids bigint[])
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  now_is constant timestamptz := openstock.server_time();
  expired bigint[];
begin
  expired := array(
    select b.bin_id
    from (select distinct * from unnest(product_ids, warehouse_ids) as u (product_id, warehouse_id)) as k
    join openstock_core.stock_bin b
      on b.tenant_id = tenant and b.product_id = k.product_id and b.warehouse_id = k.warehouse_id
    join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where b.on_hand > 0 and not b.blocked and openstock_core.expiry(t.expires_on) <= now_is);
  perform openstock_core.lock_bins(tenant, expired);

  perform openstock_core.post(tenant, op_id,
    (select openstock_core.unpin_from_bins(tenant, 0, array_agg(b.bin_id), array_agg(b.allocated), 'expired')
     from openstock_core.stock_bin b where b.tenant_id = tenant and b.bin_id = any (expired)),
    null, null, null);
  perform openstock_core.post(tenant, op_id, array(
    select row(0, 'STATUS', b.product_id, b.warehouse_id, b.bin_id, 0, b.on_hand, 0, 0,
               null, null, null, 'expired')::openstock_core.movement
    from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.bin_id = any (expired)
    order by b.bin_id), null, null, null);

  update openstock_core.stock_bin b set blocked = true
  where b.tenant_id = tenant and b.bin_id = any (expired);
  update openstock_core.stock_level l set next_block_at = (
    select min(openstock_core.expiry(t.expires_on))
    from openstock_core.stock_bin b
    join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where b.tenant_id = tenant and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
      and b.on_hand > 0 and not b.blocked)
  from (select distinct * from unnest(product_ids, warehouse_ids) as u (product_id, warehouse_id)) as k
  where l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
    and l.next_block_at <= now_is;
  return cardinality(expired);
end
$$;

revoke all on function openstock_core.block_expired_lots from public;
grant execute on function openstock_core.block_expired_lots to openstock_api;
comment on function openstock_core.block_expired_lots is
  'De-allocates and blocks the units of lots that expired at these levels, which the caller has locked; returns how many bins.';

reset role;

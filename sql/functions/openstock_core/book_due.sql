-- Books what came due at levels: units of expired lots are blocked, and nobody is promised them any more. The levels are locked,
-- and the bins, with the caller's own. Writes: ledger (DEALLOCATE, STATUS), stock_level, stock_bin, allocation.
set local role openstock_owner;

create or replace function openstock_core.book_due(tenant uuid, op_id text, due openstock_core.due) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if due is null then
    return;
  end if;
  perform openstock_core.post(tenant, op_id,
    (select openstock_core.unpin_from_bins(tenant, 0, array_agg(b.bin_id), array_agg(b.allocated), 'expired')
     from openstock_core.stock_bin b where b.tenant_id = tenant and b.bin_id = any (due.bin_ids)),
    null, null, null);
  perform openstock_core.post(tenant, op_id, array(
    select row(0, 'STATUS', b.product_id, b.warehouse_id, b.bin_id, 0, b.on_hand, 0, 0,
               null, null, null, 'expired')::openstock_core.movement
    from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.bin_id = any (due.bin_ids)
    order by b.bin_id), null, null, null);

  update openstock_core.stock_bin b set blocked = true
  where b.tenant_id = tenant and b.bin_id = any (due.bin_ids);
  update openstock_core.stock_level l set next_block_at = (
    select min(openstock_core.expiry(t.expires_on))
    from openstock_core.stock_bin b
    join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where b.tenant_id = tenant and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
      and b.on_hand > 0 and not b.blocked)
  from unnest(due.levels) as k
  where l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id;
end
$$;

revoke all on function openstock_core.book_due from public;
grant execute on function openstock_core.book_due to openstock_api;
comment on function openstock_core.book_due is
  'De-allocates and blocks the units of lots that have expired; does nothing where nothing is due.';

reset role;

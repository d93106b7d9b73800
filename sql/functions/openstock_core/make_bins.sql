-- Finds the bins that units are to enter, making those that are missing. The caller holds the levels' locks and shares
-- the locations' and lots'; an empty bin is nobody else's business then. Writes: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.make_bins(tenant uuid, warehouse_id bigint, keys openstock_core.bin_key[])
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  stamp constant timestamptz := openstock.server_time();
begin
  with wanted as (
    select distinct k.location_id, k.product_id, k.lot_id, k.status,
           k.status <> 'available' or l.kind = 'quarantine'
             or coalesce(openstock_core.expiry(t.expires_on) <= stamp, false) as blocked
    from unnest(keys) as k
    join openstock_core.location l on l.tenant_id = tenant and l.location_id = k.location_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = k.lot_id
  ), refilled as (
    update openstock_core.stock_bin b
    set blocked = w.blocked, received_at = stamp
    from wanted w
    where b.tenant_id = tenant and b.location_id = w.location_id and b.product_id = w.product_id
      and (b.lot_id = w.lot_id or (b.lot_id is null and w.lot_id is null)) and b.status = w.status
      and b.on_hand = 0
  )
  insert into openstock_core.stock_bin (tenant_id, location_id, product_id, lot_id, status, warehouse_id, blocked, received_at)
  select tenant, w.location_id, w.product_id, w.lot_id, w.status, make_bins.warehouse_id, w.blocked, stamp
  from wanted w
  order by w.location_id, w.product_id, w.lot_id, w.status
  on conflict on constraint stock_bin_key_is_unique do nothing;
  return openstock_core.find_bins(tenant, keys);
end
$$;

revoke all on function openstock_core.make_bins from public;
grant execute on function openstock_core.make_bins to openstock_api;
comment on function openstock_core.make_bins is
  'The bins'' ids in the order of the keys. New and refilled bins are blocked where status, location or lot expiry says so.';

reset role;

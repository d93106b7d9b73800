-- Finds the bins that units are to enter, making those that are missing. The caller holds the levels' locks and shares the
-- locations' and lots', and locks the bins afterwards. Writes: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.make_bins(tenant uuid, warehouse_id bigint, keys openstock_core.bin_key[])
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
begin
  insert into openstock_core.stock_bin (tenant_id, location_id, product_id, lot_id, status, handling_unit_id, warehouse_id, blocked, received_at)
  select distinct tenant, k.location_id, k.product_id, k.lot_id, k.status, k.handling_unit_id, make_bins.warehouse_id,
         openstock_core.enters_blocked(tenant, k.location_id, k.lot_id, k.status, stamp), stamp
  from rows from (unnest(keys), unnest(openstock_core.find_bins(tenant, keys))) as k (location_id, product_id, lot_id, status, handling_unit_id, bin_id)
  where k.bin_id is null
  order by k.location_id, k.product_id, k.lot_id, k.status, k.handling_unit_id
  on conflict on constraint stock_bin_key_is_unique do nothing;

  return openstock_core.find_bins(tenant, keys);
end
$$;

revoke all on function openstock_core.make_bins from public;
grant execute on function openstock_core.make_bins to openstock_api;
comment on function openstock_core.make_bins is
  'The bins'' ids in the order of the keys.';

reset role;

-- Looks bins up by their keys. Reads: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.find_bins(tenant uuid, keys openstock_core.bin_key[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select b.bin_id
    from rows from (unnest(keys)) with ordinality as k (location_id, product_id, lot_id, status, handling_unit_id, n)
    left join lateral (
      select s.bin_id from openstock_core.stock_bin s
      where s.tenant_id = tenant and s.location_id = k.location_id and s.product_id = k.product_id
        and s.lot_id = k.lot_id and s.status = k.status and s.handling_unit_id is not distinct from k.handling_unit_id
      union all
      select s.bin_id from openstock_core.stock_bin s
      where k.lot_id is null and s.tenant_id = tenant and s.location_id = k.location_id and s.product_id = k.product_id
        and s.lot_id is null and s.status = k.status and s.handling_unit_id is not distinct from k.handling_unit_id
    ) as b on true
    order by k.n);
end
$$;

revoke all on function openstock_core.find_bins from public;
grant execute on function openstock_core.find_bins to openstock_api;
comment on function openstock_core.find_bins is 'The bins'' ids in the order of the keys, null where there is none.';

reset role;

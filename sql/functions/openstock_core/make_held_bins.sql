-- Finds or makes the bins in which units are held that are missing from others: same place, product and lot, and loose, for they
-- are not found in what was picked from. The levels are locked.
-- Writes: stock_bin. Reads: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.make_held_bins(tenant uuid, sources bigint[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform openstock_core.make_bins(tenant, k.warehouse_id, k.keys)
  from (select b.warehouse_id, array_agg(distinct row(b.location_id, b.product_id, b.lot_id, 'hold', null)::openstock_core.bin_key) as keys
        from openstock_core.stock_bin b
        where b.tenant_id = tenant and b.bin_id = any (sources)
        group by b.warehouse_id) as k;
  return openstock_core.find_bins(tenant, array(
    select row(b.location_id, b.product_id, b.lot_id, 'hold', null)::openstock_core.bin_key
    from unnest(sources) with ordinality as s (bin_id, n)
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = s.bin_id
    order by s.n));
end
$$;

revoke all on function openstock_core.make_held_bins from public;
grant execute on function openstock_core.make_held_bins to openstock_api;
comment on function openstock_core.make_held_bins is
  'The bins'' ids in the order of the sources.';

reset role;

-- The bins that a shipment may touch. Reads: allocation, and what pickable_bins reads.
set local role openstock_owner;

create or replace function openstock_core.shippable_bins(tenant uuid, taken openstock_core.taken_line[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select a.bin_id
    from unnest(taken) as t
    join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id
    union
    select c.bin_id
    from (
      select distinct t.product_id, t.warehouse_id
      from unnest(taken) as t
      where t.qty > (select coalesce(sum(a.qty), 0) from openstock_core.allocation a
                     where a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id)
    ) as k
    cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, null) as c);
end
$$;

revoke all on function openstock_core.shippable_bins from public;
grant execute on function openstock_core.shippable_bins to openstock_api;
comment on function openstock_core.shippable_bins is
  'Bins that hold allocations of these lines, and where those are not enough, all bins with free units of the product there.';

reset role;

-- Locks bins that units could be taken from. Locks: stock_bin; without waiting it takes the ones that the removal rule
-- would take and skips what others hold, otherwise all candidates by bin_id.
set local role openstock_owner;

create or replace function openstock_core.lock_pickable_bins(
  tenant uuid, needs openstock_core.pick[], removal text, wait boolean)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if wait then
    return array(
      select b.bin_id
      from (select distinct n.product_id, n.warehouse_id from unnest(needs) as n) as k
      cross join lateral (
        select * from openstock_core.stock_bin s
        where s.tenant_id = tenant and s.product_id = k.product_id and s.warehouse_id = k.warehouse_id
          and s.on_hand > s.allocated and s.on_hand > 0 and not s.blocked
          and not exists (select from openstock_core.lot t where t.tenant_id = tenant and t.lot_id = s.lot_id
                          and openstock_core.expiry(t.expires_on) <= openstock.server_time())
      ) as b
      order by b.bin_id
      for no key update of b);
  end if;
  return array(
    select b.bin_id
    from (select n.product_id, n.warehouse_id, sum(n.qty) as qty from unnest(needs) as n group by 1, 2) as k
    cross join lateral (
      select c.bin_id from openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as c
      where c.start < k.qty
    ) as c
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = c.bin_id
    for no key update of b skip locked);
end
$$;

revoke all on function openstock_core.lock_pickable_bins from public;
grant execute on function openstock_core.lock_pickable_bins to openstock_api;
comment on function openstock_core.lock_pickable_bins is
  'Locks bins with units that are neither blocked nor allocated for these needs, and returns their ids.';

reset role;

-- Locks bins that units could be taken from, and the bins named. Locks: stock_bin: the named ones by bin_id, then without waiting
-- the ones that the removal rule would take, skipping what others hold; or, waiting, the named ones and all candidates by bin_id.
set local role openstock_owner;

create or replace function openstock_core.lock_pickable_bins(
  tenant uuid, needs openstock_core.pick[], removal text, named bigint[], avoided bigint[], wait boolean)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  candidates bigint[];
begin
  if not wait then
    perform openstock_core.lock_bins(tenant, named);
  end if;
  candidates := array(
    select c.bin_id
    from (select n.product_id, n.warehouse_id, sum(n.qty) as qty from unnest(needs) as n group by 1, 2) as k
    cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as c
    where (wait or c.start < k.qty) and c.bin_id <> all (avoided));
  if wait then
    perform openstock_core.lock_bins(tenant, candidates || named);
    return candidates;
  end if;
  return array(
    select b.bin_id from openstock_core.stock_bin b where b.tenant_id = tenant and b.bin_id = any (candidates)
    for no key update of b skip locked);
end
$$;

revoke all on function openstock_core.lock_pickable_bins from public;
grant execute on function openstock_core.lock_pickable_bins to openstock_api;
comment on function openstock_core.lock_pickable_bins is
  'Locks the bins named, and bins with units that are neither blocked nor allocated for these needs; returns the ids of the latter, those to be avoided left out.';

reset role;

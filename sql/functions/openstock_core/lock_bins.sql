-- Locks bins, waiting, in the one order. Locks: stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.lock_bins(tenant uuid, bin_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(bin_ids) > 0 then
    perform from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.bin_id = any (bin_ids)
    order by b.bin_id
    for no key update;
  end if;
end
$$;

revoke all on function openstock_core.lock_bins from public;
grant execute on function openstock_core.lock_bins to openstock_api;
comment on function openstock_core.lock_bins is 'Locks these bins in order of bin_id until the transaction ends.';

reset role;

-- The bins whose units expired at these levels and are not blocked yet. The levels are locked. Reads: stock_bin, lot.
set local role openstock_owner;

create or replace function openstock_core.due_bins(tenant uuid, levels openstock_core.level_key[], at timestamptz) returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select b.bin_id
    from unnest(levels) as k
    join openstock_core.stock_bin b
      on b.tenant_id = tenant and b.product_id = k.product_id and b.warehouse_id = k.warehouse_id
    join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where b.on_hand > 0 and not b.blocked and openstock_core.expiry(t.expires_on) <= at);
end
$$;

revoke all on function openstock_core.due_bins from public;
grant execute on function openstock_core.due_bins to openstock_api;
comment on function openstock_core.due_bins is 'Bins with unblocked units of lots that have expired by this moment.';

reset role;

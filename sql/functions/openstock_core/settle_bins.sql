-- Locks the bins of a call together with those where something is due, and makes ready what the call relies on: what is due is
-- booked, and empty bins that units are to enter begin anew.
-- Writes: what book_due writes, stock_bin (blocked and received_at of empty ones). Locks: stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.settle_bins(
  tenant uuid, op_id text, bins bigint[], entered bigint[], due openstock_core.due)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
begin
  perform openstock_core.lock_bins(tenant, bins || entered || due.bin_ids);
  perform from openstock_core.book_due(tenant, op_id, due);
  if cardinality(entered) = 0 then
    return;
  end if;
  update openstock_core.stock_bin b
  set blocked = openstock_core.enters_blocked(tenant, b.location_id, b.lot_id, b.status, stamp), received_at = stamp
  where b.tenant_id = tenant and b.bin_id = any (entered) and b.on_hand = 0;
end
$$;

revoke all on function openstock_core.settle_bins from public;
grant execute on function openstock_core.settle_bins to openstock_api;
comment on function openstock_core.settle_bins is
  'Locks bins in the one order and books what is due. Refilled bins are blocked where status, location or lot expiry says so, and are as old as this moment.';

reset role;

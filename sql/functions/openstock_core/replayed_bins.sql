-- Replays a tenant's ledger into bins. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_bins(
  tenant uuid, out location_id bigint, out product_id bigint, out lot_id bigint, out status text, out handling_unit_id bigint, out warehouse_id bigint,
  out on_hand numeric, out blocked numeric, out allocated numeric, out first_recorded_at timestamptz,
  out last_recorded_at timestamptz)
returns setof record
language sql
stable
begin atomic
  select e.location_id, e.product_id, e.lot_id, e.status, e.handling_unit_id, e.warehouse_id,
         trim_scale(sum(e.qty_delta)), trim_scale(sum(e.blocked_delta)), trim_scale(sum(e.allocated_delta)), min(e.recorded_at), max(e.recorded_at)
  from openstock_core.ledger e
  where e.tenant_id = tenant and e.location_id is not null
  group by e.location_id, e.product_id, e.lot_id, e.status, e.handling_unit_id, e.warehouse_id;
end;

revoke all on function openstock_core.replayed_bins from public;
grant execute on function openstock_core.replayed_bins to openstock_maint;
comment on function openstock_core.replayed_bins is
  'What the ledger says that each bin holds.';

reset role;

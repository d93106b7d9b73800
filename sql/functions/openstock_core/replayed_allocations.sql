-- Replays a tenant's ledger into open allocations. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_allocations(
  tenant uuid, out reservation_line_id bigint, out location_id bigint, out product_id bigint, out lot_id bigint, out status text,
  out handling_unit_id bigint, out qty numeric, out first_recorded_at timestamptz)
returns setof record
language sql
stable
begin atomic
  select e.reservation_line_id, e.location_id, e.product_id, e.lot_id, e.status, e.handling_unit_id, trim_scale(sum(e.allocated_delta)), min(e.recorded_at)
  from openstock_core.ledger e
  where e.tenant_id = tenant and e.allocated_delta <> 0
  group by e.reservation_line_id, e.location_id, e.product_id, e.lot_id, e.status, e.handling_unit_id
  having sum(e.allocated_delta) <> 0;
end;

revoke all on function openstock_core.replayed_allocations from public;
grant execute on function openstock_core.replayed_allocations to openstock_maint;
comment on function openstock_core.replayed_allocations is
  'What the ledger says that each line has pinned in each bin.';

reset role;

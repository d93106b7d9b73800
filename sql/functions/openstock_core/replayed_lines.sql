-- Replays a tenant's ledger into reservation lines. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_lines(
  tenant uuid, out reservation_line_id bigint, out order_ref text, out line integer, out product_id bigint, out warehouse_id bigint,
  out reserved numeric, out shipped numeric, out released numeric, out first_recorded_at timestamptz)
returns setof record
language sql
stable
begin atomic
  select e.reservation_line_id, min(e.order_ref), max(e.line) filter (where e.event_type = 'RESERVE'), e.product_id, e.warehouse_id,
         sum(e.reserved_delta),
         coalesce(-sum(e.qty_delta) filter (where e.event_type = 'SHIP'), 0),
         coalesce(-sum(e.reserved_delta) filter (where e.event_type in ('RELEASE', 'EXPIRE')), 0),
         min(e.recorded_at)
  from openstock_core.ledger e
  where e.tenant_id = tenant and e.reservation_line_id is not null
  group by e.reservation_line_id, e.product_id, e.warehouse_id;
end;

revoke all on function openstock_core.replayed_lines from public;
grant execute on function openstock_core.replayed_lines to openstock_maint;
comment on function openstock_core.replayed_lines is
  'What the ledger says that each reservation line has reserved, shipped and released.';

reset role;

-- Replays a tenant's ledger into reservation lines. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_lines(
  tenant uuid, out reservation_line_id bigint, out order_ref text, out line integer, out product_id bigint, out warehouse_id bigint,
  out agreed boolean, out reserved numeric, out shipped numeric, out released numeric, out allocated numeric, out first_recorded_at timestamptz)
returns setof record
language sql
stable
begin atomic
  select e.reservation_line_id, min(e.order_ref), max(e.line) filter (where e.event_type = 'RESERVE'), min(e.product_id), min(e.warehouse_id),
         min(e.product_id) = max(e.product_id) and min(e.warehouse_id) = max(e.warehouse_id)
           and min(e.order_ref) = max(e.order_ref) and count(e.order_ref) = count(*),
         sum(e.reserved_delta),
         coalesce(-sum(e.qty_delta) filter (where e.event_type = 'SHIP'), 0),
         coalesce(-sum(e.reserved_delta) filter (where e.event_type in ('RELEASE', 'EXPIRE')), 0),
         sum(e.allocated_delta), min(e.recorded_at)
  from openstock_core.ledger e
  where e.tenant_id = tenant and e.reservation_line_id is not null
  group by e.reservation_line_id;
end;

revoke all on function openstock_core.replayed_lines from public;
grant execute on function openstock_core.replayed_lines to openstock_maint;
comment on function openstock_core.replayed_lines is
  'What the ledger says that each reservation line has reserved, shipped, released and allocated; agreed is false where its entries '
  'do not all name the same order, product and warehouse.';

reset role;

-- Replays a tenant's ledger into reservation lines. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_lines(
  tenant uuid, out reservation_line_id bigint, out order_ref text, out line integer, out product_id bigint, out warehouse_id bigint,
  out agreed boolean, out reserved numeric, out shipped numeric, out released numeric, out expired numeric, out expires_at timestamptz,
  out allocated numeric, out first_recorded_at timestamptz, out quota_used numeric)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  -- A line's order and number are those of its latest RESERVE or CONFIRM, and its end that of the latest of these or EXTEND: all of them
  -- are written under the line's lock, so that their numbers tell their order.
  select e.reservation_line_id,
         coalesce((array_agg(e.order_ref order by e.entry_id desc) filter (where e.event_type in ('RESERVE', 'CONFIRM')))[1], min(e.order_ref)),
         (array_agg(e.line order by e.entry_id desc) filter (where e.event_type in ('RESERVE', 'CONFIRM')))[1],
         min(e.product_id), min(e.warehouse_id),
         min(e.product_id) = max(e.product_id) and min(e.warehouse_id) = max(e.warehouse_id) and count(e.order_ref) = count(*)
           and coalesce(array_agg(e.order_ref) <@ array_agg(e.order_ref) filter (where e.event_type in ('RESERVE', 'CONFIRM')),
                        min(e.order_ref) = max(e.order_ref)),
         trim_scale(sum(e.reserved_delta)),
         trim_scale(coalesce(-sum(e.qty_delta) filter (where e.event_type = 'SHIP'), 0)),
         trim_scale(coalesce(-sum(e.reserved_delta) filter (where e.event_type = 'RELEASE'), 0)),
         trim_scale(coalesce(-sum(e.reserved_delta) filter (where e.event_type = 'EXPIRE'), 0)),
         (array_agg(e.expires_at order by e.entry_id desc) filter (where e.event_type in ('RESERVE', 'EXTEND', 'CONFIRM')))[1],
         trim_scale(sum(e.allocated_delta)), min(e.recorded_at), trim_scale(-sum(coalesce(e.quota_delta, 0)))
  from openstock_core.ledger e
  where e.tenant_id = tenant and e.reservation_line_id is not null
  group by e.reservation_line_id;
end;

revoke all on function openstock_core.replayed_lines from public;
grant execute on function openstock_core.replayed_lines to openstock_maint;
comment on function openstock_core.replayed_lines is
  'What the ledger says that each reservation line has reserved, shipped, released, expired, allocated and taken from its channel''s quota, and until when it holds; agreed is false '
  'where its entries do not all name one product and warehouse, and orders that it belonged to.';

reset role;

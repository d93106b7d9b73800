-- Replays a tenant's ledger into backorders. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_backorders(
  tenant uuid, out backorder_id bigint, out order_ref text, out line integer, out product_id bigint, out backordered numeric,
  out released numeric, out expired numeric, out expires_at timestamptz, out queued_at timestamptz, out first_recorded_at timestamptz)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select e.backorder_id,
         (array_agg(e.order_ref order by e.entry_id desc) filter (where e.event_type in ('BACKORDER', 'CONFIRM')))[1],
         (array_agg(e.line order by e.entry_id desc) filter (where e.event_type in ('BACKORDER', 'CONFIRM')))[1],
         min(e.product_id), trim_scale(sum(coalesce(e.backordered_delta, 0))),
         trim_scale(coalesce(-sum(e.backordered_delta) filter (where e.event_type = 'RELEASE'), 0)),
         trim_scale(coalesce(-sum(e.backordered_delta) filter (where e.event_type = 'EXPIRE'), 0)),
         (array_agg(e.expires_at order by e.entry_id desc) filter (where e.event_type in ('BACKORDER', 'EXTEND', 'CONFIRM')))[1],
         max(e.recorded_at) filter (where e.event_type = 'CONFIRM' or e.backordered_delta > 0), min(e.recorded_at)
  from openstock_core.ledger e
  where e.tenant_id = tenant and e.backorder_id is not null
  group by e.backorder_id;
end;

revoke all on function openstock_core.replayed_backorders from public;
grant execute on function openstock_core.replayed_backorders to openstock_maint;
comment on function openstock_core.replayed_backorders is
  'What the ledger says that each backorder waits for, of which order, since and until when.';

reset role;

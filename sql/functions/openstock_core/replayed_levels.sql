-- Replays a tenant's ledger into stock levels. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_levels(
  tenant uuid, out product_id bigint, out warehouse_id bigint, out on_hand numeric, out blocked numeric, out reserved numeric,
  out version bigint, out last_recorded_at timestamptz)
returns setof record
language sql
stable
begin atomic
  select e.product_id, e.warehouse_id, trim_scale(sum(e.qty_delta)), trim_scale(sum(e.blocked_delta)), trim_scale(sum(e.reserved_delta)), count(*), max(e.recorded_at)
  from openstock_core.ledger e
  where e.tenant_id = tenant and openstock_core.is_chained(e.event_type, e.backordered_delta)
  group by e.product_id, e.warehouse_id;
end;

revoke all on function openstock_core.replayed_levels from public;
grant execute on function openstock_core.replayed_levels to openstock_maint;
comment on function openstock_core.replayed_levels is
  'What the ledger says that each stock level is.';

reset role;

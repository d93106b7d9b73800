-- Writes what the caller says of an order: what is given replaces what was, metadata key by key. The order is locked. Writes: reservation.
set local role openstock_owner;

create or replace function openstock_core.set_order_details(
  tenant uuid, order_id bigint, priority integer, promised_at timestamptz, metadata jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update openstock_core.reservation r
  set priority = coalesce(set_order_details.priority, r.priority),
      promised_at = coalesce(set_order_details.promised_at, r.promised_at),
      metadata = r.metadata || coalesce(set_order_details.metadata, '{}')
  where r.tenant_id = tenant and r.reservation_id = order_id;
end
$$;

revoke all on function openstock_core.set_order_details from public;
grant execute on function openstock_core.set_order_details to openstock_api;
comment on function openstock_core.set_order_details is 'Sets an order''s priority, promised time and metadata, where given.';

reset role;

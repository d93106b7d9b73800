-- Locks an order that must be there. Writes and locks: as lock_order.
set local role openstock_owner;

create or replace function openstock_core.lock_known_order(tenant uuid, order_ref text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  order_id constant bigint := openstock_core.lock_order(tenant, order_ref, false);
begin
  if order_id is null then
    perform openstock_core.fail('OS301', jsonb_build_object('order_ref', order_ref));
  end if;
  return order_id;
end
$$;

revoke all on function openstock_core.lock_known_order from public;
grant execute on function openstock_core.lock_known_order to openstock_api;
comment on function openstock_core.lock_known_order is 'Locks an order and returns its id. Errors: OS301.';

reset role;

-- Locks an order, and another that its holds are to go to and that may be new, in the one order. Writes: reservation. Locks: order, by
-- order_ref.
set local role openstock_owner;

create or replace function openstock_core.lock_orders(tenant uuid, order_ref text, new_order_ref text) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  order_id bigint;
  new_order_id bigint;
begin
  if new_order_ref collate "C" < order_ref then
    new_order_id := openstock_core.lock_order(tenant, new_order_ref, true);
  end if;
  order_id := openstock_core.lock_known_order(tenant, order_ref);
  if new_order_ref collate "C" > order_ref then
    new_order_id := openstock_core.lock_order(tenant, new_order_ref, true);
  end if;
  return array[order_id, new_order_id];
end
$$;

revoke all on function openstock_core.lock_orders from public;
grant execute on function openstock_core.lock_orders to openstock_api;
comment on function openstock_core.lock_orders is 'The ids of both orders, locked; of the second null where it is not named. Errors: OS301.';

reset role;

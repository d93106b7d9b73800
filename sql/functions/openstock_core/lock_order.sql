-- Locks an order by its row for this transaction. Writes: reservation (changes; the row itself, where the order may be new).
-- Locks: order. Each call leaves a trace in the row, which from repeatable read on a transaction that cannot see it trips over (40001).
set local role openstock_owner;

create or replace function openstock_core.lock_order(tenant uuid, order_ref text, may_be_new boolean) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  order_id bigint;
begin
  for attempt in 1 .. 2 loop
    update openstock_core.reservation r set changes = r.changes + 1
    where r.tenant_id = tenant and r.order_ref = lock_order.order_ref
    returning r.reservation_id into order_id;
    exit when found or not may_be_new;
    insert into openstock_core.reservation (tenant_id, order_ref, created_at)
    values (tenant, lock_order.order_ref, openstock.server_time())
    on conflict on constraint reservation_order_ref_is_unique do nothing
    returning reservation_id into order_id;
    exit when found;
  end loop;
  return order_id;
end
$$;

revoke all on function openstock_core.lock_order from public;
grant execute on function openstock_core.lock_order to openstock_api;
comment on function openstock_core.lock_order is
  'Waits for other transactions that change the same order, keeps them out until this one ends, and returns its id; null where there is none.';

reset role;

-- Locks an order for this transaction, also one that has no row yet. Writes: reservation (changes). Locks: order (advisory, then
-- its row: from repeatable read on, a transaction that cannot see the other's change to the order ends in 40001 here).
set local role openstock_owner;

create or replace function openstock_core.lock_order(tenant uuid, order_ref text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(tenant::text || ' order ' || order_ref, 0));
  update openstock_core.reservation r set changes = r.changes + 1
  where r.tenant_id = tenant and r.order_ref = lock_order.order_ref;
end
$$;

revoke all on function openstock_core.lock_order from public;
grant execute on function openstock_core.lock_order to openstock_api;
comment on function openstock_core.lock_order is 'Waits for other transactions that change the same order, and keeps them out until this one ends.';

reset role;

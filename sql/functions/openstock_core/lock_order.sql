-- Locks an order for this transaction, also one that has no row yet. Locks: order (advisory).
set local role openstock_owner;

create or replace function openstock_core.lock_order(tenant uuid, order_ref text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(tenant::text || ' order ' || order_ref, 0));
end
$$;

revoke all on function openstock_core.lock_order from public;
grant execute on function openstock_core.lock_order to openstock_api;
comment on function openstock_core.lock_order is 'Waits for other transactions that change the same order, and keeps them out until this one ends.';

reset role;

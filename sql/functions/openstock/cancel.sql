-- Gives back all of an order that has not gone. Writes: operation, event, and what give_back writes. Locks: operation, and what give_back
-- locks.
set local role openstock_api;

create or replace function openstock.cancel(op_id text, order_ref text, reason text default null, tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'reason', reason);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'cancel', arguments);
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(null, null, reason, null);
    answer := openstock_core.give_back(acting, op_id, order_ref, null, coalesce(reason, 'cancelled'), 'cancelled');
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.cancel from public;
grant execute on function openstock.cancel to openstock_app;
comment on function openstock.cancel is
  'Gives back all that an order has promised and that has not been shipped, and de-allocates it; what was shipped stays shipped. '
  'Returns one row per line and warehouse. Errors: 22023, OS010, OS301, OS302, OS305.';

reset role;

-- Gives stock that came free to whoever waits for it. Writes and locks: see openstock_core.fill_from_stock.
set local role openstock_api;

create or replace function openstock.fill_backorders(
  op_id text default null, max_rows integer default 1000, tenant uuid default null)
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
begin
  return query
  select * from jsonb_populate_recordset(null::openstock.reservation_change, openstock_core.fill_from_stock(acting, op_id, max_rows));
end
$$;

revoke all on function openstock.fill_backorders from public;
grant execute on function openstock.fill_backorders to openstock_app;
comment on function openstock.fill_backorders is
  'Promises available stock to backorders: of each product by priority of the order, then age; those that name a warehouse only from there, others from '
  'warehouses by priority; at most so many backorders (1 to 10,000) of 100 products. Returns a row with outcome filled per line and warehouse; what is filled in '
  'part keeps its place. Orders that are in use keep theirs, and their units. Any number may run at once: a product at which another works is passed over. No row: nothing could be filled, or others are at it. op_id may be left out: '
  'then a call that finds nothing to do leaves no trace. Errors: 22023, OS010.';

reset role;

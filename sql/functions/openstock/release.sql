-- Gives promised stock back. Writes: operation, event, and what give_back writes. Locks: operation, and what give_back locks.
set local role openstock_api;

create or replace function openstock.release(
  op_id text, order_ref text, lines jsonb default null, reason text default null, tenant uuid default null)
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
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'lines', lines, 'reason', reason);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'release', arguments);
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(null, null, reason, null);
    if lines is not null then
      perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "qty": "number"}', 1000, 'line and warehouse');
    end if;
    answer := openstock_core.give_back(acting, op_id, order_ref, lines, reason, 'released');
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.release from public;
grant execute on function openstock.release to openstock_app;
comment on function openstock.release is
  'Gives an order''s promised stock back: all of it, or lines: each names a line or a sku (and a warehouse), with qty or all that is reserved. '
  'Of a line of kits, qty counts kits, or with the line the units of a component. '
  'What waits for stock goes first, the youngest before the older; pinned units go last and are de-allocated. Returns one row per line and warehouse. Errors: 22023, OS010, OS110, OS301, OS302, OS303, OS305.';

reset role;

-- Creates and changes sales channels. Writes: operation, event, channel. Locks: operation, names, channel by code.
set local role openstock_api;

create or replace function openstock.put_channels(op_id text, lines jsonb, tenant uuid default null)
returns setof openstock.put_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('lines', lines);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_channels', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "code": "code!", "name": "text",
      "uses_safety_stock": "boolean", "active": "boolean"}', 10000, 'line');
    answer := openstock_core.write_channels(acting, lines);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.put_result, answer);
end
$$;

revoke all on function openstock.put_channels from public;
grant execute on function openstock.put_channels to openstock_app;
comment on function openstock.put_channels is
  'Creates sales channels, or changes the keys given of those that exist. lines: code, name (default: the code), uses_safety_stock (default false: what is reserved '
  'for it may use the products'' safety stock), active. Where one is no longer active, nothing is reserved for it any more, and what its orders give back can be '
  'promised to all; what is kept for it already stays so until put_quotas changes it. Returns one row per line. Errors: 22023, OS010.';

reset role;

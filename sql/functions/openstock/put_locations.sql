-- Creates and changes the bins of a warehouse.
-- Writes: operation, event, location. Locks: operation, names, location by location_id.
set local role openstock_api;

create or replace function openstock.put_locations(op_id text, warehouse text, lines jsonb, tenant uuid default null)
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
  arguments constant jsonb := jsonb_build_object('warehouse', warehouse, 'lines', lines);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_locations', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "code": "code!", "kind": "code",
      "pick_order": "integer", "active": "boolean"}', 10000, 'line');
    answer := openstock_core.write_locations(acting, openstock_core.find_warehouse(acting, warehouse, false), lines);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.put_result, answer);
end
$$;

revoke all on function openstock.put_locations from public;
grant execute on function openstock.put_locations to openstock_app;
comment on function openstock.put_locations is
  'Creates locations of a warehouse, or changes the keys given of those that exist. lines: code, kind (receiving, storage, picking, packing or '
  'quarantine; default storage), pick_order, active. A location that holds stock keeps its kind and stays active. Returns one row per line. '
  'That change is made at READ COMMITTED. Errors: 22023, OS010, OS103, OS120, OS121.';

reset role;

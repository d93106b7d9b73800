-- Creates and changes warehouses.
-- Writes: operation, event, warehouse, location (DEFAULT). Locks: operation, names, warehouse by code.
set local role openstock_api;

create or replace function openstock.put_warehouses(op_id text, lines jsonb, tenant uuid default null)
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
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_warehouses', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "code": "code!", "name": "text",
      "address": "object", "latitude": "degrees", "longitude": "degrees", "priority": "integer",
      "shipping_cost": "number", "shipping_cost_by_zone": "object", "active": "boolean"}', 10000, 'line');
    answer := openstock_core.write_warehouses(acting, lines);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.put_result, answer);
end
$$;

revoke all on function openstock.put_warehouses from public;
grant execute on function openstock.put_warehouses to openstock_app;
comment on function openstock.put_warehouses is
  'Creates warehouses, each with a bin DEFAULT, or changes the keys given of those that exist. lines: code, name (default: the code), address (object), '
  'latitude and longitude (degrees, WGS 84; both or neither), priority (the lowest is asked for stock first, default 100), '
  'shipping_cost (of one shipment from here), shipping_cost_by_zone (object of destination zone to cost, at most 1,000, for which '
  'shipping_cost is the default; replaced as a whole), active. A key that is null clears latitude, longitude and the costs; one that is absent '
  'leaves its value. Returns one row per line. Errors: 22023, OS010.';

reset role;

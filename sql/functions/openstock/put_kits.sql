-- Says what kits are made of. Writes: operation, event, and what write_kits writes. Locks: operation, product by product_id.
set local role openstock_api;

create or replace function openstock.put_kits(op_id text, lines jsonb, tenant uuid default null)
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
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_kits', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code!", "components": "array!"}', 1000, 'line');
    perform openstock_core.check_components(lines);
    answer := openstock_core.write_kits(acting, lines);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.put_result, answer);
end
$$;

revoke all on function openstock.put_kits from public;
grant execute on function openstock.put_kits to openstock_app;
comment on function openstock.put_kits is
  'Makes products kits, which are sold as one and sent as their components. lines: sku and components, an array of at most 100 objects with sku and qty (units in one '
  'kit, positive), which replace what the kit was made of; [] makes it an ordinary product again. A kit has no stock of its own: a product that was ever stocked does not '
  'become one, and a kit is not part of another. What is reserved stays as it is. Returns one row per line: created, updated or unchanged. '
  'Errors: 22023, OS010, OS101, OS110, OS120.';

reset role;

-- Creates and changes products.
-- Writes: operation, event, product, stock_level (safety_stock). Locks: operation, names, product by product_id, stock_level by (product, warehouse).
set local role openstock_api;

create or replace function openstock.put_products(op_id text, lines jsonb, tenant uuid default null)
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
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_products', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code!", "name": "document",
      "description": "document", "unit": "code", "decimals": "integer", "tracking": "code", "removal": "code",
      "backorder": "code", "backorder_limit": "number", "safety_stock": "number", "reorder_point": "number",
      "reorder_quantity": "number", "lead_time_days": "days", "attributes": "object", "active": "boolean"}', 10000, 'line');
    answer := openstock_core.write_products(acting, lines);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.put_result, answer);
end
$$;

revoke all on function openstock.put_products from public;
grant execute on function openstock.put_products to openstock_app;
comment on function openstock.put_products is
  'Creates products, or changes the keys given of those that exist. lines: sku, name (required for a new one), description, unit (UN/CEFACT '
  'Rec 20 code, default C62), decimals (0 to 6), tracking (none, lot, serial: whole units, each with a name), removal (fefo, fifo, lifo, fewest_bins), backorder (none, unlimited, limited), backorder_limit, '
  'safety_stock, reorder_point, reorder_quantity, lead_time_days, attributes (object), active. Tracking and fewer decimals are refused once the '
  'product has a ledger, fewer decimals also where quotas or kits use them. Returns one row per line. Errors: 22023, OS010, OS120.';

reset role;

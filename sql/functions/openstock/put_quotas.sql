-- Sets what is kept for sales channels at a warehouse. Writes: operation, event, and what read_quota_lines and write_quotas write.
-- Locks: operation, product by product_id, stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock.put_quotas(op_id text, warehouse text, lines jsonb, tenant uuid default null)
returns setof openstock.quota_change
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
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_quotas', arguments);
  place bigint;
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "channel": "code!", "sku": "code!", "qty": "number!"}', 10000, 'line');
    place := openstock_core.find_warehouse(acting, warehouse, false);
    answer := openstock_core.write_quotas(acting, op_id, place, openstock_core.read_quota_lines(acting, lines));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.quota_change, answer);
end
$$;

revoke all on function openstock.put_quotas from public;
grant execute on function openstock.put_quotas to openstock_app;
comment on function openstock.put_quotas is
  'Keeps units of products at a warehouse for sales channels: only they are promised them. lines: channel, sku, qty (units to keep from now on, whatever was kept and '
  'used before; 0: none). May be more than there is: what comes in is then kept first. Safety stock goes before the quota of a channel that may not '
  'use it: choose quotas whose sum and the safety stock fit into the stock. Returns one row per line, with the balances after all. '
  'Errors: 22023, OS010, OS101, OS103, OS110, OS116, OS117.';

reset role;

-- Says that units which a picker was sent for are not there: they are un-pinned and held, and others pinned instead.
-- Writes: operation, event, ledger (DEALLOCATE, STATUS, ALLOCATE), stock_level, stock_bin, reservation_line (changes), allocation, and what
-- book_due writes. Locks: operation, order, stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
-- The units stay at their location and lot, and enter as held, which nothing about either can change: so neither is shared.
set local role openstock_api;

create or replace function openstock.short_pick(
  op_id text, order_ref text, lines jsonb, reason text default 'short pick', tenant uuid default null)
returns setof openstock.allocation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'lines', lines, 'reason', coalesce(reason, 'short pick'));
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'short_pick', arguments);
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(null, null, reason, null);
    perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "location": "code!", "lot": "code",
      "qty": "number! or serials", "serials": "codes"}', 1000, null);
    answer := openstock_core.replace_pins(acting, op_id, order_ref, lines, coalesce(reason, 'short pick'));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.allocation_change, answer);
end
$$;

revoke all on function openstock.short_pick from public;
grant execute on function openstock.short_pick to openstock_app;
comment on function openstock.short_pick is
  'Records that a picker did not find units pinned to an order, and finds others. lines: location and qty (what is missing), and line or sku, optionally '
  'warehouse and lot; serials (which pieces are missing; qty may be left out) where the product is tracked by serial, otherwise the first pinned there. The missing units are de-allocated and become held at their location (status hold: on_hand stays until a count decides, and nobody is '
  'promised them); as many are pinned elsewhere, never in the bins named. Returns rows with outcome deallocated, held, allocated and short. '
  'Errors: 22023, OS010, OS110, OS112, OS301, OS302, OS303 (less is pinned there), OS305.';

reset role;

-- Gives promised stock back. Writes: operation, event, ledger (RELEASE, DEALLOCATE), stock_level, stock_bin,
-- reservation_line, allocation.
-- Locks: operation, order, stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
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
  taking openstock_core.taking;
  entries openstock_core.posted[];
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(null, null, reason, null);
    if lines is not null then
      perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "qty": "number"}', 1000, 'line and warehouse');
    end if;
    taking := openstock_core.take_order_lines(acting, order_ref, lines);
    perform openstock_core.settle_bins(acting, op_id, array(
      select distinct a.bin_id from unnest(taking.lines) as t
      join openstock_core.allocation a on a.tenant_id = acting and a.reservation_line_id = t.reservation_line_id), '{}', taking.due);

    entries := array(
      select p from openstock_core.post(acting, op_id,
        openstock_core.unpin_from_lines(acting, order_ref, taking.lines, reason) || array(
          select row(t.line, 'RELEASE', t.product_id, t.warehouse_id, null, 0, 0, -t.qty, 0,
                     t.reservation_line_id, order_ref, null, reason)::openstock_core.movement
          from unnest(taking.lines) as t), null, null, null) as p);
    -- A statement of its own: within the one above, the lines would still be what they were before.
    answer := openstock_core.reservation_answer(acting, order_ref, 'released', entries);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.release from public;
grant execute on function openstock.release to openstock_app;
comment on function openstock.release is
  'Gives an order''s promised stock back: all of it, or lines: each names a line or a sku (and a warehouse), with qty or all that is reserved. '
  'Pinned units go last and are de-allocated. Returns one row per line and warehouse. Errors: 22023, OS010, OS110, OS301, OS303.';

reset role;

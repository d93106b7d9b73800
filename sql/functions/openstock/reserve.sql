-- Promises stock to an order. Writes: operation, event, reservation, reservation_line, ledger (RESERVE), stock_level.
-- Locks: operation, order, stock_level by (product, warehouse).
set local role openstock_api;

create or replace function openstock.reserve(
  op_id text, order_ref text, lines jsonb,
  warehouse text default null, on_shortage text default 'reject', tenant uuid default null)
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
  arguments constant jsonb := jsonb_build_object(
    'order_ref', order_ref, 'lines', lines, 'warehouse', warehouse, 'on_shortage', on_shortage);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'reserve', arguments);
  order_id bigint;
  wanted openstock_core.order_line[];
  locked openstock_core.level_key[] := array[]::openstock_core.level_key[];
  levels_before integer;
  parts openstock_core.order_line[];
  short boolean;
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_choice('on_shortage', on_shortage, array['reject', 'error']);
    perform openstock_core.check_lines(lines, '{"sku": "code!", "qty": "number!", "line": "integer", "warehouse": "code"}', 1000, 'line');
    wanted := openstock_core.read_order_lines(acting, lines, openstock_core.check_text('warehouse', 'code', warehouse));
    order_id := openstock_core.lock_order(acting, order_ref, true);
    wanted := openstock_core.number_lines(acting, order_id, order_ref, wanted);

    -- While it waited for locks, another level may have come into being, or its warehouse been opened: it is short only
    -- when there is none left to lock.
    for attempt in 1 .. 10 loop
      levels_before := cardinality(locked);
      locked := openstock_core.lock_candidate_levels(acting, op_id, wanted, locked);
      parts := array(select p from openstock_core.plan_reservation(acting, wanted, locked) as p);
      short := (select sum(w.qty) from unnest(wanted) as w) > coalesce((select sum(p.qty) from unnest(parts) as p), 0);
      exit when not short or cardinality(locked) = levels_before;
      if attempt = 10 then
        perform openstock_core.fail('40001', '{"problem": "stock levels keep coming into being"}');
      end if;
    end loop;

    if short then
      perform openstock_core.refuse_stale_shortage(acting, wanted);
      answer := openstock_core.shortage_answer(acting, order_ref, wanted, parts);
      delete from openstock_core.reservation r
      where r.tenant_id = acting and r.reservation_id = order_id
        and not exists (select from openstock_core.reservation_line l where l.tenant_id = acting and l.reservation_id = order_id);
      if on_shortage = 'error' then
        perform openstock_core.fail('OS201', jsonb_build_object('order_ref', order_ref, 'lines', (
          select jsonb_agg(jsonb_build_object('line', s.line, 'sku', s.sku, 'qty_ordered', s.qty_ordered,
                                              'available', s.available, 'qty_short', s.qty_short))
          from jsonb_populate_recordset(null::openstock.reservation_change, answer) as s where s.qty_short > 0)));
      end if;
    else
      answer := openstock_core.promise(acting, op_id, order_id, order_ref, parts);
    end if;
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.reserve from public;
grant execute on function openstock.reserve to openstock_app;
comment on function openstock.reserve is
  'Promises stock to an order, all lines or none. lines: sku, qty (positive), and optionally line (its number in the order) and warehouse; '
  'without a warehouse, active warehouses are asked by priority, and one line may be split over several. On an open order it adds lines. '
  'on_shortage: reject (outcome rejected, nothing is promised) or error (OS201). Returns one row per line and warehouse. '
  'Errors: 22023, OS010, OS101 to OS104, OS110, OS201, OS302, OS304; 40001 also at '
  'READ COMMITTED, where a stock level came into being meanwhile and is in use.';

reset role;

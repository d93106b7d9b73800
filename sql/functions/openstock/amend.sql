-- Changes what an order's lines are to be, in one step: what is wanted less is given back, what is wanted more is promised, also of what the order gives
-- back itself. Writes: operation, event, and what release_units and promise_or_refuse write, and what book_due writes.
-- Locks: operation, order, and what find_stock locks: stock_level by (product, warehouse), backlog by product_id, backorder by id, reservation_line by id,
-- stock_bin by bin_id. The order's own lines and backorders change only under its lock, or under that of their level or backlog, which are held too.
set local role openstock_api;

create or replace function openstock.amend(
  op_id text, order_ref text, lines jsonb, on_shortage text default 'reject', reason text default null, strategy text default 'priority',
  destination jsonb default null, tenant uuid default null)
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
    'order_ref', order_ref, 'lines', lines, 'on_shortage', on_shortage, 'reason', reason, 'strategy', strategy, 'destination', destination);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'amend', arguments);
  sourcing openstock_core.sourcing;
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_choice('on_shortage', on_shortage, array['reject', 'partial', 'backorder', 'error']);
    perform openstock_core.check_call(null, null, reason, null);
    sourcing := openstock_core.read_sourcing(strategy, destination);
    perform openstock_core.check_completeness(strategy, on_shortage);
    perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "qty": "number!"}', 1000, 'line');
    answer := openstock_core.amend_order(acting, op_id, order_ref, lines, on_shortage, reason, sourcing);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.amend from public;
grant execute on function openstock.amend to openstock_app;
comment on function openstock.amend is
  'Changes what an order''s lines are to be, all of them in one step. lines: qty, what is wanted of the line in all, with what was shipped of it (0: no more than that), and '
  'line, or the sku of the order''s only line of this product; a sku that the order has no line of is a new line. Of a line of kits, qty counts kits, or with the line the units of a component. What is wanted less is given back: what waits first, then what is not pinned, then pins; '
  'what is wanted more is promised, from the warehouse that the entry names or by strategy (see reserve), also of what other lines give back. on_shortage as in reserve: with reject and error, an order that '
  'cannot have all stays as it was. Lines keep their end, which more of them has too; a new line ends when the order''s last hold does, or not at all if it has any promise without end. '
  'What is new comes through the sales channel of the order''s lines, if they have one in common. '
  'Returns rows released, reserved and so on, one per line and warehouse; none where nothing changes. '
  'Errors: 22023, OS010, OS101 to OS104, OS110, OS117, OS201, OS301, OS302, OS303 (less than was shipped), OS305; 40001 also at READ COMMITTED, as reserve, and where a hold ends meanwhile.';

reset role;

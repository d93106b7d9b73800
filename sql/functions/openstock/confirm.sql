-- Turns an order's holds into promises without end, in another order if wanted. Writes: operation, event, reservation, reservation_line,
-- backorder, ledger (CONFIRM). Locks: operation, order (both, by order_ref), backorder by id, reservation_line by id; no level: the units
-- stay promised.
set local role openstock_api;

create or replace function openstock.confirm(
  op_id text, order_ref text, new_order_ref text default null, on_expired text default 'error', tenant uuid default null)
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
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'new_order_ref', new_order_ref, 'on_expired', on_expired);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'confirm', arguments);
  arrival constant timestamptz := openstock.server_time();
  order_ids bigint[];
  held record;
  ended jsonb;
  entries openstock_core.posted[];
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    new_order_ref := nullif(openstock_core.check_text('new_order_ref', 'code', new_order_ref), order_ref);
    perform openstock_core.check_choice('on_expired', on_expired, array['error', 'skip']);
    order_ids := openstock_core.lock_orders(acting, order_ref, new_order_ref);
    select h.line_ids, h.backorder_ids into held from openstock_core.lock_holds(acting, order_ids[1], order_ref, arrival) as h;
    ended := openstock_core.ended_holds(acting, order_ids[1], arrival);
    if ended <> '[]' and on_expired is distinct from 'skip' then
      perform openstock_core.fail('OS305', jsonb_build_object('order_ref', order_ref, 'lines', ended));
    end if;
    if new_order_ref is not null then
      perform openstock_core.move_lines(acting, order_ids[1], order_ids[2], new_order_ref, held.line_ids, held.backorder_ids);
    end if;

    entries := array(
      select p from openstock_core.post(acting, op_id, array(
        select row(l.line, 'CONFIRM', l.product_id, l.warehouse_id, null, 0, 0, 0, 0, l.reservation_line_id,
                   coalesce(new_order_ref, order_ref), null, null, null, null, null, null, null)::openstock_core.movement
        from openstock_core.reservation_line l
        where l.tenant_id = acting and l.reservation_line_id = any (held.line_ids)
        order by l.line, l.reservation_line_id)
        || openstock_core.backorder_movements(acting, 'CONFIRM', null, held.backorder_ids, null, null, null), null, case when new_order_ref is not null then order_ref end, null) as p);
    answer := openstock_core.reservation_answer(acting, 'confirmed', entries);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.confirm from public;
grant execute on function openstock.confirm to openstock_app;
comment on function openstock.confirm is
  'Makes an order''s holds promises without end; nothing is given back meanwhile, and what is pinned stays pinned; what waits for stock joins the queue. new_order_ref: they become lines of '
  'that order, which may be new or open, after its highest line and in the same order, and the old order_ref can no more be used; '
  'what that order does not say itself of priority, promised time and metadata, it takes over. '
  'on_expired: error (OS305 where any hold of the order has ended) or skip (confirms the others). Returns one row per line and warehouse; the stock level '
  'is not touched: its balances are null. Errors: 22023, OS010, OS301, OS302, OS305, OS306.';

reset role;

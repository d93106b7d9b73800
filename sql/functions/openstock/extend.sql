-- Prolongs an order's holds. Writes: operation, event, ledger (EXTEND), reservation_line, backorder.
-- Locks: operation, order, backorder by id, reservation_line by id; no level: a later end takes nothing from anybody, and a busy product need not wait for it.
set local role openstock_api;

create or replace function openstock.extend(op_id text, order_ref text, ttl interval, tenant uuid default null)
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
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'ttl', extract(epoch from ttl));
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'extend', arguments);
  arrival constant timestamptz := openstock.server_time();
  seconds double precision;
  order_id bigint;
  held record;
  entries openstock_core.posted[];
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    seconds := openstock_core.check_ttl(ttl);
    if seconds is null then
      perform openstock_core.fail('22023', '{"argument": "ttl", "problem": "missing"}');
    end if;
    order_id := openstock_core.lock_known_order(acting, order_ref);
    select h.line_ids, h.backorder_ids into held from openstock_core.lock_holds(acting, order_id, order_ref, arrival) as h;

    entries := array(
      select p from openstock_core.post(acting, op_id, array(
        select row(l.line, 'EXTEND', l.product_id, l.warehouse_id, null, 0, 0, 0, 0, l.reservation_line_id, order_ref, null, null,
                   greatest(l.expires_at, arrival + make_interval(secs => seconds)), null, null, null, null)::openstock_core.movement
        from openstock_core.reservation_line l
        where l.tenant_id = acting and l.reservation_line_id = any (held.line_ids)
        order by l.line, l.reservation_line_id)
        || openstock_core.backorder_movements(acting, 'EXTEND', null, held.backorder_ids, null, null, arrival + make_interval(secs => seconds)),
        null, null, null) as p);
    -- A statement of its own: within the one above, the lines would still be what they were before.
    answer := openstock_core.reservation_answer(acting, 'extended', entries) || openstock_core.ended_holds(acting, order_id, arrival);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.extend from public;
grant execute on function openstock.extend to openstock_app;
comment on function openstock.extend is
  'Lets an order''s holds end this long from now (see reserve''s ttl), and none sooner than it would. Returns a row with outcome extended per line and '
  'warehouse that is held, and one with outcome expired where a hold of the order has ended already. The stock level is not touched: its balances are null. '
  'Errors: 22023, OS010, OS301, OS302, OS305 (all have ended), OS306.';

reset role;

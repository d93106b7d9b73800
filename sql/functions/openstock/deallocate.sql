-- Takes pins off an order's units; they stay promised. Writes: operation, event, ledger (DEALLOCATE), stock_bin, reservation_line (changes),
-- allocation, serial_unit, ledger_serial, and what book_due writes. Locks: operation, order, stock_level by (product, warehouse), reservation_line by id, stock_bin by
-- bin_id.
set local role openstock_api;

create or replace function openstock.deallocate(
  op_id text, order_ref text, lines jsonb default null, reason text default null, tenant uuid default null)
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
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'lines', lines, 'reason', reason);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'deallocate', arguments);
  locked record;
  pinned openstock_core.open_line[];
  taken openstock_core.taken_line[];
  kept integer;
  freed openstock_core.movement[];
  entries openstock_core.posted[];
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(null, null, reason, null);
    if lines is not null then
      perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "qty": "number"}', 1000, 'line and warehouse');
    end if;
    select l.line_ids, l.due into locked from openstock_core.lock_open_lines(acting, order_ref, false) as l;
    update openstock_core.reservation_line l set changes = l.changes + 1
    where l.tenant_id = acting and l.reservation_line_id = any (locked.line_ids);
    perform openstock_core.settle_bins(acting, op_id, array(
      select distinct a.bin_id from openstock_core.allocation a
      where a.tenant_id = acting and a.reservation_line_id = any (locked.line_ids)), '{}', locked.due);

    pinned := array(
      select row(o.reservation_line_id, null, o.line, o.product_id, o.warehouse_id, a.qty)::openstock_core.open_line
      from unnest(openstock_core.open_lines(acting, locked.line_ids, '{}')) as o
      cross join lateral (select sum(s.qty) as qty from openstock_core.allocation s
                          where s.tenant_id = acting and s.reservation_line_id = o.reservation_line_id) as a
      join openstock_core.reservation_line n on n.tenant_id = acting and n.reservation_line_id = o.reservation_line_id
      where a.qty > 0 and (lines is not null or num_nonnulls(n.location_id, n.lot_id, n.min_days_left, n.serial_ids) = 0));
    taken := case when lines is not null then openstock_core.match_order_lines(acting, order_ref, pinned, lines, 'allocated') else array(
      select row(p.reservation_line_id, p.line, p.product_id, p.warehouse_id, p.units, p.units, null, null)::openstock_core.taken_line
      from unnest(pinned) as p) end;
    select t.line into kept
    from unnest(taken) as t
    join openstock_core.reservation_line n on n.tenant_id = acting and n.reservation_line_id = t.reservation_line_id
    where num_nonnulls(n.location_id, n.lot_id, n.min_days_left, n.serial_ids) > 0
    order by t.line limit 1;
    if kept is not null then
      perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'order_line', kept, 'order_ref', order_ref,
        'problem', 'it asks for a location, a lot, days left or serials, and stays pinned as long as it is promised'));
    end if;
    freed := openstock_core.unpin_from_lines(acting, order_ref, taken, reason);
    entries := array(select e from openstock_core.post(acting, op_id, freed, null, null, null) as e);
    answer := openstock_core.pick_rows(acting, array_fill('deallocated'::text, array[cardinality(freed)]), array(
      select row(f.reservation_line_id, f.product_id, f.warehouse_id, f.bin_id, -f.allocated_delta, e.serial_ids)::openstock_core.pick
      from unnest(freed) with ordinality as f
      join unnest(entries) as e on e.ord = f.ordinality
      order by f.line, f.bin_id));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.allocation_change, answer);
end
$$;

revoke all on function openstock.deallocate from public;
grant execute on function openstock.deallocate to openstock_app;
comment on function openstock.deallocate is
  'Takes pins off an order''s units, which stay promised: all of them, or lines: each names a line or a sku (and a warehouse), with qty or all that is pinned. '
  'Of a line of kits, qty counts kits, or with the line the units of a component. '
  'The newest pins go first. A line that asks for a location, a lot, days left or serials stays pinned as long as it is promised. Returns a row with outcome deallocated per line and bin; none where nothing is pinned. '
  'Errors: 22023, OS010, OS110, OS301, OS302, OS303 (less is pinned), OS305.';

reset role;

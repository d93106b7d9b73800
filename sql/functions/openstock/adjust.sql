-- Corrects what a bin holds. Writes: operation, event, ledger (ADJUST, DEALLOCATE), stock_level, stock_bin, allocation.
-- Locks: operation, location and lot (shared), stock_level by (product, warehouse), stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock.adjust(
  op_id text, warehouse text, lines jsonb, reason text,
  reference text default null, note text default null, occurred_at timestamptz default null, tenant uuid default null)
returns setof openstock.stock_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('warehouse', warehouse, 'lines', lines, 'reason', reason,
    'reference', reference, 'note', note, 'occurred_at', occurred_at at time zone 'UTC');
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'adjust', arguments);
  place bigint;
  typed openstock_core.stock_line[];
  bins bigint[];
  due openstock_core.due;
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"sku": "code!", "qty": "number", "set_to": "number", "expected": "number",
      "line": "integer", "location": "code", "lot": "code", "status": "code", "unit_cost": "number"}', 10000, 'line');
    perform openstock_core.check_text('reason', 'text!', reason);
    perform openstock_core.check_call(reference, note, reason, occurred_at);
    place := openstock_core.find_warehouse(acting, warehouse, false);
    typed := openstock_core.read_stock_lines(acting, place, lines, 'signed', false);

    perform openstock_core.share_places(acting,
      array(select distinct l.location_id from unnest(typed) as l), array(select distinct l.lot_id from unnest(typed) as l));
    due := openstock_core.lock_levels(acting, array(
      select row(l.product_id, place)::openstock_core.level_key from unnest(typed) as l), true);
    bins := openstock_core.make_bins(acting, place, array(
      select row(l.location_id, l.product_id, l.lot_id, l.status)::openstock_core.bin_key from unnest(typed) as l order by l.n));
    perform openstock_core.settle_bins(acting, op_id, '{}', bins, due);
    typed := openstock_core.resolve_adjustments(acting, typed, bins);

    answer := openstock_core.stock_answer(acting, array(
      select p from openstock_core.post(acting, op_id, (
        select openstock_core.unpin_from_bins(acting, 0, array_agg(b.bin_id), array_agg(b.allocated - b.on_hand - l.qty), reason)
        from unnest(typed) as l
        join openstock_core.stock_bin b on b.tenant_id = acting and b.bin_id = bins[l.n]
      ) || array(
        select row(l.line, 'ADJUST', l.product_id, place, b.bin_id, l.qty, case when b.blocked then l.qty else 0 end, 0, 0,
                   null, null, l.unit_cost, reason, null, null, null, null)::openstock_core.movement
        from unnest(typed) as l
        join openstock_core.stock_bin b on b.tenant_id = acting and b.bin_id = bins[l.n]
        order by l.n), occurred_at, reference, note) as p));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.stock_change, answer);
end
$$;

revoke all on function openstock.adjust from public;
grant execute on function openstock.adjust to openstock_app;
comment on function openstock.adjust is
  'Corrects what bins hold, for a reason. lines: sku, and either qty (signed change) or set_to with the expected balance; optionally line, '
  'location (default DEFAULT), lot, status, unit_cost. Units pinned to orders that disappear are de-allocated; the promises stay, and available may '
  'become negative. Returns one row per line. Errors: 22023, OS010, OS101 to OS110, OS201, OS202.';

reset role;

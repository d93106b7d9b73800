-- Corrects what a bin holds. Writes: operation, event, ledger (ADJUST, DEALLOCATE), stock_level, stock_bin, allocation, handling_unit (changes), serial_unit, ledger_serial.
-- Locks: operation, handling_unit by id, location and lot (shared), stock_level by (product, warehouse), stock_bin by bin_id, serial_unit by serial_id (those that come back).
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
  packed boolean;
  leaving openstock_core.stock_line[];
  unpinned openstock_core.movement[] := array[]::openstock_core.movement[];
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"sku": "code!", "qty": "number", "set_to": "number", "expected": "number", "serials": "codes",
      "line": "integer", "location": "code", "lot": "code", "handling_unit": "code", "status": "code", "unit_cost": "number"}', 10000, 'line');
    perform openstock_core.check_text('reason', 'text!', reason);
    perform openstock_core.check_call(reference, note, reason, occurred_at);
    place := openstock_core.find_warehouse(acting, warehouse, false);
    packed := jsonb_path_exists(lines, '$[*].handling_unit ? (@ != null)');
    if packed then
      perform openstock_core.lock_handling_units(acting, lines, false);
    end if;
    typed := openstock_core.read_stock_lines(acting, place, lines, 'signed', false);

    perform openstock_core.share_places(acting,
      array(select distinct l.location_id from unnest(typed) as l), array(select distinct l.lot_id from unnest(typed) as l));
    due := openstock_core.lock_levels(acting, array(
      select row(l.product_id, place)::openstock_core.level_key from unnest(typed) as l), true);
    bins := openstock_core.make_bins(acting, place, array(
      select row(l.location_id, l.product_id, l.lot_id, l.status, l.handling_unit_id)::openstock_core.bin_key from unnest(typed) as l order by l.n));
    perform openstock_core.settle_bins(acting, op_id, '{}', bins, due);
    typed := openstock_core.resolve_adjustments(acting, typed, bins);
    if packed then
      perform openstock_core.check_handling_units(acting, typed);
    end if;
    if jsonb_path_exists(lines, '$[*].serials[*]') then
      typed := openstock_core.bring_serials(acting, typed);
      leaving := array(select l from unnest(typed) as l where l.qty < 0);
      perform openstock_core.check_serials(acting, leaving, bins);
      unpinned := openstock_core.unpin_serials(acting, 0, array(
        select s.serial_id from unnest(leaving) as l cross join lateral unnest(l.serial_ids) as s (serial_id)), reason);
    end if;

    answer := openstock_core.stock_answer(acting, array(
      select p from openstock_core.post(acting, op_id, (
        select openstock_core.unpin_from_bins(acting, 0, array_agg(b.bin_id), array_agg(b.allocated - b.on_hand - l.qty), reason)
        from unnest(typed) as l
        join openstock_core.stock_bin b on b.tenant_id = acting and b.bin_id = bins[l.n] and l.serials is null
      ) || unpinned || array(
        select row(l.line, 'ADJUST', l.product_id, place, b.bin_id, l.qty, case when b.blocked then l.qty else 0 end, 0, 0,
                   null, null, l.unit_cost, reason, null, null, null, null, l.serial_ids)::openstock_core.movement
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
  'location (default DEFAULT), lot, status, handling_unit (what it holds; without, what is loose), unit_cost; where the product is tracked by serial qty and serials, the pieces that were lost or found. Units pinned to orders that disappear are de-allocated; the promises stay, and available may '
  'become negative. Returns one row per line. Errors: 22023, OS010, OS101 to OS115, OS201, OS202; 40001 also at READ COMMITTED, where a piece leaves its bin meanwhile and another takes it.';

reset role;

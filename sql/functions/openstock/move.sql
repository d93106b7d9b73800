-- Moves units from bin to bin within a warehouse, or changes their status; pinned units take their allocations along.
-- Writes: operation, event, ledger (MOVE, STATUS, DEALLOCATE), stock_level, stock_bin, allocation.
-- Locks: operation, location and lot (shared), stock_level by (product, warehouse), stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock.move(
  op_id text, warehouse text, lines jsonb,
  reason text default null, reference text default null, note text default null,
  occurred_at timestamptz default null, tenant uuid default null)
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
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'move', arguments);
  place bigint;
  typed openstock_core.stock_line[];
  sources bigint[];
  targets bigint[];
  due openstock_core.due;
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"sku": "code!", "qty": "number!", "from": "code", "to": "code",
      "line": "integer", "lot": "code", "status": "code", "to_status": "code"}', 10000, 'line');
    perform openstock_core.check_call(reference, note, reason, occurred_at);
    place := openstock_core.find_warehouse(acting, warehouse, false);
    typed := openstock_core.read_stock_lines(acting, place, lines, 'positive', false);

    perform openstock_core.share_places(acting,
      array(select distinct coalesce(l.to_location_id, l.location_id) from unnest(typed) as l),
      array(select distinct l.lot_id from unnest(typed) as l));
    due := openstock_core.lock_levels(acting, array(
      select row(l.product_id, place)::openstock_core.level_key from unnest(typed) as l), true);
    sources := openstock_core.find_bins(acting, array(
      select row(l.location_id, l.product_id, l.lot_id, l.status)::openstock_core.bin_key from unnest(typed) as l order by l.n));
    targets := openstock_core.make_bins(acting, place, array(
      select row(coalesce(l.to_location_id, l.location_id), l.product_id, l.lot_id, l.to_status)::openstock_core.bin_key
      from unnest(typed) as l order by l.n));
    perform openstock_core.settle_bins(acting, op_id, sources, targets, due);
    perform openstock_core.inherit_ages(acting, sources, targets);

    answer := openstock_core.stock_answer(acting, array(
      select p from openstock_core.post(acting, op_id,
        openstock_core.plan_moves(acting, typed, sources, targets, reason), occurred_at, reference, note) as p));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.stock_change, answer);
end
$$;

revoke all on function openstock.move from public;
grant execute on function openstock.move to openstock_app;
comment on function openstock.move is
  'Moves units within a warehouse. lines: sku, qty (positive), and from and to (bins; default DEFAULT, and to where it comes from), status '
  'and to_status (what it is and becomes), optionally line, lot. All lines happen at once. Units pinned to orders move last and stay pinned, unless they '
  'become blocked: then they are de-allocated. Returns the entries out of and into bins. Errors: 22023, OS010, OS101 to OS110, OS201.';

reset role;

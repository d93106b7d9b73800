-- Moves units from bin to bin within a warehouse, or changes their status; pinned units take their allocations along.
-- Writes: operation, event, ledger (MOVE, STATUS, DEALLOCATE), stock_level, stock_bin, allocation, handling_unit (changes), serial_unit, ledger_serial.
-- Locks: operation, handling_unit by id, location and lot (shared), stock_level by (product, warehouse), stock_bin by bin_id.
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
  whole boolean := false;
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"sku": "code! or handling_unit", "qty": "number! or serials or handling_unit", "serials": "codes", "handling_unit": "code", "from": "code", "to": "code",
      "line": "integer", "lot": "code", "status": "code", "to_status": "code"}', 10000, 'line');
    perform openstock_core.check_call(reference, note, reason, occurred_at);
    place := openstock_core.find_warehouse(acting, warehouse, false);
    if jsonb_path_exists(lines, '$[*].handling_unit ? (@ != null)') then
      perform openstock_core.lock_handling_units(acting, lines, false);
      whole := jsonb_path_exists(lines, '$[*] ? (!exists (@.sku) || @.sku == null)');
      if whole then
        lines := openstock_core.unpack_handling_units(acting, place, lines);
      end if;
    end if;
    typed := openstock_core.read_stock_lines(acting, place, lines, 'positive', false);

    perform openstock_core.share_places(acting,
      array(select distinct coalesce(l.to_location_id, l.location_id) from unnest(typed) as l),
      array(select distinct l.lot_id from unnest(typed) as l));
    due := openstock_core.lock_levels(acting, array(
      select row(l.product_id, place)::openstock_core.level_key from unnest(typed) as l), true);
    sources := openstock_core.find_bins(acting, array(
      select row(l.location_id, l.product_id, l.lot_id, l.status, l.handling_unit_id)::openstock_core.bin_key from unnest(typed) as l order by l.n));
    targets := openstock_core.make_bins(acting, place, array(
      select row(coalesce(l.to_location_id, l.location_id), l.product_id, l.lot_id, l.to_status, case when whole then l.handling_unit_id end)::openstock_core.bin_key
      from unnest(typed) as l order by l.n));
    perform openstock_core.settle_bins(acting, op_id, sources, targets, due);
    perform openstock_core.inherit_ages(acting, sources, targets);
    if whole then
      typed := openstock_core.take_whole_units(acting, typed, sources);
    elsif jsonb_path_exists(lines, '$[*].serials[*]') then
      typed := openstock_core.look_up_serials(acting, typed);
      perform openstock_core.check_serials(acting, typed, sources);
    end if;

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
  'and to_status (what it is and becomes), optionally line, lot; where the product is tracked by serial serials (which pieces; qty may be left out). handling_unit names what units leave: they become loose. A line of handling_unit and to alone '
  'moves it with all it holds. All lines happen at once. Units pinned to orders move last and stay pinned, unless they '
  'become blocked: then they are de-allocated; pieces keep their own pins. Returns the entries out of and into bins. Errors: 22023, OS010, OS101 to OS114, OS201.';

reset role;

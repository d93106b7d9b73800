-- Goods in. Writes: operation, event, ledger (RECEIPT), stock_level, stock_bin, lot (new ones), handling_unit, serial_unit, ledger_serial.
-- Locks: operation, handling_unit by id, location and lot (shared), stock_level by (product, warehouse), stock_bin by bin_id, serial_unit by serial_id (those that come back); where somebody waits for a product,
-- before the bins backlog by product_id, order (skipping those in use), backorder by id. Writes then: what fill_queue writes.
set local role openstock_api;

create or replace function openstock.receive(
  op_id text, warehouse text, lines jsonb,
  reference text default null, note text default null, occurred_at timestamptz default null, fill_backorders boolean default null,
  tenant uuid default null)
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
  arguments constant jsonb := jsonb_build_object(
    'warehouse', warehouse, 'lines', lines, 'reference', reference, 'note', note, 'occurred_at', occurred_at at time zone 'UTC', 'fill_backorders', fill_backorders);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'receive', arguments);
  place bigint;
  typed openstock_core.stock_line[];
  bins bigint[];
  levels openstock_core.level_key[];
  waiting bigint[];
  due openstock_core.due;
  packed boolean;
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"sku": "code!", "qty": "number! or serials", "serials": "codes", "line": "integer", "location": "code",
      "lot": "code", "handling_unit": "code", "handling_unit_kind": "code", "expires_on": "date", "status": "code", "unit_cost": "number"}', 10000, 'line');
    perform openstock_core.check_call(reference, note, null, occurred_at);
    place := openstock_core.find_warehouse(acting, warehouse, true);
    packed := jsonb_path_exists(lines, '$[*] ? (@.handling_unit != null || @.handling_unit_kind != null)');
    if packed then
      perform openstock_core.lock_handling_units(acting, lines, true);
    end if;
    typed := openstock_core.make_lots(acting, openstock_core.read_stock_lines(acting, place, lines, 'positive', true));

    perform openstock_core.share_places(acting,
      array(select distinct l.location_id from unnest(typed) as l), array(select distinct l.lot_id from unnest(typed) as l));
    levels := array(select distinct row(l.product_id, place)::openstock_core.level_key from unnest(typed) as l);
    due := openstock_core.lock_levels(acting, levels, true);
    if fill_backorders is not false then
      waiting := openstock_core.lock_waiting(acting, levels);
    end if;
    bins := openstock_core.make_bins(acting, place, array(
      select row(l.location_id, l.product_id, l.lot_id, l.status, l.handling_unit_id)::openstock_core.bin_key from unnest(typed) as l order by l.n));
    perform openstock_core.settle_bins(acting, op_id, '{}', bins, due);
    if packed then
      perform openstock_core.check_handling_units(acting, typed);
    end if;
    if jsonb_path_exists(lines, '$[*].serials[*]') then
      typed := openstock_core.bring_serials(acting, typed);
    end if;

    answer := openstock_core.stock_answer(acting, array(
      select p from openstock_core.post(acting, op_id, array(
        select row(l.line, 'RECEIPT', l.product_id, place, b.bin_id, l.qty, case when b.blocked then l.qty else 0 end, 0, 0,
                   null, null, l.unit_cost, null, null, null, null, null, l.serial_ids)::openstock_core.movement
        from unnest(typed) as l
        join openstock_core.stock_bin b on b.tenant_id = acting and b.bin_id = bins[l.n]
        order by l.n), occurred_at, reference, note) as p));
    if cardinality(waiting) > 0 then
      perform from openstock_core.fill_queue(acting, op_id, levels, waiting);
    end if;
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.stock_change, answer);
end
$$;

revoke all on function openstock.receive from public;
grant execute on function openstock.receive to openstock_app;
comment on function openstock.receive is
  'Goods in. lines: sku, qty (positive), and optionally line, location (default DEFAULT), lot (required where the product is tracked by '
  'lot; a new one is created), expires_on (the lot''s last day), serials (required where the product is tracked by serial: an array of as many names '
  'as units, and qty may be left out; a new one is created, and a piece that left may come back), status (default available), unit_cost, handling_unit (the barcode of the pallet, tote or '
  'carton that they come in; a new one is created, of the handling_unit_kind given, default pallet). fill_backorders (default true): orders that wait for the products get what is available at the '
  'warehouse then, by priority and age, in the same transaction, so that nobody comes between. Returns one row per line. '
  'Errors: 22023, OS010, OS101 to OS115; 40001 also at READ COMMITTED, where a piece leaves its bin meanwhile and another takes it.';

reset role;

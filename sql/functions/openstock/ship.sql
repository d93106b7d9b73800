-- Sends promised units out: those pinned to bins first, the rest from bins by the removal rule.
-- Writes: operation, event, ledger (SHIP), stock_level, stock_bin, reservation_line, allocation, serial_unit, ledger_serial.
-- Locks: operation, order, stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock.ship(
  op_id text, order_ref text, lines jsonb default null,
  reference text default null, note text default null, occurred_at timestamptz default null, tenant uuid default null)
returns setof openstock.shipment_line
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'lines', lines, 'reference', reference, 'note', note,
    'occurred_at', occurred_at at time zone 'UTC');
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'ship', arguments);
  taking openstock_core.taking;
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(reference, note, null, occurred_at);
    if lines is not null then
      perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "qty": "number", "serials": "codes"}', 1000, 'line and warehouse');
    end if;
    taking := openstock_core.take_order_lines(acting, order_ref, lines, false);
    answer := openstock_core.shipment_answer(acting, order_ref, array(
      select p from openstock_core.post(acting, op_id,
        openstock_core.plan_shipment(acting, op_id, order_ref, taking), occurred_at, reference, note) as p));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.shipment_line, answer);
end
$$;

revoke all on function openstock.ship from public;
grant execute on function openstock.ship to openstock_app;
comment on function openstock.ship is
  'Sends an order''s promised units out: all of them, or lines: each names a line or a sku (and a warehouse), with qty or all that is reserved. '
  'Of a line of kits, qty counts kits, or with the line the units of a component. '
  'Units pinned to bins go first, the rest is taken by the removal rule. Where the product is tracked by serial, lines may name the pieces (serials): those pinned to '
  'the line, or free ones of its warehouse. Returns a row per line and bin. '
  'Holds are shipped too. Errors: 22023, OS010, OS110 to OS113, OS201 (promised units were lost), OS301, OS302, OS303, OS305.';

reset role;

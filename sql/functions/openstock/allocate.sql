-- Pins an order's promised units to bins and lots. Writes: operation, event, ledger (ALLOCATE), stock_bin, reservation_line (changes),
-- allocation, and what book_due writes. Locks: operation, order, and what find_picks_of_orders locks.
set local role openstock_api;

create or replace function openstock.allocate(
  op_id text, order_ref text, removal text default null, on_shortage text default 'partial', whole_units boolean default false, tenant uuid default null)
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
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'removal', removal, 'on_shortage', on_shortage, 'whole_units', nullif(whole_units, false));
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'allocate', arguments);
  order_id bigint;
  chosen record;
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_choice('removal', removal, array['fefo', 'fifo', 'lifo', 'fewest_bins']);
    perform openstock_core.check_choice('on_shortage', on_shortage, array['reject', 'partial', 'error']);
    order_id := openstock_core.lock_known_order(acting, order_ref);
    select f.needs, f.picks into chosen
    from openstock_core.find_picks_of_orders(acting, op_id, array[order_id], null, false, removal, coalesce(whole_units, false), null) as f;
    if chosen.needs is null then
      perform openstock_core.fail_nothing_open(acting, order_id, order_ref);
    end if;

    if coalesce(on_shortage, 'partial') <> 'partial' and openstock_core.units(chosen.picks) < openstock_core.units(chosen.needs) then
      chosen.picks := '{}';
    end if;
    chosen.picks := openstock_core.pin(acting, op_id, chosen.picks, null);
    answer := openstock_core.allocation_answer(acting, chosen.needs, chosen.picks);
    if on_shortage = 'error' and answer @> '[{"outcome": "short"}]' then
      perform openstock_core.fail('OS201', jsonb_build_object('order_ref', order_ref, 'lines', answer));
    end if;
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.allocation_change, answer);
end
$$;

revoke all on function openstock.allocate from public;
grant execute on function openstock.allocate to openstock_app;
comment on function openstock.allocate is
  'Pins all promised units of an order that are not pinned yet to bins and lots, by the product''s removal rule or the one given (fefo, fifo, lifo, or '
  'fewest_bins: the fullest first). whole_units: pallets, totes and cartons whose free units of the product all fit what a line needs go first, '
  'as they are. on_shortage: partial (pins what there is, default), reject (pins nothing) or error (OS201). Returns a row per line and '
  'bin, and a row with outcome short for what no bin could give. Holds are pinned too. Errors: 22023, OS010, OS201, OS301, OS302, OS303 (all of it waits), OS305.';

reset role;

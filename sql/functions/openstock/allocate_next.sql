-- Pins the units of the orders that are next. Writes: operation, event, ledger (ALLOCATE), stock_bin, reservation (changes), reservation_line
-- (changes), allocation, and what book_due writes. Locks: operation, order (skipping those in use), and what find_picks_of_orders locks.
set local role openstock_api;

create or replace function openstock.allocate_next(
  op_id text, warehouse text, max_orders integer default 10, removal text default null, on_shortage text default 'partial',
  tenant uuid default null)
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
  arguments constant jsonb := jsonb_build_object('warehouse', warehouse, 'max_orders', max_orders, 'removal', removal, 'on_shortage', on_shortage);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'allocate_next', arguments);
  place bigint;
  claimed bigint[];
  passed_over bigint[] := array[]::bigint[];
  chosen record;
begin
  if answer is null then
    perform openstock_core.check_choice('removal', removal, array['fefo', 'fifo', 'lifo', 'fewest_bins']);
    perform openstock_core.check_choice('on_shortage', on_shortage, array['reject', 'partial']);
    if max_orders is null or max_orders not between 1 and 1000 then
      perform openstock_core.fail('22023', '{"argument": "max_orders", "problem": "must be between 1 and 1000"}');
    end if;
    place := openstock_core.find_warehouse(acting, warehouse, false);
    -- Orders that turn out to get nothing are passed over; nothing but the orders themselves is locked then.
    loop
      claimed := openstock_core.claim_orders(acting, place, max_orders, passed_over);
      exit when cardinality(claimed) = 0;
      select f.needs, f.picks into chosen
      from openstock_core.find_picks_of_orders(acting, op_id, claimed, place, true, removal, false, coalesce(on_shortage, 'partial')) as f;
      exit when cardinality(chosen.picks) > 0;
      passed_over := passed_over || claimed;
    end loop;

    answer := '[]';
    if cardinality(claimed) > 0 then
      chosen.picks := openstock_core.pin(acting, op_id, chosen.picks, null);
      answer := openstock_core.allocation_answer(acting, chosen.needs, chosen.picks);
    end if;
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.allocation_change, answer);
end
$$;

revoke all on function openstock.allocate_next from public;
grant execute on function openstock.allocate_next to openstock_app;
comment on function openstock.allocate_next is
  'Pins what the next orders at a warehouse are promised, by priority, promised time and age: of at most so many orders (1 to 1,000). Holds are left out. Orders '
  'that others work on are skipped, so that any number of workers may pull at once and none gets an order twice. removal: as allocate''s. on_shortage: partial (an '
  'order may get a part) or reject (only orders that get everything promised here). Returns the rows of allocate for the orders that got something; no row: there '
  'is no work. Errors: 22023, OS010, OS103.';

reset role;

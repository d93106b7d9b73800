-- Creates lots, and says whether their units may be promised.
-- Writes: operation, event, lot, and what write_lots writes. Locks: operation, and what write_lots locks.
set local role openstock_api;

create or replace function openstock.put_lots(op_id text, lines jsonb, reason text default null, tenant uuid default null)
returns setof openstock.lot_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('lines', lines, 'reason', coalesce(reason, 'lot quality'));
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_lots', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code!", "lot": "code!", "expires_on": "date", "quality": "code"}', 10000, 'line');
    perform openstock_core.check_call(null, null, reason, null);
    answer := openstock_core.write_lots(acting, op_id, openstock_core.read_lot_lines(acting, lines), coalesce(reason, 'lot quality'));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.lot_change, answer);
end
$$;

revoke all on function openstock.put_lots from public;
grant execute on function openstock.put_lots to openstock_app;
comment on function openstock.put_lots is
  'Says of lots whether they may be promised, in all warehouses: also of what is received or moved later. lines: sku, lot (a new one is created), expires_on (of a new one; of one that is '
  'there, the same), quality (released, hold or rejected; default of a new one: released). Units of a lot that is not released are blocked; pins are taken off them, and their orders keep '
  'their promises, which other units may be picked for (what is then promised and not there, shortages shows). Where a lot is released, what nothing else blocks can be '
  'promised again: units that lines asked for and lost are left to these, and fill_backorders gives others to who waits. '
  'reason (default lot quality) is written into the ledger. Another quality for a lot that is there is given at READ COMMITTED. Returns one row per line. '
  'Errors: 22023, OS010, OS101, OS108, OS121.';

reset role;

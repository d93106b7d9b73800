-- Books holds that have ended. Writes: operation, event, and what expire_holds writes. Locks: operation, and what expire_holds locks.
set local role openstock_api;

create or replace function openstock.expire_reservations(
  op_id text default null, max_lines integer default 1000, tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
begin
  return query
  select * from jsonb_populate_recordset(null::openstock.reservation_change, openstock_core.expire_holds(acting, op_id, max_lines));
end
$$;

revoke all on function openstock.expire_reservations from public;
grant execute on function openstock.expire_reservations to openstock_app;
comment on function openstock.expire_reservations is
  'Books holds that have ended, those of up to this many lines (1 to 10,000), the longest ended first, and returns a row for each; lines whose stock level is '
  'in use are left for a later call, which waits for those that ended more than a minute ago if it finds nothing else to book. Promises and views are exact without it; it keeps the ledger up to date. '
  'Any number may run at once. No row: nothing was due, all was in use, or others have just booked it. op_id may be left out: then a call that finds nothing to do leaves no trace. '
  'Errors: 22023, OS010.';

reset role;

-- Books holds of a tenant that have ended, as an operator. Writes: operation, event, and what openstock_core.expire_holds writes.
-- Locks: operation, and what expire_holds locks.
set local role openstock_api;

create or replace function openstock_admin.expire_reservations(tenant uuid, max_lines integer default 1000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
begin
  perform openstock_core.enter_as_operator(tenant);
  return jsonb_array_length(openstock_core.expire_holds(tenant, null, max_lines));
end
$$;

revoke all on function openstock_admin.expire_reservations from public;
grant execute on function openstock_admin.expire_reservations to openstock_operator;
comment on function openstock_admin.expire_reservations is
  'openstock.expire_reservations for an operator: returns how many lines were booked as expired. Errors: 22023, OS003.';

reset role;

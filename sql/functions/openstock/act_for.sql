-- Names the tenant of a transaction that reads views, and says so where it cannot be: views alone would be empty.
set local role openstock_api;

create or replace function openstock.act_for(tenant uuid default null) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
begin
  return openstock_core.enter(tenant, true);
end
$$;

revoke all on function openstock.act_for from public;
grant execute on function openstock.act_for to openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.act_for is
  'Sets the tenant for the rest of the transaction, as the argument tenant of the functions does, and returns it; without one, checks the one that is '
  'set. A tenant that is not active can be read. Errors: OS001, OS002, OS003 (does not exist), 42501.';

reset role;

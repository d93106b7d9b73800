-- Fills a tenant's backorders, as an operator. Writes and locks: see openstock_core.fill_from_stock.
set local role openstock_api;

create or replace function openstock_admin.fill_backorders(tenant uuid, max_rows integer default 1000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set jit = off
as $$
begin
  perform openstock_core.enter_as_operator(tenant);
  return jsonb_array_length(openstock_core.fill_from_stock(tenant, null, max_rows));
end
$$;

revoke all on function openstock_admin.fill_backorders from public;
grant execute on function openstock_admin.fill_backorders to openstock_operator;
comment on function openstock_admin.fill_backorders is
  'openstock.fill_backorders for an operator: returns how many lines were promised stock. Errors: 22023, OS003.';

reset role;

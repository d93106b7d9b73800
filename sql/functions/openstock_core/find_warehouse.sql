-- Looks a warehouse up by its code.
set local role openstock_owner;

create or replace function openstock_core.find_warehouse(tenant uuid, code text, must_be_active boolean) returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  wanted constant text := openstock_core.check_text('warehouse', 'code!', code);
  found_one record;
begin
  select w.warehouse_id, w.active into found_one
  from openstock_core.warehouse w
  where w.tenant_id = tenant and w.code = wanted;
  if not found then
    perform openstock_core.fail('OS103', jsonb_build_object('warehouse', wanted));
  elsif must_be_active and not found_one.active then
    perform openstock_core.fail('OS104', jsonb_build_object('warehouse', wanted));
  end if;
  return found_one.warehouse_id;
end
$$;

revoke all on function openstock_core.find_warehouse from public;
grant execute on function openstock_core.find_warehouse to openstock_api;
comment on function openstock_core.find_warehouse is 'The warehouse''s id. Errors: 22023, OS103, OS104.';

reset role;

-- What pieces are called. Reads: serial_unit.
set local role openstock_owner;

create or replace function openstock_core.serial_names(tenant uuid, serial_ids bigint[]) returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select u.serial::text from openstock_core.serial_unit u
    where u.tenant_id = tenant and u.serial_id = any (serial_ids)
    order by u.serial_id);
end
$$;

revoke all on function openstock_core.serial_names from public;
grant execute on function openstock_core.serial_names to openstock_api;
comment on function openstock_core.serial_names is 'The serials of these pieces, in the order in which they first came in.';

reset role;

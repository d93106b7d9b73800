-- Whether any line is part of one of kits.
set local role openstock_owner;

create or replace function openstock_core.asks_for_kits(lines openstock_core.order_line[]) returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from unnest(lines) as u where u.kit_id is not null);
end
$$;

revoke all on function openstock_core.asks_for_kits from public;
grant execute on function openstock_core.asks_for_kits to openstock_api;
comment on function openstock_core.asks_for_kits is 'True where a line is a component of kits, which are promised whole or not at all.';

reset role;

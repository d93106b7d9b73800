-- Whether any line asks for a certain location, lot or remaining life.
set local role openstock_owner;

create or replace function openstock_core.asks_for_certain_units(lines openstock_core.order_line[]) returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from unnest(lines) as u where coalesce(u.location_id, u.lot_id, u.min_days_left) is not null);
end
$$;

revoke all on function openstock_core.asks_for_certain_units from public;
grant execute on function openstock_core.asks_for_certain_units to openstock_api;
comment on function openstock_core.asks_for_certain_units is 'True where a line asks for a location, a lot or days left: its units are pinned as they are promised.';

reset role;

-- Whether any line asks for a certain location, lot or remaining life, or for certain pieces.
set local role openstock_owner;

create or replace function openstock_core.asks_for_certain_units(lines openstock_core.order_line[]) returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from unnest(lines) as u where num_nonnulls(u.location_id, u.lot_id, u.min_days_left, u.serial_ids) > 0);
end
$$;

revoke all on function openstock_core.asks_for_certain_units from public;
grant execute on function openstock_core.asks_for_certain_units to openstock_api;
comment on function openstock_core.asks_for_certain_units is 'True where a line asks for a location, a lot, days left or serials: its units are pinned as they are promised.';

reset role;

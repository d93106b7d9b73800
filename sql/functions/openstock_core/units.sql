-- Sums picks.
set local role openstock_owner;

create or replace function openstock_core.units(picks openstock_core.pick[]) returns numeric
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select coalesce(sum(p.qty), 0) from unnest(picks) as p);
end
$$;

revoke all on function openstock_core.units from public;
grant execute on function openstock_core.units to openstock_api;
comment on function openstock_core.units is
  'The units of these picks, summed.';

reset role;

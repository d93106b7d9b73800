-- Which migration this database is at. Reads: migration.
set local role openstock_owner;

create or replace function openstock.schema_version() returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select max(m.name) from openstock_core.migration as m;
end;

revoke all on function openstock.schema_version from public;
grant execute on function openstock.schema_version to openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.schema_version is 'The newest migration applied to this database.';

reset role;

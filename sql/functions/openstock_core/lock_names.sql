-- Lets one transaction at a time give names to new master data of a kind. Locks: names (advisory).
-- Two that created the same name at once would not see each other's row: the second would put defaults over what the first wrote.
set local role openstock_owner;

create or replace function openstock_core.lock_names(tenant uuid, kind text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(tenant::text || ' new ' || kind, 0));
end
$$;

revoke all on function openstock_core.lock_names from public;
grant execute on function openstock_core.lock_names to openstock_api;
comment on function openstock_core.lock_names is
  'Waits for other transactions that create master data of this kind (product, warehouse, location), and keeps them out until this one ends.';

reset role;

-- The key of the advisory lock that every writer of a tenant shares.
set local role openstock_owner;

create or replace function openstock_core.tenant_lock(tenant uuid) returns bigint
language sql
immutable
parallel safe
return hashtextextended('openstock tenant ' || tenant::text, 0);

revoke all on function openstock_core.tenant_lock from public;
grant execute on function openstock_core.tenant_lock to openstock_api, openstock_maint;
comment on function openstock_core.tenant_lock is
  'The advisory lock that writers of a tenant take shared and rebuild takes alone. Two tenants whose keys collide wait for each other''s rebuilds.';

reset role;

-- Whose rows the views show.
set local role openstock_api;

create or replace function openstock.current_tenant() returns uuid
language sql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select c.tenant_id
  from (select openstock_core.as_uuid(current_setting('app.tenant_id', true)) as tenant_id) as c
  where exists (select from openstock_core.tenant_login as b where b.tenant_id = c.tenant_id and b.login = session_user)
     or exists (select from openstock_core.trusted_login as t where t.login = session_user)
    and exists (select from openstock_core.tenant as n where n.tenant_id = c.tenant_id);
end;

revoke all on function openstock.current_tenant from public;
grant execute on function openstock.current_tenant to openstock_maint, openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.current_tenant is
  'The tenant set for this transaction, if it exists and the login may act for it; otherwise null, and the views are empty. Error: 22P02, where it is no uuid.';

reset role;

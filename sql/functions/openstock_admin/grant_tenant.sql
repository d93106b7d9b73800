-- Lets a login act for one tenant, or for any. Writes: tenant_login, trusted_login.
set local role openstock_maint;

create or replace function openstock_admin.grant_tenant(login text, tenant uuid default null, any_tenant boolean default false)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
begin
  perform openstock_core.check_grant(grant_tenant.login, grant_tenant.tenant, grant_tenant.any_tenant, true);
  if grant_tenant.any_tenant then
    insert into openstock_core.trusted_login (login) values (grant_tenant.login) on conflict on constraint trusted_login_pkey do nothing;
  else
    insert into openstock_core.tenant_login (tenant_id, login) values (grant_tenant.tenant, grant_tenant.login)
    on conflict on constraint tenant_login_pkey do nothing;
  end if;
end
$$;

revoke all on function openstock_admin.grant_tenant from public;
grant execute on function openstock_admin.grant_tenant to openstock_operator;
comment on function openstock_admin.grant_tenant is
  'Declares a login role: bound to this tenant (it may be granted several), or with any_tenant => true trusted to name any. '
  'What it may call is another matter: grant openstock_app or openstock_analyst to it. Errors: 22023, OS003.';

reset role;

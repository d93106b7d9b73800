-- Takes back what grant_tenant gave. Writes: tenant_login, trusted_login.
set local role openstock_maint;

create or replace function openstock_admin.revoke_tenant(login text, tenant uuid default null, any_tenant boolean default false)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
begin
  perform openstock_core.check_grant(revoke_tenant.login, revoke_tenant.tenant, revoke_tenant.any_tenant, false);
  if revoke_tenant.any_tenant then
    delete from openstock_core.trusted_login t where t.login = revoke_tenant.login;
  else
    delete from openstock_core.tenant_login b where b.tenant_id = revoke_tenant.tenant and b.login = revoke_tenant.login;
  end if;
end
$$;

revoke all on function openstock_admin.revoke_tenant from public;
grant execute on function openstock_admin.revoke_tenant to openstock_operator;
comment on function openstock_admin.revoke_tenant is
  'Takes a tenant, or the trust to name any, from a login; it works at the login''s next statement. Errors: 22023, OS003.';

reset role;

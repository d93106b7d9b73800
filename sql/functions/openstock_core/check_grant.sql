-- Checks the arguments of grant_tenant and revoke_tenant. Reads: tenant.
set local role openstock_owner;

create or replace function openstock_core.check_grant(
  login text, tenant uuid, any_tenant boolean, must_exist boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if (tenant is null) <> coalesce(any_tenant, false) then
    perform openstock_core.fail('22023', '{"argument": "tenant", "problem": "give a tenant, or any_tenant => true, not both"}');
  end if;
  if tenant is not null and not exists (select from openstock_core.tenant t where t.tenant_id = check_grant.tenant) then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', tenant));
  end if;
  if login is null then
    perform openstock_core.fail('22023', '{"argument": "login", "problem": "missing"}');
  end if;
  if must_exist and not exists (select from pg_roles r where r.rolname = login and r.rolcanlogin) then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'login', 'value', left(login, 100), 'problem', 'is not a role that can log in'));
  end if;
end
$$;

revoke all on function openstock_core.check_grant from public;
grant execute on function openstock_core.check_grant to openstock_maint;
comment on function openstock_core.check_grant is
  'must_exist: the login must be a role that can log in. Errors: 22023, OS003.';

reset role;

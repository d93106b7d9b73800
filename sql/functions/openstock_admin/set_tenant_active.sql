-- Switches a tenant off or on. Writes: tenant.
set local role openstock_maint;

create or replace function openstock_admin.set_tenant_active(tenant uuid, active boolean) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
begin
  if set_tenant_active.active is null then
    perform openstock_core.fail('22023', '{"argument": "active", "problem": "missing"}');
  end if;
  update openstock_core.tenant t set active = set_tenant_active.active where t.tenant_id = set_tenant_active.tenant;
  if not found then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', tenant));
  end if;
end
$$;

revoke all on function openstock_admin.set_tenant_active from public;
grant execute on function openstock_admin.set_tenant_active to openstock_operator;
comment on function openstock_admin.set_tenant_active is
  'An inactive tenant can neither write nor call functions; its rows stay. Errors: 22023, OS003.';

reset role;

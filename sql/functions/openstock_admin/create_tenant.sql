-- Makes a tenant. Writes: tenant.
set local role openstock_maint;

create or replace function openstock_admin.create_tenant(name text, tenant uuid default null) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
  created uuid;
begin
  if create_tenant.name is null or char_length(btrim(create_tenant.name)) not between 1 and 200 then
    perform openstock_core.fail('22023', '{"argument": "name", "problem": "must have 1 to 200 characters"}');
  end if;
  insert into openstock_core.tenant (tenant_id, name)
  values (coalesce(create_tenant.tenant, gen_random_uuid()), btrim(create_tenant.name))
  on conflict on constraint tenant_pkey do nothing
  returning tenant_id into created;
  if created is null then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'tenant', 'value', create_tenant.tenant, 'problem', 'exists already'));
  end if;
  return created;
end
$$;

revoke all on function openstock_admin.create_tenant from public;
grant execute on function openstock_admin.create_tenant to openstock_operator;
comment on function openstock_admin.create_tenant is
  'Makes a tenant with this name and returns its id: the one given, or a new random one. Errors: 22023.';

reset role;

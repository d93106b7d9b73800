-- The guard of operators' functions that act within one tenant: membership of openstock_operator let them in already.
set local role openstock_owner;

create or replace function openstock_core.enter_as_operator(tenant uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  setting constant text := nullif(current_setting('app.tenant_id', true), '');
  acting constant uuid := openstock_core.as_uuid(setting);
begin
  if setting is not null and acting is null then
    perform openstock_core.fail('OS001', jsonb_build_object('app.tenant_id', setting, 'problem', 'not a uuid'));
  elsif acting <> tenant then
    perform openstock_core.fail('OS002', jsonb_build_object('given', tenant, 'set', acting));
  end if;
  perform set_config('app.tenant_id', coalesce(tenant::text, ''), true);
  if not exists (select from openstock_core.tenant t where t.tenant_id = tenant) then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', tenant));
  end if;
end
$$;

revoke all on function openstock_core.enter_as_operator from public;
grant execute on function openstock_core.enter_as_operator to openstock_api;
comment on function openstock_core.enter_as_operator is
  'Sets the tenant for the rest of the transaction, without asking what the login is bound to. Errors: OS001, OS002, OS003.';

reset role;

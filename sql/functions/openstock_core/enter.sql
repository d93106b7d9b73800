-- The guard at the door of every public function. Reads: tenant_login, trusted_login, tenant.
set local role openstock_owner;

create or replace function openstock_core.enter(given uuid, even_inactive boolean default false) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  setting constant text := nullif(current_setting('app.tenant_id', true), '');
  acting uuid := given;
begin
  if setting is not null then
    acting := openstock_core.as_uuid(setting);
    if acting is null then
      perform openstock_core.fail('OS001', jsonb_build_object('app.tenant_id', setting, 'problem', 'not a uuid'));
    end if;
    if given is distinct from acting and given is not null then
      perform openstock_core.fail('OS002', jsonb_build_object('given', given, 'set', acting));
    end if;
  elsif given is null then
    perform openstock_core.fail('OS001', '{"app.tenant_id": null}');
  else
    perform set_config('app.tenant_id', given::text, true);
  end if;

  if not exists (select from openstock_core.tenant_login b where b.tenant_id = acting and b.login = session_user)
     and not exists (select from openstock_core.trusted_login t where t.login = session_user) then
    perform openstock_core.fail('42501', jsonb_build_object('login', session_user, 'tenant', acting));
  end if;
  if not exists (select from openstock_core.tenant t where t.tenant_id = acting and (t.active or even_inactive)) then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', acting));
  end if;
  return acting;
end
$$;

revoke all on function openstock_core.enter from public;
grant execute on function openstock_core.enter to openstock_api, openstock_maint;
comment on function openstock_core.enter is
  'Settles which tenant the call is for, that the login may act for it and that it is active, unless it only reads; sets it for the rest of the transaction. '
  'Errors: OS001, OS002, OS003, 42501.';

reset role;

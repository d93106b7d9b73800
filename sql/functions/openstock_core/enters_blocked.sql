-- Whether units cannot be promised where and as they enter. Reads: location, lot.
set local role openstock_owner;

create or replace function openstock_core.enters_blocked(
  tenant uuid, location_id bigint, lot_id bigint, status text, at timestamptz)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return enters_blocked.status <> 'available'
      or exists (select from openstock_core.location l
                 where l.tenant_id = tenant and l.location_id = enters_blocked.location_id and l.kind = 'quarantine')
      or exists (select from openstock_core.lot t
                 where t.tenant_id = tenant and t.lot_id = enters_blocked.lot_id
                   and (t.quality <> 'released' or openstock_core.expiry(t.expires_on) <= at));
end
$$;

revoke all on function openstock_core.enters_blocked from public;
grant execute on function openstock_core.enters_blocked to openstock_api, openstock_maint;
comment on function openstock_core.enters_blocked is 'True where the status, a quarantine location or an expired lot keeps units from being promised.';

reset role;

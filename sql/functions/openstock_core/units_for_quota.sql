-- How many units that a line gives back are kept for its channel again. Reads: channel.
set local role openstock_owner;

create or replace function openstock_core.units_for_quota(tenant uuid, channel_id bigint, quota_used numeric, units numeric)
returns numeric
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from openstock_core.channel c
             where c.tenant_id = tenant and c.channel_id = units_for_quota.channel_id and c.active) then
    return nullif(least(units, quota_used), 0);
  end if;
  return null;
end
$$;

revoke all on function openstock_core.units_for_quota from public;
grant execute on function openstock_core.units_for_quota to openstock_api;
comment on function openstock_core.units_for_quota is
  'As many as the line took from the quota and has not given back; null: none, as where the channel is not active, or none.';

reset role;

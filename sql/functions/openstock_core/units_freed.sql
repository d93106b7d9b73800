-- How many of the units that a line gives back come free for a sales channel, or for who has none: what another channel's line took from its
-- quota goes back there. One expression, so that PostgreSQL writes it into the query. Reads: what units_for_quota reads.
set local role openstock_owner;

create or replace function openstock_core.units_freed(
  tenant uuid, channel_id bigint, quota_used numeric, units numeric, for_channel bigint) returns numeric
language sql
stable
return units - case when quota_used > 0 and channel_id is distinct from for_channel
  then coalesce(openstock_core.units_for_quota(tenant, channel_id, quota_used, units), 0) else 0 end;

revoke all on function openstock_core.units_freed from public;
grant execute on function openstock_core.units_freed to openstock_api;
comment on function openstock_core.units_freed is
  'These units of a line of channel_id that has quota_used, less what goes back to its quota; all of them for its own channel.';

reset role;

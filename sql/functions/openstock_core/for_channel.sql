-- Adds the sales channel to what find_candidates takes. Reads: channel.
set local role openstock_owner;

create or replace function openstock_core.for_channel(tenant uuid, sourcing openstock_core.sourcing, code text) returns openstock_core.sourcing
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  channel openstock_core.channel;
begin
  if code is not null then
    channel := openstock_core.find_channel(tenant, code);
    sourcing.channel_id := channel.channel_id;
    sourcing.uses_safety_stock := channel.uses_safety_stock;
  end if;
  return sourcing;
end
$$;

revoke all on function openstock_core.for_channel from public;
grant execute on function openstock_core.for_channel to openstock_api;
comment on function openstock_core.for_channel is 'The sourcing for this channel, unchanged where it is null. Errors: those of find_channel.';

reset role;

-- Looks a sales channel up by its code. Reads: channel.
set local role openstock_owner;

create or replace function openstock_core.find_channel(tenant uuid, code text) returns openstock_core.channel
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  wanted constant text := openstock_core.check_text('channel', 'code!', code);
  found_one openstock_core.channel;
begin
  select c.* into found_one
  from openstock_core.channel c
  where c.tenant_id = tenant and c.code = wanted;
  if not found then
    perform openstock_core.fail('OS116', jsonb_build_object('channel', wanted));
  elsif not found_one.active then
    perform openstock_core.fail('OS117', jsonb_build_object('channel', wanted));
  end if;
  return found_one;
end
$$;

revoke all on function openstock_core.find_channel from public;
grant execute on function openstock_core.find_channel to openstock_api;
comment on function openstock_core.find_channel is 'The channel, which is active. Errors: 22023, OS116, OS117.';

reset role;

-- Refuses times to live that make no hold, or none that means the same everywhere: a month has no length.
set local role openstock_owner;

create or replace function openstock_core.check_ttl(ttl interval) returns double precision
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not isfinite(ttl) or ttl <= interval '0' or ttl > interval '3653 days' then
    perform openstock_core.fail('22023', '{"argument": "ttl", "problem": "must be positive, and at most ten years"}');
  elsif extract(year from ttl) <> 0 or extract(month from ttl) <> 0 then
    perform openstock_core.fail('22023', '{"argument": "ttl", "problem": "must be given in days, hours, minutes or seconds: months have no fixed length"}');
  end if;
  return extract(epoch from ttl);
end
$$;

revoke all on function openstock_core.check_ttl from public;
grant execute on function openstock_core.check_ttl to openstock_api;
comment on function openstock_core.check_ttl is 'The seconds of a time to live; a day has 86,400. Errors: 22023.';

reset role;

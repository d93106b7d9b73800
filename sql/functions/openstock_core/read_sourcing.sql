-- Turns strategy and destination into what find_candidates takes.
set local role openstock_owner;

create or replace function openstock_core.read_sourcing(strategy text, destination jsonb) returns openstock_core.sourcing
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  perform openstock_core.check_choice('strategy', strategy, array[
    'priority', 'most_stock', 'nearest', 'least_cost', 'fewest_splits', 'ship_complete']);
  if destination is null and strategy is distinct from 'nearest' then
    return row(coalesce(strategy, 'priority'), null::double precision, null::double precision, null::text, null::bigint, false);
  end if;
  if jsonb_typeof(destination) <> 'object' then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'destination', 'problem', 'must be an object'));
  end if;
  select f.key, f.problem into bad from (
    select d.key, openstock_core.value_problem('{"latitude": "degrees", "longitude": "degrees", "zone": "code"}'::jsonb ->> d.key, d.value) as problem
    from jsonb_each(destination) as d
    union all
    select 'latitude', case
      when strategy = 'nearest' and destination ->> 'latitude' is null then 'missing: nearest needs to know where the goods go'
      when (destination ->> 'latitude' is null) <> (destination ->> 'longitude' is null) then 'must be given with longitude' end
    union all
    select 'latitude', 'must be between -90 and 90'
    where jsonb_path_exists(destination, 'strict $.latitude ? (@ < -90 || @ > 90)', silent => true)
  ) as f
  where f.problem is not null
  order by f.key limit 1;
  if bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'destination', 'key', bad.key, 'problem', bad.problem));
  end if;
  return row(coalesce(strategy, 'priority'), (destination ->> 'latitude')::double precision, (destination ->> 'longitude')::double precision,
             normalize(btrim(destination ->> 'zone')), null::bigint, false);
end
$$;

revoke all on function openstock_core.read_sourcing from public;
grant execute on function openstock_core.read_sourcing to openstock_api;
comment on function openstock_core.read_sourcing is
  'The typed strategy (priority where null) and destination. Errors: 22023.';

reset role;

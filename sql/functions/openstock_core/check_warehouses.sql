-- Refuses warehouse lines whose position or shipping costs make no sense. The warehouses are locked. Reads: warehouse.
set local role openstock_owner;

create or replace function openstock_core.check_warehouses(tenant uuid, lines jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  -- Materialized, so that the names joined below are plain columns: under row-level security no index serves a join
  -- on an expression whose functions might leak.
  with given as materialized (
    select e.n, normalize(btrim(e.line ->> 'code')) as code, e.line as v,
           coalesce(nullif(e.line -> 'shipping_cost_by_zone', 'null'), '{}') as zones
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), known as (
    select g.n, g.v, g.zones,
           case when g.v ? 'latitude' then (g.v ->> 'latitude')::numeric else w.latitude::numeric end as latitude,
           case when g.v ? 'longitude' then (g.v ->> 'longitude')::numeric else w.longitude::numeric end as longitude
    from given g
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.code = g.code
  )
  select f.* into bad from (
    select k.n, case
        when k.latitude not between -90 and 90 then '{"key": "latitude", "problem": "must be between -90 and 90"}'::jsonb
        when k.latitude is null and k.longitude is not null then
          '{"key": "latitude", "problem": "must be given where longitude is"}'
        when k.longitude is null and k.latitude is not null then
          '{"key": "longitude", "problem": "must be given where latitude is"}'
        when (k.v ->> 'shipping_cost')::numeric < 0 then '{"key": "shipping_cost", "problem": "must not be negative"}'
        when (select count(*) from jsonb_object_keys(k.zones)) > 1000 then
          '{"key": "shipping_cost_by_zone", "problem": "must have at most 1000 zones"}'
        else z.problem
      end as problem
    from known k
    left join lateral (
      select jsonb_build_object('key', 'shipping_cost_by_zone', 'zone', left(c.zone, 100), 'problem', c.problem) as problem
      from (select e.key as zone, case
                when openstock_core.value_problem('code', to_jsonb(e.key)) is not null then
                  openstock_core.value_problem('code', to_jsonb(e.key))
                when e.value = 'null' then 'must be a number'
                when openstock_core.value_problem('number', e.value) is not null then
                  openstock_core.value_problem('number', e.value)
                when (e.value #>> '{}')::numeric < 0 then 'must not be negative'
                when count(*) over (partition by normalize(btrim(e.key))) > 1 then 'is named twice'
              end as problem
            from jsonb_each(k.zones) as e) as c
      where c.problem is not null
      order by c.zone limit 1) as z on true
  ) as f
  where f.problem is not null
  order by f.n
  limit 1;
  if bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n) || bad.problem);
  end if;
end
$$;

revoke all on function openstock_core.check_warehouses from public;
grant execute on function openstock_core.check_warehouses to openstock_api;
comment on function openstock_core.check_warehouses is
  'Errors: 22023 with line, key and problem, and the zone whose cost is wrong.';

reset role;

-- Refuses lines of put_kits whose components are not objects with a sku and a quantity.
set local role openstock_owner;

create or replace function openstock_core.check_components(lines jsonb) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select f.n, f.problem into bad from (
    select g.n, 0 as place, 'must be at most 100' as problem
    from jsonb_array_elements(lines) with ordinality as g (line, n)
    where jsonb_array_length(g.line -> 'components') > 100
    union all
    select g.n, e.place, case
      when jsonb_typeof(e.line) <> 'object' then 'must be objects'
      else (
        select format('%s %s', k.key, k.problem) from (
          select v.key, openstock_core.value_problem(case v.key when 'sku' then 'code' when 'qty' then 'number' end, v.value) as problem
          from jsonb_each(e.line) as v
          union all
          select r.key, 'is missing' from unnest(array['sku', 'qty']) as r (key) where coalesce(e.line -> r.key, 'null') = 'null') as k
        where k.problem is not null order by k.key limit 1)
      end
    from jsonb_array_elements(lines) with ordinality as g (line, n)
    cross join lateral jsonb_array_elements(g.line -> 'components') with ordinality as e (line, place)
  ) as f
  where f.problem is not null
  order by f.n, f.place limit 1;
  if found then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n, 'key', 'components', 'problem', bad.problem));
  end if;
end
$$;

revoke all on function openstock_core.check_components from public;
grant execute on function openstock_core.check_components to openstock_api;
comment on function openstock_core.check_components is 'Errors: 22023, with the line''s place and what is wrong with the first bad component.';

reset role;

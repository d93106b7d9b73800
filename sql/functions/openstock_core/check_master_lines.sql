-- Refuses master data lines that name something twice or make null what must have a value.
set local role openstock_owner;

create or replace function openstock_core.check_master_lines(lines jsonb, not_null text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select f.* into bad from (
    select g.n, case
        when count(*) over (partition by normalize(btrim(g.v ->> 'code'))) > 1 then
          '{"key": "code", "problem": "is named by another line too"}'::jsonb
        when n.key is not null then jsonb_build_object('key', n.key, 'problem', 'must not be null')
        when g.v ->> 'name' = '' or char_length(g.v ->> 'name') > 200 then '{"key": "name", "problem": "must have 1 to 200 characters"}'
        when g.v ->> 'kind' not in ('receiving', 'storage', 'picking', 'packing', 'quarantine') then
          '{"key": "kind", "problem": "must be receiving, storage, picking, packing or quarantine"}'
      end as problem
    from jsonb_array_elements(lines) with ordinality as g (v, n)
    left join lateral (select e.key from jsonb_each(g.v) as e
                       where e.value = 'null' and e.key = any (not_null) order by e.key limit 1) as n on true
  ) as f
  where f.problem is not null
  order by f.n
  limit 1;
  if bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n) || bad.problem);
  end if;
end
$$;

revoke all on function openstock_core.check_master_lines from public;
grant execute on function openstock_core.check_master_lines to openstock_api;
comment on function openstock_core.check_master_lines is
  'Errors: 22023 with line, key and problem.';

reset role;

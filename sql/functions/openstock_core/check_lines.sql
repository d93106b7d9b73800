-- Refuses lines that are not an array of objects with known keys of the right types.
set local role openstock_owner;

create or replace function openstock_core.check_lines(lines jsonb, keys jsonb, most integer, numbered_by text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  if lines is null or jsonb_typeof(lines) <> 'array' then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'problem', 'must be a JSON array of objects'));
  end if;
  if jsonb_array_length(lines) not between 1 and most then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'lines', 'problem', format('must have 1 to %s lines', most), 'lines', jsonb_array_length(lines)));
  end if;

  select f.* into bad from (
    select e.n, null as key, 'must be an object' as problem
    from jsonb_array_elements(lines) with ordinality as e (line, n)
    where jsonb_typeof(e.line) <> 'object'
    union all
    select e.n, v.key, openstock_core.value_problem(split_part(keys ->> v.key, '!', 1), v.value)
    from jsonb_array_elements(lines) with ordinality as e (line, n)
    cross join lateral jsonb_each(case when jsonb_typeof(e.line) = 'object' then e.line else '{}' end) as v
    union all
    select e.n, k.key, 'missing'
    from jsonb_array_elements(lines) with ordinality as e (line, n)
    cross join jsonb_each_text(keys) as k
    where k.value like '%!%' and jsonb_typeof(e.line) = 'object' and coalesce(e.line -> k.key, 'null') = 'null'
      and not exists (select from unnest(string_to_array(split_part(k.value, '! or ', 2), ' or ')) as o (key) where coalesce(e.line -> o.key, 'null') <> 'null')
  ) as f
  where f.problem is not null
  order by f.n, f.key
  limit 1;
  if found then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'lines', 'line', bad.n, 'key', bad.key, 'problem', bad.problem));
  end if;

  select l.line, max(l.n) as n into bad
  from rows from (jsonb_to_recordset(lines) as (line integer, warehouse text, sku text)) with ordinality as l (line, warehouse, sku, n)
  where l.line is not null
  group by l.line, case when numbered_by = 'line and warehouse' then normalize(btrim(l.warehouse)) end,
    case when numbered_by = 'line and warehouse' then normalize(btrim(l.sku)) end
  having (count(*) > 1 and numbered_by is not null) or l.line not between 1 and 1000000000
  order by min(l.n) limit 1;
  if bad.line is not null then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'lines', 'line', bad.n, 'key', 'line', 'problem', 'must be between 1 and 1000000000, and given once', 'value', bad.line));
  end if;
end
$$;

revoke all on function openstock_core.check_lines from public;
grant execute on function openstock_core.check_lines to openstock_api;
comment on function openstock_core.check_lines is
  'Checks lines against keys, an object of key to type (see value_problem; a type that ends in ! must be there, one that ends in ! or another key, or several, unless one of these is), that there are at most this '
  'many, and that a line number is given once: numbered_by line, or once for each sku and warehouse: numbered_by line and warehouse; as often as one likes: null. '
  'Errors: 22023 with argument, line (place from 1), key and problem.';

reset role;

-- Takes trailing zeros off the numbers of an object: a column with at most six decimals refuses 1.0000000.
set local role openstock_owner;

create or replace function openstock_core.trimmed_numbers(given jsonb) returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select coalesce(jsonb_object_agg(v.key, trim_scale((v.value #>> '{}')::numeric)), '{}')
          from jsonb_each(given) as v where jsonb_typeof(v.value) = 'number');
end
$$;

revoke all on function openstock_core.trimmed_numbers from public;
grant execute on function openstock_core.trimmed_numbers to openstock_api;
comment on function openstock_core.trimmed_numbers is 'The keys of an object whose values are numbers, without trailing zeros.';

reset role;

-- What is wrong with the serials of a line, or with a line that has none.
set local role openstock_owner;

create or replace function openstock_core.serials_problem(tracking text, sku text, qty numeric, set_to numeric, serials text[])
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if tracking <> 'serial' then
    if serials is not null then
      return jsonb_build_object('code', 'OS112', 'sku', sku, 'problem', 'the product is not tracked by serial');
    end if;
    return null;
  end if;
  return case
    when set_to is not null then
      jsonb_build_object('code', 'OS112', 'sku', sku, 'problem', 'pieces are adjusted by qty and serials, not by set_to')
    when serials is null then
      jsonb_build_object('code', 'OS112', 'sku', sku, 'problem', 'the product is tracked by serial and none are named')
    when cardinality(serials) <> abs(qty) then
      jsonb_build_object('code', 'OS112', 'sku', sku, 'qty', qty, 'serials', cardinality(serials), 'problem', 'must be as many as units')
  end;
end
$$;

revoke all on function openstock_core.serials_problem from public;
grant execute on function openstock_core.serials_problem to openstock_api;
comment on function openstock_core.serials_problem is 'What is wrong as JSON, its error code under "code", or null.';

reset role;

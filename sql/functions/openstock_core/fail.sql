-- Raises one of the errors of openstock.error_codes.
set local role openstock_owner;

create or replace function openstock_core.fail(code text, detail jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  entry record;
begin
  select e.message, e.hint into strict entry from openstock.error_codes e where e.code = fail.code;
  raise exception using errcode = fail.code, message = entry.message, detail = fail.detail::text, hint = entry.hint;
end
$$;

revoke all on function openstock_core.fail from public;
grant execute on function openstock_core.fail to openstock_api, openstock_maint;
comment on function openstock_core.fail is 'Raises the error with this code: its constant message and hint, and the values as JSON in DETAIL.';

reset role;

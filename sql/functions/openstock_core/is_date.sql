-- Whether a text is a calendar date; PostgreSQL can say so without an exception only from 16 on.
set local role openstock_owner;

create or replace function openstock_core.is_date(value text) returns boolean
language plpgsql
immutable
parallel restricted
set search_path = pg_catalog, pg_temp
as $$
begin
  return value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
     and make_date(substr(value, 1, 4)::integer, substr(value, 6, 2)::integer, substr(value, 9, 2)::integer) is not null;
exception when datetime_field_overflow then
  return false;
end
$$;

revoke all on function openstock_core.is_date from public;
grant execute on function openstock_core.is_date to openstock_api, openstock_maint;
comment on function openstock_core.is_date is 'True for a date of the calendar written as YYYY-MM-DD.';

reset role;

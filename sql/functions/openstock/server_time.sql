-- The clock.
set local role openstock_api;

create or replace function openstock.server_time() returns timestamptz
language sql
volatile
parallel safe
return clock_timestamp();

revoke all on function openstock.server_time from public;
grant execute on function openstock.server_time
  to openstock_owner, openstock_maint, openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.server_time is 'The server''s clock, by which entries are stamped and expiry is decided.';

reset role;

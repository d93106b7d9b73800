-- When a lot's last day ends.
set local role openstock_owner;

create or replace function openstock_core.expiry(expires_on date) returns timestamptz
language sql
immutable
parallel safe
return (expires_on + 1)::timestamp at time zone 'UTC';

revoke all on function openstock_core.expiry from public;
grant execute on function openstock_core.expiry to openstock_api, openstock_maint;
comment on function openstock_core.expiry is 'The first moment at which a lot with this last day is expired: midnight UTC after it.';

reset role;

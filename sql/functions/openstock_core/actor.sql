-- Who is written into the ledger.
set local role openstock_owner;

create or replace function openstock_core.actor() returns text
language sql
stable
return left(coalesce(nullif(current_setting('app.actor', true), ''), session_user), 200);

revoke all on function openstock_core.actor from public;
grant execute on function openstock_core.actor to openstock_api;
comment on function openstock_core.actor is 'Who calls: app.actor where the application sets it, otherwise the login; at most 200 characters.';

reset role;

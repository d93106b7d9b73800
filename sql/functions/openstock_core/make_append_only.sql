-- Makes a table (or one partition, which does not inherit statement triggers) refuse UPDATE, DELETE and TRUNCATE.
set local role openstock_owner;

create or replace function openstock_core.make_append_only(target regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('create trigger append_only before update or delete or truncate on %s '
                 'for each statement execute function openstock_core.refuse_change()', target);
  execute format('alter table %s enable always trigger append_only', target);
  execute format('comment on trigger append_only on %s is %L', target, 'Refuses UPDATE, DELETE and TRUNCATE, whoever asks.');
end
$$;

revoke all on function openstock_core.make_append_only from public;
comment on function openstock_core.make_append_only is
  'Attaches the trigger that refuses UPDATE, DELETE and TRUNCATE, also under session_replication_role = replica.';

reset role;

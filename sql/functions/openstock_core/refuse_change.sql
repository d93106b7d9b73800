-- Trigger of append-only tables.
set local role openstock_owner;

create or replace function openstock_core.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'OS401',
    message = 'The ledger is append-only.',
    detail = jsonb_build_object('table', format('%I.%I', tg_table_schema, tg_table_name), 'command', tg_op)::text,
    hint = 'Write a correcting entry instead, with openstock.adjust or openstock.move.';
end
$$;

revoke all on function openstock_core.refuse_change from public;
comment on function openstock_core.refuse_change is 'Refuses the change with OS401.';

reset role;

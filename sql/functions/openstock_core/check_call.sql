-- Checks the arguments that many calls share.
set local role openstock_owner;

create or replace function openstock_core.check_call(reference text, note text, reason text, occurred_at timestamptz) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform openstock_core.check_text('reference', 'text', reference);
  perform openstock_core.check_text('note', 'text', note);
  perform openstock_core.check_text('reason', 'text', reason);
  if not isfinite(occurred_at) then
    perform openstock_core.fail('22023', '{"argument": "occurred_at", "problem": "must be finite"}');
  end if;
end
$$;

revoke all on function openstock_core.check_call from public;
grant execute on function openstock_core.check_call to openstock_api;
comment on function openstock_core.check_call is
  'Errors: 22023 where a text is too long or a time is infinite.';

reset role;

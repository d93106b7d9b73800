-- Refuses to promise a part of what one warehouse has to send as a whole.
set local role openstock_owner;

create or replace function openstock_core.check_completeness(strategy text, on_shortage text) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if strategy = 'ship_complete' and on_shortage in ('partial', 'backorder') then
    perform openstock_core.fail('22023', '{"argument": "on_shortage", "problem": "must be reject or error where the strategy is ship_complete"}');
  end if;
end
$$;

revoke all on function openstock_core.check_completeness from public;
grant execute on function openstock_core.check_completeness to openstock_api;
comment on function openstock_core.check_completeness is 'Errors: 22023 where the strategy is ship_complete and parts would do.';

reset role;

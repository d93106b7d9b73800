-- Refuses details of an order that are not valid.
set local role openstock_owner;

create or replace function openstock_core.check_order_details(promised_at timestamptz, metadata jsonb) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not isfinite(promised_at) then
    perform openstock_core.fail('22023', '{"argument": "promised_at", "problem": "must be finite"}');
  elsif jsonb_typeof(metadata) <> 'object' then
    perform openstock_core.fail('22023', '{"argument": "metadata", "problem": "must be a JSON object"}');
  elsif octet_length(metadata::text) > 65536 then
    perform openstock_core.fail('22023', '{"argument": "metadata", "problem": "must not have more than 65536 bytes"}');
  end if;
end
$$;

revoke all on function openstock_core.check_order_details from public;
grant execute on function openstock_core.check_order_details to openstock_api;
comment on function openstock_core.check_order_details is 'Errors: 22023.';

reset role;

-- Stores an operation's answer and puts its event into the outbox. Writes: operation, event.
set local role openstock_owner;

create or replace function openstock_core.finish_operation(
  tenant uuid, op_id text, function text, arguments jsonb, answer jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
begin
  insert into openstock_core.operation (tenant_id, op_id, function, request_hash, answer, recorded_at)
  values (tenant, op_id, function, openstock_core.request_hash(function, arguments), answer, stamp)
  on conflict on constraint operation_pkey do nothing;
  if not found then
    perform openstock_core.fail('40001', jsonb_build_object('op_id', op_id));
  end if;
  insert into openstock_core.event (tenant_id, op_id, recorded_at) values (tenant, op_id, stamp);
end
$$;

revoke all on function openstock_core.finish_operation from public;
grant execute on function openstock_core.finish_operation to openstock_api;
comment on function openstock_core.finish_operation is
  'Stores the operation with its answer, and its event. Errors: 40001 where another transaction did the same operation.';

reset role;

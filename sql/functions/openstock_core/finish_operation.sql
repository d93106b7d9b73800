-- Stores the answer of the operation that begin_operation claimed, and puts its event into the outbox. Writes: operation, event.
set local role openstock_owner;

create or replace function openstock_core.finish_operation(tenant uuid, op_id text, answer jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
begin
  update openstock_core.operation o
  set answer = finish_operation.answer, recorded_at = stamp
  where o.tenant_id = tenant and o.op_id = finish_operation.op_id;
  insert into openstock_core.event (tenant_id, op_id, recorded_at) values (tenant, op_id, stamp);
end
$$;

revoke all on function openstock_core.finish_operation from public;
grant execute on function openstock_core.finish_operation to openstock_api;
comment on function openstock_core.finish_operation is 'Stores the answer of this transaction''s operation, and its event.';

reset role;

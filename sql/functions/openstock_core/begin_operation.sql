-- Claims an op_id by its row, or finds that it was done before. Writes: operation.
-- Locks: tenant (advisory, shared: only a rebuild takes it alone), operation (the new row).
-- A twin waits here for the first one's end; its next statement then sees what the first one committed. From repeatable read on
-- it could not, and its insert ends in 40001. An advisory lock for each op_id would fill the server's lock table in a transaction
-- of thousands of calls.
set local role openstock_owner;

create or replace function openstock_core.begin_operation(tenant uuid, op_id text, function text, arguments jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  hash bytea;
  done record;
begin
  if op_id is null or octet_length(op_id) not between 1 and 128 then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'op_id', 'problem', case when op_id is null then 'missing' else 'must have 1 to 128 bytes' end));
  end if;
  if current_setting('transaction_read_only')::boolean then
    perform openstock_core.fail('25006', jsonb_build_object('function', function));
  end if;

  perform pg_advisory_xact_lock_shared(openstock_core.tenant_lock(tenant));
  hash := openstock_core.request_hash(function, arguments);
  insert into openstock_core.operation (tenant_id, op_id, function, request_hash, recorded_at)
  values (tenant, begin_operation.op_id, function, hash, openstock.server_time())
  on conflict on constraint operation_pkey do nothing;
  if found then
    return null;
  end if;

  select o.function, o.request_hash, o.answer into strict done
  from openstock_core.operation o
  where o.tenant_id = tenant and o.op_id = begin_operation.op_id;
  if done.request_hash <> hash then
    perform openstock_core.fail('OS010', jsonb_build_object('op_id', op_id, 'first_used_for', done.function));
  end if;
  if done.answer is null then
    perform openstock_core.fail('OS011', jsonb_build_object('op_id', op_id, 'function', done.function));
  end if;
  -- reserve_now may have committed it a moment ago, and the disk not have it yet. This is written to the log, so that the commit waits for that.
  perform pg_logical_emit_message(true, 'openstock', '');
  return (select coalesce(jsonb_agg(row || '{"replayed": true}' order by n), '[]')
          from jsonb_array_elements(done.answer) with ordinality as e (row, n));
end
$$;

revoke all on function openstock_core.begin_operation from public;
grant execute on function openstock_core.begin_operation to openstock_api;
comment on function openstock_core.begin_operation is
  'Claims an op_id for this transaction, or returns the stored answer where it was done before; null where it is new. '
  'Errors: 22023 (op_id), 25006, OS010, OS011, 40001 where a twin committed meanwhile and this transaction cannot see it.';

reset role;

-- Idempotency, and the outbox. No foreign key to tenant: every call of a tenant would share a lock on one row, and
-- openstock_core.enter() has looked the tenant up already.
set local role openstock_owner;

create table openstock_core.operation (
  tenant_id uuid not null,
  op_id openstock_core.op_id not null,
  function text not null,
  request_hash bytea not null,
  answer jsonb,
  recorded_at timestamptz not null,
  constraint operation_pkey primary key (tenant_id, op_id)
);
comment on table openstock_core.operation is 'One row per call that wrote: who calls again with the same op_id gets the stored answer.';
comment on column openstock_core.operation.tenant_id is 'The tenant.';
comment on column openstock_core.operation.op_id is 'The caller''s idempotency key, 1 to 128 bytes.';
comment on column openstock_core.operation.function is 'The function that was called.';
comment on column openstock_core.operation.request_hash is 'SHA-256 of the function''s name and its arguments that are not null.';
comment on column openstock_core.operation.answer is 'The rows that were returned; null once pruned, and while the call runs.';
comment on column openstock_core.operation.recorded_at is 'When it was done.';
select openstock_core.protect_table('openstock_core.operation');
grant select, insert, update on openstock_core.operation to openstock_api;
grant select on openstock_core.operation to openstock_maint;

create table openstock_core.event (
  tenant_id uuid not null,
  event_id bigint generated always as identity,
  op_id text not null,
  recorded_at timestamptz not null,
  constraint event_pkey primary key (tenant_id, event_id)
);
comment on table openstock_core.event is 'The outbox: one thin row per operation, committed with it.';
comment on column openstock_core.event.tenant_id is 'The tenant.';
comment on column openstock_core.event.event_id is 'Identity; not an order of commits.';
comment on column openstock_core.event.op_id is 'The operation.';
comment on column openstock_core.event.recorded_at is 'When it was done.';
select openstock_core.protect_table('openstock_core.event');
grant select, insert on openstock_core.event to openstock_api;
grant select on openstock_core.event to openstock_maint;

reset role;

-- The truth: one immutable row per movement, in monthly partitions by server time.
set local role openstock_owner;

create sequence openstock_core.ledger_entry_id as bigint;
comment on sequence openstock_core.ledger_entry_id is
  'Numbers the entries. Taken after the level is locked and never cached, so that it orders each level''s entries.';
grant usage on sequence openstock_core.ledger_entry_id to openstock_api;

create table openstock_core.ledger (
  tenant_id uuid not null,
  product_id bigint not null,
  warehouse_id bigint not null,
  recorded_at timestamptz not null,
  entry_id bigint not null,
  occurred_at timestamptz,
  line integer not null,
  op_id text not null,
  event_type openstock_core.event_type not null,
  location_id bigint,
  lot_id bigint,
  handling_unit_id bigint,
  status text,
  qty_delta openstock_core.quantity not null default 0,
  blocked_delta openstock_core.quantity not null default 0,
  reserved_delta openstock_core.quantity not null default 0,
  allocated_delta openstock_core.quantity not null default 0,
  backordered_delta openstock_core.quantity,
  quota_delta openstock_core.quantity,
  on_hand_after openstock_core.amount,
  blocked_after openstock_core.amount,
  reserved_after openstock_core.amount,
  order_ref text,
  reservation_line_id bigint,
  backorder_id bigint,
  expires_at timestamptz,
  unit_cost openstock_core.quantity,
  reference text,
  reason text,
  note text,
  actor text not null,
  constraint ledger_pkey primary key (tenant_id, product_id, warehouse_id, recorded_at, entry_id),
  constraint ledger_entry_is_sound check (openstock_core.is_sound(
    event_type, location_id, status, qty_delta, blocked_delta, allocated_delta, backordered_delta, quota_delta,
    on_hand_after, blocked_after, reserved_after))
) partition by range (recorded_at);
create index ledger_operation on openstock_core.ledger (tenant_id, op_id);
create index ledger_recorded_at on openstock_core.ledger using brin (recorded_at);
comment on table openstock_core.ledger is
  'Append-only record of every movement, partitioned by month of recorded_at. UPDATE, DELETE and TRUNCATE are refused.';
comment on column openstock_core.ledger.tenant_id is 'The tenant.';
comment on column openstock_core.ledger.product_id is 'The product.';
comment on column openstock_core.ledger.warehouse_id is 'The warehouse.';
comment on column openstock_core.ledger.recorded_at is 'Server time of the entry; within a level each entry is later than the one before.';
comment on column openstock_core.ledger.entry_id is 'Number of the entry, rising within a level.';
comment on column openstock_core.ledger.occurred_at is 'Business time where the caller gave one, may be back-dated; null: when it was recorded.';
comment on column openstock_core.ledger.line is 'The line of the call.';
comment on column openstock_core.ledger.op_id is 'The operation that wrote it.';
comment on column openstock_core.ledger.event_type is
  'RECEIPT, SHIP, ADJUST, COUNT, MOVE, STATUS, TRANSFER_OUT, TRANSFER_IN, RETURN, RESERVE, BACKORDER, EXTEND, CONFIRM, RELEASE, EXPIRE, '
  'ALLOCATE or '
  'DEALLOCATE.';
comment on column openstock_core.ledger.location_id is 'The bin''s location; null where no bin is touched.';
comment on column openstock_core.ledger.lot_id is 'The bin''s lot.';
comment on column openstock_core.ledger.handling_unit_id is 'The bin''s handling unit; null: loose.';
comment on column openstock_core.ledger.status is 'The bin''s stock status.';
comment on column openstock_core.ledger.qty_delta is 'Change of on_hand of the level and of the bin.';
comment on column openstock_core.ledger.blocked_delta is 'Change of blocked of the level.';
comment on column openstock_core.ledger.reserved_delta is 'Change of reserved of the level and of the reservation line.';
comment on column openstock_core.ledger.allocated_delta is 'Change of allocated of the bin and of the line''s allocation there.';
comment on column openstock_core.ledger.backordered_delta is
  'Change of what waits for stock, of the backorder and of the product''s backlog; null where the entry changes none. Such an entry changes no level, and its '
  'warehouse is the one asked for, or the first by priority.';
comment on column openstock_core.ledger.quota_delta is
  'Change of what is kept for the sales channel of the line at the level: RESERVE takes from it, RELEASE and EXPIRE give back; null where the entry changes '
  'none.';
comment on column openstock_core.ledger.on_hand_after is 'The level''s on_hand after the entry; null on BACKORDER, EXTEND, CONFIRM, ALLOCATE and DEALLOCATE, and where '
  'backordered units are released or expire: none of these changes a level.';
comment on column openstock_core.ledger.blocked_after is 'The level''s blocked after the entry.';
comment on column openstock_core.ledger.reserved_after is 'The level''s reserved after the entry.';
comment on column openstock_core.ledger.order_ref is 'The order.';
comment on column openstock_core.ledger.reservation_line_id is 'The reservation line.';
comment on column openstock_core.ledger.backorder_id is 'The backorder.';
comment on column openstock_core.ledger.expires_at is
  'Until when the line''s promise holds, from a RESERVE or EXTEND entry on; null: without end, also from a CONFIRM entry on.';
comment on column openstock_core.ledger.unit_cost is 'Cost of one unit, where units came in with one; the currency is the tenant''s affair.';
comment on column openstock_core.ledger.reference is 'The document behind the call: delivery note, count sheet, invoice.';
comment on column openstock_core.ledger.reason is 'Why: the caller''s for ADJUST and RELEASE; expired for what the end of a lot or of a hold caused.';
comment on column openstock_core.ledger.note is 'Free text.';
comment on column openstock_core.ledger.actor is 'Who: app.actor where the application sets it, otherwise the login.';
comment on index openstock_core.ledger_operation is 'Entries of an operation.';
comment on index openstock_core.ledger_recorded_at is 'Entries by time.';
select openstock_core.protect_table('openstock_core.ledger');
select openstock_core.make_append_only('openstock_core.ledger');
create trigger ledger_rows_are_append_only before update or delete on openstock_core.ledger
  for each row execute function openstock_core.refuse_change();
alter table openstock_core.ledger enable always trigger ledger_rows_are_append_only;
comment on trigger ledger_rows_are_append_only on openstock_core.ledger is
  'Refuses also what reaches rows without a statement of its own, such as logical replication.';
grant select, insert on openstock_core.ledger to openstock_api;
grant select on openstock_core.ledger to openstock_maint;

reset role;

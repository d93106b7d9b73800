-- The history, by name.
set local role openstock_api;

create or replace view openstock.ledger with (security_barrier) as
select
  e.entry_id, e.recorded_at, coalesce(e.occurred_at, e.recorded_at) as occurred_at, e.op_id, e.line, e.event_type::text as event_type,
  p.sku::text as sku, w.code::text as warehouse, c.code::text as location, t.code::text as lot, h.code::text as handling_unit, e.status,
  e.qty_delta::numeric as qty_delta, e.blocked_delta::numeric as blocked_delta,
  e.reserved_delta::numeric as reserved_delta, e.allocated_delta::numeric as allocated_delta,
  coalesce(e.backordered_delta, 0)::numeric as backordered_delta, coalesce(e.quota_delta, 0)::numeric as quota_delta,
  e.on_hand_after::numeric as on_hand_after, e.blocked_after::numeric as blocked_after,
  e.reserved_after::numeric as reserved_after, e.order_ref, e.expires_at, e.unit_cost::numeric as unit_cost,
  e.reference, e.reason, e.note, e.actor
from openstock_core.ledger e
join openstock_core.product p on p.tenant_id = e.tenant_id and p.product_id = e.product_id
join openstock_core.warehouse w on w.tenant_id = e.tenant_id and w.warehouse_id = e.warehouse_id
left join openstock_core.location c on c.tenant_id = e.tenant_id and c.location_id = e.location_id
left join openstock_core.lot t on t.tenant_id = e.tenant_id and t.lot_id = e.lot_id
left join openstock_core.handling_unit h on h.tenant_id = e.tenant_id and h.handling_unit_id = e.handling_unit_id
where e.tenant_id = (select openstock.current_tenant());

comment on view openstock.ledger is
  'Every movement of the current tenant''s stock. Order one product and warehouse by recorded_at or entry_id; ask by sku and time, or by op_id.';
comment on column openstock.ledger.entry_id is 'Number of the entry, rising within a product and warehouse.';
comment on column openstock.ledger.recorded_at is 'Server time of the entry.';
comment on column openstock.ledger.occurred_at is 'Business time: what the caller gave, otherwise recorded_at.';
comment on column openstock.ledger.op_id is 'The operation that wrote it.';
comment on column openstock.ledger.line is 'The line of the call; 0 for what followed from the call itself.';
comment on column openstock.ledger.event_type is
  'RECEIPT, SHIP, ADJUST, COUNT, MOVE, STATUS, TRANSFER_OUT, TRANSFER_IN, RETURN, RESERVE, BACKORDER, EXTEND, CONFIRM, RELEASE, EXPIRE, '
  'ALLOCATE or DEALLOCATE.';
comment on column openstock.ledger.sku is 'The product.';
comment on column openstock.ledger.warehouse is 'The warehouse''s code.';
comment on column openstock.ledger.location is 'The bin''s code; null where no bin is touched.';
comment on column openstock.ledger.lot is 'The bin''s lot.';
comment on column openstock.ledger.handling_unit is 'The pallet, tote or carton, or null: loose.';
comment on column openstock.ledger.status is 'The bin''s stock status.';
comment on column openstock.ledger.qty_delta is 'Change of on_hand.';
comment on column openstock.ledger.blocked_delta is 'Change of blocked.';
comment on column openstock.ledger.reserved_delta is 'Change of reserved.';
comment on column openstock.ledger.allocated_delta is 'Change of the bin''s allocated.';
comment on column openstock.ledger.backordered_delta is 'Change of what the order waits for.';
comment on column openstock.ledger.quota_delta is 'Change of what is kept for the sales channel of the order''s line.';
comment on column openstock.ledger.on_hand_after is 'on_hand of the product at the warehouse after the entry; null on entries that change no level: '
  'BACKORDER, EXTEND, CONFIRM, ALLOCATE and DEALLOCATE, and where what waits for stock is released or expires.';
comment on column openstock.ledger.blocked_after is 'blocked after the entry.';
comment on column openstock.ledger.reserved_after is 'reserved after the entry.';
comment on column openstock.ledger.order_ref is 'The order.';
comment on column openstock.ledger.expires_at is 'RESERVE and EXTEND: until when the promise holds; null: without end, also from a CONFIRM on.';
comment on column openstock.ledger.unit_cost is 'Cost of one unit, where units came in with one.';
comment on column openstock.ledger.reference is 'The document behind the call.';
comment on column openstock.ledger.reason is 'Why.';
comment on column openstock.ledger.note is 'Free text.';
comment on column openstock.ledger.actor is 'Who.';
grant select on openstock.ledger to openstock_app, openstock_analyst, openstock_operator;

reset role;

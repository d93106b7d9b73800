-- An order's reservation lines and backorders as one list: what it is promised, and what it waits for. Reads: reservation_line, backorder.
set local role openstock_owner;

create or replace function openstock_core.parts_of_order(
  tenant uuid, order_id bigint,
  out reservation_line_id bigint, out backorder_id bigint, out line integer, out product_id bigint, out warehouse_id bigint,
  out ordered numeric, out open numeric, out expired numeric, out expires_at timestamptz, out channel_id bigint)
returns setof record
language sql
stable
begin atomic
  select l.reservation_line_id, null::bigint, l.line, l.product_id, l.warehouse_id, l.ordered, l.reserved, l.expired, l.expires_at, l.channel_id
  from openstock_core.reservation_line l
  where l.tenant_id = tenant and l.reservation_id = order_id
  union all
  select null, b.backorder_id, b.line, b.product_id, b.warehouse_id, b.backordered + b.released + b.expired, b.backordered, b.expired, b.expires_at,
         b.channel_id
  from openstock_core.backorder b
  where b.tenant_id = tenant and b.reservation_id = order_id;
end;

revoke all on function openstock_core.parts_of_order from public;
grant execute on function openstock_core.parts_of_order to openstock_api;
comment on function openstock_core.parts_of_order is
  'The rows that an order''s lines are made of. open: what is reserved, or waits; its end may have come (expires_at) without being booked.';

reset role;

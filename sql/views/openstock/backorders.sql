-- The queue of those who wait for stock. Holds have no place in it before they are confirmed.
set local role openstock_api;

create or replace view openstock.backorders with (security_barrier) as
select
  p.sku::text as sku,
  row_number() over (partition by b.product_id order by r.priority desc, b.queued_at, b.backorder_id) as place,
  r.order_ref::text as order_ref, b.line::integer as line, w.code::text as warehouse, c.code::text as channel, b.backordered::numeric as qty, r.priority, b.queued_at, r.promised_at
from openstock_core.backorder b
join openstock_core.reservation r on r.tenant_id = b.tenant_id and r.reservation_id = b.reservation_id
join openstock_core.product p on p.tenant_id = b.tenant_id and p.product_id = b.product_id
left join openstock_core.warehouse w on w.tenant_id = b.tenant_id and w.warehouse_id = b.warehouse_id
left join openstock_core.channel c on c.tenant_id = b.tenant_id and c.channel_id = b.channel_id
where b.tenant_id = (select openstock.current_tenant()) and b.backordered > 0 and b.expires_at is null;

comment on view openstock.backorders is
  'Units of the current tenant''s orders that wait for stock, in the order in which fill_backorders and receive fill them. Holds are left out until they are '
  'confirmed.';
comment on column openstock.backorders.sku is 'The product.';
comment on column openstock.backorders.place is 'Place in the product''s queue, from 1: by priority of the order, then age.';
comment on column openstock.backorders.order_ref is 'The order.';
comment on column openstock.backorders.line is 'The order''s line.';
comment on column openstock.backorders.warehouse is 'The only warehouse that may fill it; null: any.';
comment on column openstock.backorders.channel is 'The sales channel, from whose quota it may be filled; null: none.';
comment on column openstock.backorders.qty is 'Units that wait.';
comment on column openstock.backorders.priority is 'The order''s priority; the higher is filled first.';
comment on column openstock.backorders.queued_at is 'Since when it stands in the queue.';
comment on column openstock.backorders.promised_at is 'When the customer was promised the goods, or null.';
grant select on openstock.backorders to openstock_app, openstock_analyst, openstock_operator;

reset role;

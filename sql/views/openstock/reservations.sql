-- Promises to orders.
set local role openstock_api;

create or replace view openstock.reservations with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  r.order_ref::text as order_ref, l.line, p.sku::text as sku, w.code::text as warehouse,
  c.code::text as channel, l.ordered, trim_scale(l.reserved - d.reserved) as reserved, case when d.reserved > 0 then 0 else l.allocated end as allocated,
  trim_scale(l.backordered - d.backordered) as backordered, l.shipped, l.released,
  trim_scale(l.expired + d.reserved + d.backordered) as expired, l.expires_at, a.code::text as location, t.code::text as lot, l.min_days_left,
  l.created_at, k.sku::text as kit,
  case when l.serial_ids is not null then array(
    select u.serial::text from openstock_core.serial_unit u
    where u.tenant_id = l.tenant_id and u.serial_id = any (l.serial_ids) order by u.serial_id) end as serials
from moment m
cross join (
  select n.tenant_id, n.reservation_id, n.line::integer as line, n.product_id, n.warehouse_id, n.ordered::numeric as ordered, n.reserved::numeric as reserved,
         (select coalesce(sum(a.qty), 0) from openstock_core.allocation a
          where a.tenant_id = n.tenant_id and a.reservation_line_id = n.reservation_line_id) as allocated,
         0::numeric as backordered, n.shipped::numeric as shipped, n.released::numeric as released, n.expired::numeric as expired,
         n.expires_at, n.location_id, n.lot_id, n.min_days_left::integer as min_days_left, n.serial_ids, n.created_at, n.channel_id
  from openstock_core.reservation_line n
  where n.tenant_id = (select openstock.current_tenant())
  union all
  select b.tenant_id, b.reservation_id, b.line, b.product_id, b.warehouse_id, b.backordered + b.released + b.expired, 0,
         0, b.backordered::numeric, 0, b.released::numeric, b.expired::numeric, b.expires_at, null, null, null, null,
         b.created_at, b.channel_id
  from openstock_core.backorder b
  where b.tenant_id = (select openstock.current_tenant()) and b.backordered + b.released + b.expired > 0
) as l
cross join lateral (
  select case when l.expires_at <= m.at then l.reserved else 0 end as reserved,
         case when l.expires_at <= m.at then l.backordered else 0 end as backordered) as d
join openstock_core.reservation r on r.tenant_id = l.tenant_id and r.reservation_id = l.reservation_id
join openstock_core.product p on p.tenant_id = l.tenant_id and p.product_id = l.product_id
left join openstock_core.warehouse w on w.tenant_id = l.tenant_id and w.warehouse_id = l.warehouse_id
left join openstock_core.location a on a.tenant_id = l.tenant_id and a.location_id = l.location_id
left join openstock_core.lot t on t.tenant_id = l.tenant_id and t.lot_id = l.lot_id
left join openstock_core.channel c on c.tenant_id = l.tenant_id and c.channel_id = l.channel_id
left join openstock_core.reservation_kit i
  on i.tenant_id = l.tenant_id and i.reservation_id = l.reservation_id and i.line = l.line and i.product_id = l.product_id
left join openstock_core.product k on k.tenant_id = i.tenant_id and k.product_id = i.kit_id;

comment on view openstock.reservations is
  'Order lines of the current tenant per warehouse, and what of them waits for stock: ordered = reserved + backordered + shipped + released + expired. A hold counts as expired from that moment '
  'on, whether or not it was booked.';
comment on column openstock.reservations.order_ref is 'The order.';
comment on column openstock.reservations.line is 'The order''s line.';
comment on column openstock.reservations.sku is 'The product.';
comment on column openstock.reservations.warehouse is 'The warehouse that promises, or that a backorder waits for; null: any may fill it.';
comment on column openstock.reservations.channel is 'The sales channel that it was promised to; null: none.';
comment on column openstock.reservations.ordered is 'Units of the line in this row. What is filled moves from the backorder''s row to a warehouse''s.';
comment on column openstock.reservations.reserved is 'Units promised and not yet gone.';
comment on column openstock.reservations.allocated is 'The part of reserved that is pinned to bins.';
comment on column openstock.reservations.backordered is 'Units that no stock covers yet.';
comment on column openstock.reservations.shipped is 'Units gone to the order.';
comment on column openstock.reservations.released is 'Units given back.';
comment on column openstock.reservations.expired is 'Units whose hold ended.';
comment on column openstock.reservations.expires_at is 'The promise holds until then; null: until it is shipped or released.';
comment on column openstock.reservations.location is 'The bin that the line asks for; null: any.';
comment on column openstock.reservations.lot is 'The lot that the line asks for; null: any.';
comment on column openstock.reservations.min_days_left is 'So many days before the last day of their lot its units had to have when they were pinned; null: any.';
comment on column openstock.reservations.created_at is 'When it was promised.';
comment on column openstock.reservations.kit is 'The kit that the product is a component of in this line; null: none.';
comment on column openstock.reservations.serials is 'The pieces that the line asks for, without those that went to it; null: any.';
grant select on openstock.reservations to openstock_app, openstock_analyst, openstock_operator;

reset role;

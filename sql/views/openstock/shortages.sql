-- Promises that no stock is behind any more: after a loss, a block, or an expired lot.
set local role openstock_api;

create or replace view openstock.shortages with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  p.sku::text as sku, w.code::text as warehouse, l.on_hand::numeric as on_hand, l.blocked + d.units as blocked, l.reserved - h.units as reserved,
  trim_scale(l.reserved - h.units - (l.on_hand - l.blocked - d.units)) as qty_short, o.orders
from moment m
cross join openstock_core.stock_level l
join openstock_core.product p on p.tenant_id = l.tenant_id and p.product_id = l.product_id
join openstock_core.warehouse w on w.tenant_id = l.tenant_id and w.warehouse_id = l.warehouse_id
cross join lateral (
  select case when l.next_block_at <= m.at then (
    select coalesce(sum(b.on_hand), 0)
    from openstock_core.stock_bin b
    join openstock_core.lot t on t.tenant_id = b.tenant_id and t.lot_id = b.lot_id
    where b.tenant_id = l.tenant_id and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
      and b.on_hand > 0 and not b.blocked and (t.expires_on + 1)::timestamp at time zone 'UTC' <= m.at
  ) else 0 end as units
) as d
cross join lateral (
  select case when l.next_expiry_at <= m.at then (
    select coalesce(sum(n.reserved), 0)
    from openstock_core.reservation_line n
    where n.tenant_id = l.tenant_id and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
      and n.expires_at <= m.at and n.reserved > 0
  ) else 0 end as units
) as h
cross join lateral (
  select jsonb_agg(jsonb_build_object('order_ref', s.order_ref, 'line', s.line, 'reserved', s.reserved, 'allocated', s.allocated,
                                      'priority', s.priority) order by s.before) as orders
  from (
    select r.order_ref, n.line, n.reserved::numeric as reserved, a.qty as allocated, r.priority,
           sum(n.reserved) over (order by r.priority, a.qty > 0, n.created_at desc, n.reservation_line_id desc) - n.reserved as before
    from openstock_core.reservation_line n
    join openstock_core.reservation r on r.tenant_id = n.tenant_id and r.reservation_id = n.reservation_id
    cross join lateral (select coalesce(sum(s.qty), 0) as qty from openstock_core.allocation s
                        where s.tenant_id = n.tenant_id and s.reservation_line_id = n.reservation_line_id) as a
    where n.tenant_id = l.tenant_id and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
      and n.reserved > 0 and (n.expires_at is null or n.expires_at > m.at)
  ) as s
  where s.before < l.reserved - h.units - (l.on_hand - l.blocked - d.units)
) as o
where l.tenant_id = (select openstock.current_tenant()) and l.reserved - h.units > l.on_hand - l.blocked - d.units;

comment on view openstock.shortages is
  'Products and warehouses of the current tenant where more is promised than can be promised of what is there: units were lost, blocked, or their lot expired. '
  'Safety stock and what is kept for sales channels play no part in it.';
comment on column openstock.shortages.sku is 'The product.';
comment on column openstock.shortages.warehouse is 'The warehouse''s code.';
comment on column openstock.shortages.on_hand is 'Physical units.';
comment on column openstock.shortages.blocked is 'The part of on_hand that cannot be promised.';
comment on column openstock.shortages.reserved is 'Units promised to orders and not yet gone.';
comment on column openstock.shortages.qty_short is 'How many of them have no unit behind them.';
comment on column openstock.shortages.orders is
  'The orders'' lines with the weakest claim that together hold as much: lowest priority first, of these what is not pinned, then the youngest.';
grant select on openstock.shortages to openstock_app, openstock_analyst, openstock_operator;

reset role;

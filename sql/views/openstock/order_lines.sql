-- One row for each line of an order, whatever warehouses serve it.
set local role openstock_api;

create or replace view openstock.order_lines with (security_barrier) as
select
  s.order_ref, s.line, s.sku, min(s.channel) as channel, trim_scale(sum(s.ordered)) as ordered, trim_scale(sum(s.reserved)) as reserved,
  trim_scale(sum(s.allocated)) as allocated, trim_scale(sum(s.backordered)) as backordered, trim_scale(sum(s.shipped)) as shipped,
  trim_scale(sum(s.released)) as released, trim_scale(sum(s.expired)) as expired,
  min(s.expires_at) filter (where s.reserved + s.backordered > 0) as expires_at,
  coalesce(jsonb_agg(jsonb_build_object('warehouse', s.warehouse, 'reserved', s.reserved, 'allocated', s.allocated, 'shipped', s.shipped)
                     order by s.warehouse) filter (where s.reserved + s.shipped > 0), '[]') as warehouses,
  s.kit
from openstock.reservations s
group by s.order_ref, s.line, s.sku, s.kit;

comment on view openstock.order_lines is
  'The lines of the current tenant''s orders: ordered = reserved + backordered + shipped + released + expired.';
comment on column openstock.order_lines.order_ref is 'The order.';
comment on column openstock.order_lines.line is 'The order''s line.';
comment on column openstock.order_lines.sku is 'The product.';
comment on column openstock.order_lines.channel is 'The sales channel that it came through; null: none.';
comment on column openstock.order_lines.ordered is 'Units asked for.';
comment on column openstock.order_lines.reserved is 'Units promised and not yet gone.';
comment on column openstock.order_lines.allocated is 'The part of reserved that is pinned to bins.';
comment on column openstock.order_lines.backordered is 'Units that wait for stock.';
comment on column openstock.order_lines.shipped is 'Units gone to the order.';
comment on column openstock.order_lines.released is 'Units given back.';
comment on column openstock.order_lines.expired is 'Units whose hold ended.';
comment on column openstock.order_lines.expires_at is 'When the first hold of the line ends; null: none does.';
comment on column openstock.order_lines.warehouses is
  'Who serves it: [{"warehouse": …, "reserved": …, "allocated": …, "shipped": …}].';
comment on column openstock.order_lines.kit is 'The kit that the product is a component of in this line; null: none.';
grant select on openstock.order_lines to openstock_app, openstock_analyst, openstock_operator;

reset role;

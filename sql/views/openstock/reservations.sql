-- Promises to orders.
set local role openstock_api;

create or replace view openstock.reservations with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  r.order_ref::text as order_ref, l.line, p.sku::text as sku, w.code::text as warehouse,
  l.ordered::numeric as ordered, trim_scale(l.reserved - d.units) as reserved,
  case when d.units > 0 then 0 else (
    select coalesce(sum(a.qty), 0) from openstock_core.allocation a
    where a.tenant_id = l.tenant_id and a.reservation_line_id = l.reservation_line_id) end as allocated,
  l.backordered::numeric as backordered, l.shipped::numeric as shipped, l.released::numeric as released,
  trim_scale(l.expired + d.units) as expired, l.expires_at, l.created_at
from moment m
cross join openstock_core.reservation_line l
cross join lateral (select case when l.expires_at <= m.at then l.reserved::numeric else 0 end as units) as d
join openstock_core.reservation r on r.tenant_id = l.tenant_id and r.reservation_id = l.reservation_id
join openstock_core.product p on p.tenant_id = l.tenant_id and p.product_id = l.product_id
join openstock_core.warehouse w on w.tenant_id = l.tenant_id and w.warehouse_id = l.warehouse_id
where l.tenant_id = (select openstock.current_tenant());

comment on view openstock.reservations is
  'Order lines of the current tenant per warehouse: ordered = reserved + backordered + shipped + released + expired. A hold counts as expired from that moment '
  'on, whether or not it was booked.';
comment on column openstock.reservations.order_ref is 'The order.';
comment on column openstock.reservations.line is 'The order''s line.';
comment on column openstock.reservations.sku is 'The product.';
comment on column openstock.reservations.warehouse is 'The warehouse that promises.';
comment on column openstock.reservations.ordered is 'Units asked of this warehouse.';
comment on column openstock.reservations.reserved is 'Units promised and not yet gone.';
comment on column openstock.reservations.allocated is 'The part of reserved that is pinned to bins.';
comment on column openstock.reservations.backordered is 'Units that no stock covers yet.';
comment on column openstock.reservations.shipped is 'Units gone to the order.';
comment on column openstock.reservations.released is 'Units given back.';
comment on column openstock.reservations.expired is 'Units whose hold ended.';
comment on column openstock.reservations.expires_at is 'The promise holds until then; null: until it is shipped or released.';
comment on column openstock.reservations.created_at is 'When it was promised.';
grant select on openstock.reservations to openstock_app, openstock_analyst, openstock_operator;

reset role;

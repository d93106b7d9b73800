-- What each bin holds.
set local role openstock_api;

create or replace view openstock.bins with (security_barrier) as
select
  p.sku::text as sku, w.code::text as warehouse, c.code::text as location, t.code::text as lot, t.expires_on, b.status,
  b.on_hand::numeric as on_hand,
  case when b.blocked or (t.expires_on + 1)::timestamp at time zone 'UTC' <= (select openstock.server_time())
    then b.on_hand::numeric else 0 end as blocked,
  b.allocated::numeric as allocated, b.received_at
from openstock_core.stock_bin b
join openstock_core.product p on p.tenant_id = b.tenant_id and p.product_id = b.product_id
join openstock_core.warehouse w on w.tenant_id = b.tenant_id and w.warehouse_id = b.warehouse_id
join openstock_core.location c on c.tenant_id = b.tenant_id and c.location_id = b.location_id
left join openstock_core.lot t on t.tenant_id = b.tenant_id and t.lot_id = b.lot_id
where b.on_hand > 0 and b.tenant_id = (select openstock.current_tenant());

comment on view openstock.bins is 'Units of the current tenant per location, product, lot and status; empty bins are left out.';
comment on column openstock.bins.sku is 'The product.';
comment on column openstock.bins.warehouse is 'The warehouse''s code.';
comment on column openstock.bins.location is 'The location''s code.';
comment on column openstock.bins.lot is 'The lot''s code, or null.';
comment on column openstock.bins.expires_on is 'The lot''s last day (UTC), or null.';
comment on column openstock.bins.status is 'Stock status: available, hold, quarantine or damaged.';
comment on column openstock.bins.on_hand is 'Physical units.';
comment on column openstock.bins.blocked is 'The part of on_hand that cannot be promised: all or nothing of a bin.';
comment on column openstock.bins.allocated is 'The part of on_hand that is pinned to orders.';
comment on column openstock.bins.received_at is 'When units came into the empty bin: its age for fifo and lifo.';
grant select on openstock.bins to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- Stock per product and warehouse. Units of lots that expired are shown as blocked, and units of holds that ended as available, or kept for their channel, from
-- that moment on, whether or not it was booked already.
set local role openstock_api;

create or replace view openstock.stock with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  p.sku::text as sku, w.code::text as warehouse, l.on_hand::numeric as on_hand, l.blocked + d.units as blocked,
  l.reserved - h.units as reserved, l.safety_stock::numeric as safety_stock, trim_scale(l.fenced + h.kept) as fenced,
  l.available - d.units + h.units - h.kept as available, l.version, nullif(l.last_recorded_at, '-infinity') as last_recorded_at
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
  select coalesce(sum(n.reserved), 0) as units, coalesce(sum(case when n.quota_used > 0 and exists (
      select from openstock_core.channel c where c.tenant_id = l.tenant_id and c.channel_id = n.channel_id and c.active)
    then least(n.reserved, n.quota_used) else 0 end), 0) as kept
  from openstock_core.reservation_line n
  where l.next_expiry_at <= m.at and n.tenant_id = l.tenant_id and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
    and n.expires_at <= m.at and n.reserved > 0
) as h
where l.tenant_id = (select openstock.current_tenant());

comment on view openstock.stock is 'Stock of the current tenant per product and warehouse, as of now.';
comment on column openstock.stock.sku is 'The product.';
comment on column openstock.stock.warehouse is 'The warehouse''s code.';
comment on column openstock.stock.on_hand is 'Physical units.';
comment on column openstock.stock.blocked is 'The part of on_hand that cannot be promised: status, location or lot expiry says so.';
comment on column openstock.stock.reserved is 'Units promised to orders and not yet gone.';
comment on column openstock.stock.safety_stock is 'Units kept out of promises.';
comment on column openstock.stock.fenced is 'Units kept for sales channels that have not used them.';
comment on column openstock.stock.available is
  'What can be promised to anyone while product and warehouse are active (see openstock.availability): on_hand - blocked - reserved - safety_stock - fenced; negative after a loss of promised units, and where more is kept than there is.';
comment on column openstock.stock.version is 'Ledger entries that changed it.';
comment on column openstock.stock.last_recorded_at is 'When the last of them was recorded; null before the first.';
grant select on openstock.stock to openstock_app, openstock_analyst, openstock_operator, openstock_maint;

reset role;

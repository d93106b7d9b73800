-- What each bin holds.
set local role openstock_api;

create or replace view openstock.bins with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  p.sku::text as sku, w.code::text as warehouse, c.code::text as location, t.code::text as lot, h.code::text as handling_unit, t.expires_on, b.status,
  b.on_hand::numeric as on_hand,
  case when b.blocked or (t.expires_on + 1)::timestamp at time zone 'UTC' <= m.at then b.on_hand::numeric else 0 end as blocked,
  case when b.allocated > 0 then trim_scale(b.allocated - (
    select coalesce(sum(a.qty), 0)
    from openstock_core.allocation a
    join openstock_core.reservation_line n on n.tenant_id = a.tenant_id and n.reservation_line_id = a.reservation_line_id
    where a.tenant_id = b.tenant_id and a.bin_id = b.bin_id and n.expires_at <= m.at and n.reserved > 0)) else 0 end as allocated,
  b.received_at
from moment m
cross join openstock_core.stock_bin b
join openstock_core.product p on p.tenant_id = b.tenant_id and p.product_id = b.product_id
join openstock_core.warehouse w on w.tenant_id = b.tenant_id and w.warehouse_id = b.warehouse_id
join openstock_core.location c on c.tenant_id = b.tenant_id and c.location_id = b.location_id
left join openstock_core.lot t on t.tenant_id = b.tenant_id and t.lot_id = b.lot_id
left join openstock_core.handling_unit h on h.tenant_id = b.tenant_id and h.handling_unit_id = b.handling_unit_id
where b.on_hand > 0 and b.tenant_id = (select openstock.current_tenant());

comment on view openstock.bins is 'Units of the current tenant per location, product, lot, status and handling unit; empty bins are left out.';
comment on column openstock.bins.sku is 'The product.';
comment on column openstock.bins.warehouse is 'The warehouse''s code.';
comment on column openstock.bins.location is 'The location''s code.';
comment on column openstock.bins.lot is 'The lot''s code, or null.';
comment on column openstock.bins.handling_unit is 'The pallet, tote or carton, or null: loose.';
comment on column openstock.bins.expires_on is 'The lot''s last day (UTC), or null.';
comment on column openstock.bins.status is 'Stock status: available, hold, quarantine or damaged.';
comment on column openstock.bins.on_hand is 'Physical units.';
comment on column openstock.bins.blocked is 'The part of on_hand that cannot be promised: all or nothing of a bin.';
comment on column openstock.bins.allocated is 'The part of on_hand that is pinned to orders, holds that have ended left out.';
comment on column openstock.bins.received_at is 'When units came into the empty bin: its age for fifo and lifo.';
grant select on openstock.bins to openstock_app, openstock_analyst, openstock_operator;

reset role;

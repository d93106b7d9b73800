-- What is kept for sales channels. What holds that ended took from a quota is back in it from that moment on, whether or not it was booked already.
set local role openstock_api;

create or replace view openstock.quotas with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select c.code::text as channel, p.sku::text as sku, w.code::text as warehouse, trim_scale(q.qty + h.units) as qty
from moment m
cross join openstock_core.channel_quota q
join openstock_core.channel c on c.tenant_id = q.tenant_id and c.channel_id = q.channel_id
join openstock_core.product p on p.tenant_id = q.tenant_id and p.product_id = q.product_id
join openstock_core.warehouse w on w.tenant_id = q.tenant_id and w.warehouse_id = q.warehouse_id
join openstock_core.stock_level l on l.tenant_id = q.tenant_id and l.product_id = q.product_id and l.warehouse_id = q.warehouse_id
cross join lateral (
  select case when c.active and l.next_expiry_at <= m.at then (
    select coalesce(sum(least(n.reserved, n.quota_used)), 0)
    from openstock_core.reservation_line n
    where n.tenant_id = q.tenant_id and n.product_id = q.product_id and n.warehouse_id = q.warehouse_id and n.channel_id = q.channel_id
      and n.expires_at <= m.at and n.reserved > 0
  ) else 0 end as units
) as h
where q.tenant_id = (select openstock.current_tenant()) and q.qty + h.units > 0;

comment on view openstock.quotas is 'Units of the current tenant''s stock that are kept for sales channels; no row: none.';
comment on column openstock.quotas.channel is 'The channel''s code.';
comment on column openstock.quotas.sku is 'The product.';
comment on column openstock.quotas.warehouse is 'The warehouse''s code.';
comment on column openstock.quotas.qty is
  'Units still kept: what put_quotas said, less what the channel reserved of them, with what it gave back. May be more than there is.';
grant select on openstock.quotas to openstock_app, openstock_analyst, openstock_operator;

reset role;

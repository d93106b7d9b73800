-- One row for each order.
set local role openstock_api;

create or replace view openstock.orders with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  r.order_ref::text as order_ref,
  case when l.reserved + l.backordered = 0 then case
         when r.became_id is not null then 'confirmed' when l.shipped > 0 then 'shipped' when l.expired > 0 then 'expired' else 'cancelled' end
       when l.shipped > 0 then 'part-shipped'
       when l.held = l.reserved + l.backordered then 'held'
       when l.backordered = 0 and l.allocated = l.reserved then 'allocated'
       else 'open' end as status,
  l.ordered, l.reserved, l.held, l.allocated, l.backordered, l.shipped, l.released, l.expired,
  l.backordered > 0 as has_backorder, r.priority, r.promised_at, l.expires_at,
  (select b.order_ref::text from openstock_core.reservation b where b.tenant_id = r.tenant_id and b.reservation_id = r.became_id) as became,
  r.metadata::jsonb as metadata, r.created_at
from moment m
cross join openstock_core.reservation r
cross join lateral (
  select trim_scale(coalesce(sum(s.ordered), 0)) as ordered, trim_scale(coalesce(sum(s.reserved), 0)) as reserved,
         trim_scale(coalesce(sum(s.reserved + s.backordered) filter (where s.expires_at is not null), 0)) as held,
         trim_scale(coalesce(sum(s.allocated), 0)) as allocated, trim_scale(coalesce(sum(s.backordered), 0)) as backordered,
         trim_scale(coalesce(sum(s.shipped), 0)) as shipped, trim_scale(coalesce(sum(s.released), 0)) as released,
         trim_scale(coalesce(sum(s.expired), 0)) as expired, min(s.expires_at) filter (where s.reserved + s.backordered > 0) as expires_at
  from (
    select n.ordered::numeric as ordered, case when d.ended then 0 else n.reserved end as reserved, 0::numeric as backordered,
           case when d.ended then 0 else (
             select coalesce(sum(a.qty), 0) from openstock_core.allocation a
             where a.tenant_id = n.tenant_id and a.reservation_line_id = n.reservation_line_id) end as allocated,
           n.shipped::numeric as shipped, n.released::numeric as released,
           n.expired + case when d.ended then n.reserved else 0 end as expired, n.expires_at
    from openstock_core.reservation_line n
    cross join lateral (select coalesce(n.expires_at <= m.at, false) as ended) as d
    where n.tenant_id = r.tenant_id and n.reservation_id = r.reservation_id
    union all
    select b.backordered + b.released + b.expired, 0, case when d.ended then 0 else b.backordered end, 0, 0, b.released,
           b.expired + case when d.ended then b.backordered else 0 end, b.expires_at
    from openstock_core.backorder b
    cross join lateral (select coalesce(b.expires_at <= m.at, false) as ended) as d
    where b.tenant_id = r.tenant_id and b.reservation_id = r.reservation_id) as s
) as l
where r.tenant_id = (select openstock.current_tenant());

comment on view openstock.orders is
  'The orders of the current tenant, as of now: a hold that has ended counts as expired, whether or not that was booked. '
  'ordered = reserved + backordered + shipped + released + expired.';
comment on column openstock.orders.order_ref is 'The order.';
comment on column openstock.orders.status is
  'open, held (all that is open is a hold), allocated (all that is open is pinned to bins), part-shipped (some is shipped, some open), shipped, cancelled (all '
  'given back), expired (all that was open has ended), or confirmed (a cart whose holds went to the order in became).';
comment on column openstock.orders.ordered is 'Units asked for.';
comment on column openstock.orders.reserved is 'Units promised and not yet gone.';
comment on column openstock.orders.held is 'The part of reserved and backordered that ends unless it is confirmed.';
comment on column openstock.orders.allocated is 'The part of reserved that is pinned to bins.';
comment on column openstock.orders.backordered is 'Units that wait for stock.';
comment on column openstock.orders.shipped is 'Units gone to the order.';
comment on column openstock.orders.released is 'Units given back.';
comment on column openstock.orders.expired is 'Units whose hold ended.';
comment on column openstock.orders.has_backorder is 'True where units wait for stock.';
comment on column openstock.orders.priority is 'Who is served first: the higher.';
comment on column openstock.orders.promised_at is 'When the customer was promised the goods, or null.';
comment on column openstock.orders.expires_at is 'When the first of its holds ends; null: none does.';
comment on column openstock.orders.became is 'The order that its holds were confirmed into, or null.';
comment on column openstock.orders.metadata is 'What the application wants to remember of it.';
comment on column openstock.orders.created_at is 'When stock was first promised to it.';
grant select on openstock.orders to openstock_app, openstock_analyst, openstock_operator;

reset role;

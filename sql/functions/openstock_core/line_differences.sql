-- The identities of reservation lines and of what is pinned for them.
-- Reads: ledger, reservation, reservation_line, reservation_kit, allocation, stock_bin.
set local role openstock_owner;

create or replace function openstock_core.line_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
begin atomic
  select v.fact, coalesce(r.product_id, l.product_id), coalesce(r.warehouse_id, l.warehouse_id),
         jsonb_build_object('order_ref', coalesce(r.order_ref, o.order_ref), 'line', coalesce(l.line, r.line),
                            'reservation_line_id', coalesce(r.reservation_line_id, l.reservation_line_id)),
         v.expected, v.actual, v.repairable
  from openstock_core.replayed_lines(tenant) r
  full join (select * from openstock_core.reservation_line s where s.tenant_id = tenant) as l
    on l.reservation_line_id = r.reservation_line_id
  left join openstock_core.reservation o on o.tenant_id = tenant and o.reservation_id = l.reservation_id
  left join (
    select a.reservation_line_id, sum(a.qty) as qty
    from openstock_core.allocation a
    where a.tenant_id = tenant
    group by a.reservation_line_id) as a on a.reservation_line_id = l.reservation_line_id
  cross join lateral (values
    ('line reserved = ledger', coalesce(r.reserved, 0), l.reserved::numeric, true),
    ('line shipped = ledger', coalesce(r.shipped, 0), l.shipped::numeric, true),
    ('line released = ledger', coalesce(r.released, 0), l.released::numeric, true),
    ('line expired = ledger', coalesce(r.expired, 0), l.expired::numeric, true),
    ('line quota_used = ledger', coalesce(r.quota_used, 0), coalesce(l.quota_used::numeric, 0), true),
    ('line expires_at = ledger', extract(epoch from r.expires_at), extract(epoch from l.expires_at), true),
    ('line allocated <= reserved', l.reserved::numeric, greatest(l.reserved, a.qty),
     coalesce(r.allocated, 0) <= coalesce(r.reserved, 0)),
    ('line number = ledger', coalesce(r.line, l.line), coalesce(l.line, r.line), true),
    ('line belongs to the order of its entries', 1,
     case when l.line is not null and r.agreed and o.order_ref is distinct from r.order_ref then 0 else 1 end, true),
    ('line belongs to the level of its entries', 1,
     case when r.agreed and (l.product_id, l.warehouse_id) <> (r.product_id, r.warehouse_id) then 0 else 1 end, true),
    ('entries of a line name one level, and its orders', 1, case when not r.agreed then 0 else 1 end, false)
  ) as v (fact, expected, actual, repairable)
  where v.expected is distinct from v.actual
  union all
  select 'allocation = ledger', coalesce(r.product_id, a.product_id), null,
         jsonb_build_object('reservation_line_id', coalesce(r.reservation_line_id, a.reservation_line_id),
                            'location_id', coalesce(r.location_id, a.location_id),
                            'bin_id', case when a.location_id is null then a.bin_id end), coalesce(r.qty, 0), a.qty, true
  from openstock_core.replayed_allocations(tenant) r
  full join (
    select n.reservation_line_id, n.bin_id, n.qty::numeric as qty, b.location_id, b.product_id, b.lot_id, b.status, b.handling_unit_id
    from openstock_core.allocation n
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = n.bin_id
    where n.tenant_id = tenant) as a
    on a.reservation_line_id = r.reservation_line_id and a.location_id = r.location_id and a.product_id = r.product_id
    and a.status = r.status and coalesce(a.lot_id, 0) = coalesce(r.lot_id, 0)
    and coalesce(a.handling_unit_id, 0) = coalesce(r.handling_unit_id, 0)
  where coalesce(r.qty, 0) is distinct from a.qty
  union all
  select 'component of a kit has a line', k.product_id, null, jsonb_build_object('order_ref', o.order_ref, 'line', k.line), 1, 0, false
  from openstock_core.reservation_kit k
  join openstock_core.reservation o on o.tenant_id = tenant and o.reservation_id = k.reservation_id
  where k.tenant_id = tenant and not exists (
    select from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = k.reservation_id and l.line = k.line and l.product_id = k.product_id);
end;

revoke all on function openstock_core.line_differences from public;
grant execute on function openstock_core.line_differences to openstock_maint;
comment on function openstock_core.line_differences is
  'Where a tenant''s reservation lines and allocations are not what the ledger says, more is pinned for a line than it has reserved, '
  'or a component of a line of kits has no line.';

reset role;

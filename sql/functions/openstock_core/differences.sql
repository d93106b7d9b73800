-- The identities between the ledger and its projections, all in one statement. Reads: everything of the tenant.
-- Each part yields (fact, product, warehouse, further key, expected, actual); what differs is named and returned.
set local role openstock_owner;

create or replace function openstock_core.differences(
  tenant uuid, out fact text, out key jsonb, out expected numeric, out actual numeric, out repairable boolean)
returns setof record
language sql
stable
begin atomic
  with level as (
    select * from openstock_core.stock_level l where l.tenant_id = tenant
  ), bin as (
    select * from openstock_core.stock_bin b where b.tenant_id = tenant
  ), line as (
    select * from openstock_core.reservation_line l where l.tenant_id = tenant
  ), compared as (
    select v.fact, coalesce(r.product_id, l.product_id) as product_id, coalesce(r.warehouse_id, l.warehouse_id) as warehouse_id,
           '{}'::jsonb as further, v.expected, v.actual, true as repairable
    from openstock_core.replayed_levels(tenant) r
    full join level l on l.product_id = r.product_id and l.warehouse_id = r.warehouse_id
    cross join lateral (values
      ('level on_hand = ledger', coalesce(r.on_hand, 0), l.on_hand::numeric),
      ('level blocked = ledger', coalesce(r.blocked, 0), l.blocked::numeric),
      ('level reserved = ledger', coalesce(r.reserved, 0), l.reserved::numeric),
      ('level version = ledger entries', coalesce(r.version, 0)::numeric, l.version::numeric)) as v (fact, expected, actual)
    union all
    select v.fact, l.product_id, l.warehouse_id, '{}', v.expected, v.actual, true
    from level l
    left join (select product_id, warehouse_id, sum(on_hand) as on_hand, sum(on_hand) filter (where blocked) as blocked
               from bin group by 1, 2) as b on b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
    left join (select product_id, warehouse_id, sum(reserved) as reserved
               from line group by 1, 2) as n on n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
    cross join lateral (values
      ('level on_hand = bins', coalesce(b.on_hand, 0), l.on_hand::numeric),
      ('level blocked = blocked bins', coalesce(b.blocked, 0), l.blocked::numeric),
      ('level reserved = reservation lines', coalesce(n.reserved, 0), l.reserved::numeric)) as v (fact, expected, actual)
    union all
    select v.fact, coalesce(r.product_id, b.product_id), coalesce(r.warehouse_id, b.warehouse_id),
           jsonb_build_object('location_id', coalesce(r.location_id, b.location_id), 'lot_id', coalesce(r.lot_id, b.lot_id),
                              'status', coalesce(r.status, b.status)), v.expected, v.actual, true
    from openstock_core.replayed_bins(tenant) r
    full join bin b on b.location_id = r.location_id and b.product_id = r.product_id and b.status = r.status
      and coalesce(b.lot_id, 0) = coalesce(r.lot_id, 0)
    cross join lateral (values
      ('bin on_hand = ledger', coalesce(r.on_hand, 0), b.on_hand::numeric),
      ('bin blocked = ledger', coalesce(r.blocked, 0), case when b.blocked then b.on_hand::numeric else 0 end),
      ('bin allocated = ledger', coalesce(r.allocated, 0), b.allocated::numeric),
      ('bin allocated = allocations', (select coalesce(sum(a.qty), 0) from openstock_core.allocation a
                                       where a.tenant_id = tenant and a.bin_id = b.bin_id), b.allocated::numeric)
    ) as v (fact, expected, actual)
    union all
    select v.fact, coalesce(r.product_id, l.product_id), coalesce(r.warehouse_id, l.warehouse_id),
           jsonb_build_object('order_ref', r.order_ref, 'line', coalesce(l.line, r.line),
                              'reservation_line_id', coalesce(r.reservation_line_id, l.reservation_line_id)), v.expected, v.actual, true
    from openstock_core.replayed_lines(tenant) r
    full join line l on l.reservation_line_id = r.reservation_line_id
    cross join lateral (values
      ('line reserved = ledger', coalesce(r.reserved, 0), l.reserved::numeric),
      ('line shipped = ledger', coalesce(r.shipped, 0), l.shipped::numeric),
      ('line released = ledger', coalesce(r.released, 0), l.released::numeric)) as v (fact, expected, actual)
    union all
    select 'allocation = ledger', coalesce(r.product_id, a.product_id), null,
           jsonb_build_object('reservation_line_id', coalesce(r.reservation_line_id, a.reservation_line_id),
                              'location_id', coalesce(r.location_id, a.location_id)), coalesce(r.qty, 0), a.qty, true
    from openstock_core.replayed_allocations(tenant) r
    full join (select n.reservation_line_id, n.qty::numeric as qty, b.location_id, b.product_id, b.lot_id, b.status
               from openstock_core.allocation n join bin b on b.bin_id = n.bin_id where n.tenant_id = tenant) as a
      on a.reservation_line_id = r.reservation_line_id and a.location_id = r.location_id and a.product_id = r.product_id
      and a.status = r.status and coalesce(a.lot_id, 0) = coalesce(r.lot_id, 0)
    union all
    select 'level safety_stock = product', l.product_id, l.warehouse_id, '{}', p.safety_stock::numeric, l.safety_stock::numeric, true
    from level l
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = l.product_id
    union all
    select v.fact, e.product_id, e.warehouse_id, jsonb_build_object('entry_id', e.entry_id), v.expected, v.actual, false
    from (
      select l.product_id, l.warehouse_id, l.entry_id, l.on_hand_after, l.blocked_after, l.reserved_after,
             coalesce(lag(l.on_hand_after) over chain, 0) + l.qty_delta as on_hand,
             coalesce(lag(l.blocked_after) over chain, 0) + l.blocked_delta as blocked,
             coalesce(lag(l.reserved_after) over chain, 0) + l.reserved_delta as reserved
      from openstock_core.ledger l
      where l.tenant_id = tenant and l.event_type not in ('ALLOCATE', 'DEALLOCATE')
      window chain as (partition by l.product_id, l.warehouse_id order by l.recorded_at, l.entry_id)
    ) as e
    cross join lateral (values
      ('entry on_hand_after = the one before + its delta', e.on_hand, e.on_hand_after::numeric),
      ('entry blocked_after = the one before + its delta', e.blocked, e.blocked_after::numeric),
      ('entry reserved_after = the one before + its delta', e.reserved, e.reserved_after::numeric)) as v (fact, expected, actual)
    union all
    select 'entry belongs to an operation', e.product_id, e.warehouse_id,
           jsonb_build_object('entry_id', e.entry_id, 'op_id', e.op_id), 1, 0, false
    from openstock_core.ledger e
    where e.tenant_id = tenant
      and not exists (select from openstock_core.operation o where o.tenant_id = tenant and o.op_id = e.op_id)
  )
  select c.fact, jsonb_strip_nulls(jsonb_build_object('sku', p.sku, 'warehouse', w.code) || c.further), c.expected, c.actual, c.repairable
  from compared c
  left join openstock_core.product p on p.tenant_id = tenant and p.product_id = c.product_id
  left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = c.warehouse_id
  where c.expected is distinct from c.actual;
end;

revoke all on function openstock_core.differences from public;
grant execute on function openstock_core.differences to openstock_maint;
comment on function openstock_core.differences is
  'Every identity that does not hold for a tenant: the fact, where, what the ledger (or the finer projection) says and what the projection says. '
  'repairable is false where the ledger contradicts itself.';

reset role;

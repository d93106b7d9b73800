-- The identities of pieces. Reads: ledger, ledger_serial, serial_unit, stock_bin, allocation, product.
set local role openstock_owner;

create or replace function openstock_core.serial_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  with replayed as materialized (
    select * from openstock_core.replayed_serials(tenant)
  ), unit as materialized (
    select u.*, b.location_id, b.lot_id, b.status, b.handling_unit_id, b.warehouse_id, b.product_id as bin_product_id
    from openstock_core.serial_unit u
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = u.bin_id
    where u.tenant_id = tenant
  ), kept as (
    -- What a rebuild can say of pieces whose names are not lost.
    select r.* from replayed r join unit u on u.serial_id = r.serial_id where r.agreed
  )
  select v.fact, coalesce(u.product_id, r.product_id), u.warehouse_id,
         jsonb_build_object('serial', u.serial, 'serial_id', case when u.serial_id is null then r.serial_id end), v.expected, v.actual, v.repairable
  from replayed r
  full join unit u on u.serial_id = r.serial_id
  cross join lateral (values
    ('serial has a name', 1, case when u.serial_id is null then 0 else 1 end, false),
    ('serial is in the bin of its entries', 1, case when u.serial_id is not null and r.agreed is not false
       and (u.bin_id is not null, u.location_id, u.lot_id, u.status, u.handling_unit_id, u.bin_product_id) is distinct from
           (r.location_id is not null, r.location_id, r.lot_id, r.status, r.handling_unit_id, case when r.location_id is not null then r.product_id end) then 0 else 1 end, true),
    ('serial is pinned to the line of its entries', 1,
     case when u.serial_id is not null and r.agreed is not false and u.reservation_line_id is distinct from r.reservation_line_id then 0 else 1 end, true),
    ('serial belongs to the product of its entries', 1, case when r.agreed and u.product_id <> r.product_id then 0 else 1 end, true),
    ('entries of a serial name one product, and leave it in one place', 1, case when not r.agreed then 0 else 1 end, false)
  ) as v (fact, expected, actual, repairable)
  where v.expected <> v.actual
  union all
  select 'bin on_hand = serials', b.product_id, b.warehouse_id,
         jsonb_build_object('location_id', b.location_id, 'lot_id', b.lot_id, 'status', b.status, 'handling_unit_id', b.handling_unit_id), n.expected, coalesce(u.serials, 0),
         coalesce(k.serials, 0) = case when p.tracking = 'serial' then coalesce(r.on_hand, 0) else 0 end
  from openstock_core.stock_bin b
  join openstock_core.product p on p.tenant_id = tenant and p.product_id = b.product_id
  cross join lateral (select case when p.tracking = 'serial' then b.on_hand::numeric else 0 end as expected) as n
  left join (select i.bin_id, count(*) as serials from unit i group by i.bin_id) as u on u.bin_id = b.bin_id
  left join (select i.location_id, i.product_id, i.lot_id, i.status, i.handling_unit_id, count(*) as serials
             from kept i group by i.location_id, i.product_id, i.lot_id, i.status, i.handling_unit_id) as k
    on k.location_id = b.location_id and k.product_id = b.product_id and k.status = b.status and coalesce(k.lot_id, 0) = coalesce(b.lot_id, 0)
    and coalesce(k.handling_unit_id, 0) = coalesce(b.handling_unit_id, 0)
  left join openstock_core.replayed_bins(tenant) r
    on r.location_id = b.location_id and r.product_id = b.product_id and r.status = b.status and coalesce(r.lot_id, 0) = coalesce(b.lot_id, 0)
    and coalesce(r.handling_unit_id, 0) = coalesce(b.handling_unit_id, 0)
  where b.tenant_id = tenant and n.expected <> coalesce(u.serials, 0)
  union all
  select 'allocation = serials', coalesce(a.product_id, u.product_id), null,
         jsonb_build_object('reservation_line_id', coalesce(a.reservation_line_id, u.reservation_line_id), 'location_id', b.location_id),
         coalesce(a.qty, 0), coalesce(u.serials, 0), coalesce(k.serials, 0) = coalesce(r.qty, 0)
  from (select n.reservation_line_id, n.bin_id, n.qty::numeric as qty, b.product_id
        from openstock_core.allocation n
        join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = n.bin_id
        join openstock_core.product p on p.tenant_id = tenant and p.product_id = b.product_id and p.tracking = 'serial'
        where n.tenant_id = tenant) as a
  full join (select i.reservation_line_id, i.bin_id, i.product_id, count(*) as serials
             from unit i where i.reservation_line_id is not null group by i.reservation_line_id, i.bin_id, i.product_id) as u
    on u.reservation_line_id = a.reservation_line_id and u.bin_id = a.bin_id
  left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = coalesce(a.bin_id, u.bin_id)
  left join (select i.reservation_line_id, count(*) as serials from kept i group by i.reservation_line_id) as k
    on k.reservation_line_id = coalesce(a.reservation_line_id, u.reservation_line_id)
  left join (select i.reservation_line_id, sum(i.qty) as qty from openstock_core.replayed_allocations(tenant) i group by i.reservation_line_id) as r
    on r.reservation_line_id = coalesce(a.reservation_line_id, u.reservation_line_id)
  where coalesce(a.qty, 0) <> coalesce(u.serials, 0)
  union all
  select 'entry units = serials', e.product_id, e.warehouse_id, jsonb_build_object('entry_id', coalesce(e.entry_id, s.entry_id)),
         coalesce(e.units, 0), coalesce(s.serials, 0), false
  from (select l.product_id, l.warehouse_id, l.entry_id, l.recorded_at, greatest(abs(l.qty_delta), abs(l.allocated_delta)) as units
        from openstock_core.ledger l
        join openstock_core.product p on p.tenant_id = tenant and p.product_id = l.product_id and p.tracking = 'serial'
        where l.tenant_id = tenant) as e
  full join (select n.entry_id, n.recorded_at, count(*) as serials
             from openstock_core.ledger_serial n where n.tenant_id = tenant group by n.entry_id, n.recorded_at) as s
    on s.entry_id = e.entry_id and s.recorded_at = e.recorded_at
  where coalesce(e.units, 0) <> coalesce(s.serials, 0);
end;

revoke all on function openstock_core.serial_differences from public;
grant execute on function openstock_core.serial_differences to openstock_maint;
comment on function openstock_core.serial_differences is
  'Where a tenant''s pieces are not what the ledger says, or not as many as their bins, allocations and entries have units. What depends on the name of a lost '
  'piece, or on entries that contradict themselves, cannot be repaired.';

reset role;

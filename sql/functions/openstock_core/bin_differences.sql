-- The identities of bins: against the ledger, their allocations, and what their place and lot say about them.
-- Reads: ledger, stock_bin, allocation, product, location, lot.
set local role openstock_owner;

create or replace function openstock_core.bin_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
begin atomic
  select v.fact, coalesce(r.product_id, b.product_id), coalesce(r.warehouse_id, b.warehouse_id),
         jsonb_build_object('location_id', coalesce(r.location_id, b.location_id), 'lot_id', coalesce(r.lot_id, b.lot_id),
                            'status', coalesce(r.status, b.status), 'handling_unit_id', coalesce(r.handling_unit_id, b.handling_unit_id)), v.expected, v.actual, v.repairable
  from openstock_core.replayed_bins(tenant) r
  full join (select * from openstock_core.stock_bin s where s.tenant_id = tenant) as b
    on b.location_id = r.location_id and b.product_id = r.product_id and b.status = r.status
    and coalesce(b.lot_id, 0) = coalesce(r.lot_id, 0) and coalesce(b.handling_unit_id, 0) = coalesce(r.handling_unit_id, 0)
  left join (
    select a.bin_id, sum(a.qty) as qty
    from openstock_core.allocation a
    where a.tenant_id = tenant
    group by a.bin_id) as a on a.bin_id = b.bin_id
  left join openstock_core.product p on p.tenant_id = tenant and p.product_id = b.product_id
  left join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
  left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
  -- Units enter blocked or not by enters_blocked(), and are blocked when their lot expires, once somebody notices. Whether it had
  -- expired by their last entry tells if they may be blocked; the clock of today does not, since clocks go back.
  cross join lateral (
    select case when b.blocked then b.on_hand::numeric else 0 end as blocked,
           b.status <> 'available' or coalesce(c.kind = 'quarantine', false) or coalesce(t.quality <> 'released', false) as must_block,
           coalesce(openstock_core.expiry(t.expires_on) <= r.last_recorded_at, false) as may_block) as s
  cross join lateral (values
    ('bin on_hand = ledger', coalesce(r.on_hand, 0), b.on_hand::numeric, true),
    ('bin blocked = ledger', coalesce(r.blocked, 0), s.blocked, true),
    ('bin allocated = ledger', coalesce(r.allocated, 0), b.allocated::numeric, true),
    ('bin allocated = allocations', coalesce(a.qty, 0), b.allocated::numeric, true),
    ('bin blocked = status, location and lot',
     case when s.must_block then b.on_hand when s.may_block then s.blocked else 0 end, s.blocked,
     coalesce(r.blocked, 0) = case when s.must_block then coalesce(r.on_hand, 0) when s.may_block then coalesce(r.blocked, 0) else 0 end),
    ('bin belongs to the level of its entries', 1, case when r.warehouse_id <> b.warehouse_id then 0 else 1 end, true),
    ('bin has a lot = product is tracked by lot', case when b.on_hand > 0 then (p.tracking = 'lot')::integer end,
     case when b.on_hand > 0 then (b.lot_id is not null)::integer end, coalesce(r.on_hand, 0) = 0),
    ('bin lot belongs to its product', 1,
     case when b.on_hand > 0 and b.lot_id is not null and t.product_id is distinct from b.product_id then 0 else 1 end,
     coalesce(r.on_hand, 0) = 0)) as v (fact, expected, actual, repairable)
  where v.expected is distinct from v.actual
  union all
  select 'bins of a handling unit lie in one location', null, null, jsonb_build_object('handling_unit', h.code), 1, u.locations,
         (select count(distinct r.location_id) <= 1 from openstock_core.replayed_bins(tenant) r where r.handling_unit_id = u.handling_unit_id and r.on_hand > 0)
  from (select b.handling_unit_id, count(distinct b.location_id) as locations
        from openstock_core.stock_bin b
        where b.tenant_id = tenant and b.handling_unit_id is not null and b.on_hand > 0
        group by b.handling_unit_id) as u
  join openstock_core.handling_unit h on h.tenant_id = tenant and h.handling_unit_id = u.handling_unit_id
  where u.locations > 1;
end;

revoke all on function openstock_core.bin_differences from public;
grant execute on function openstock_core.bin_differences to openstock_maint;
comment on function openstock_core.bin_differences is
  'Where a tenant''s bins are not what the ledger, their allocations, or their status, location, lot and product say; of those, only what '
  'can never be right: that an expired lot was not blocked yet is, and so is a blocked lot after a clock went back.';

reset role;

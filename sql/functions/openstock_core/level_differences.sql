-- The identities of stock levels: against the ledger, and against what they sum up or copy.
-- Reads: ledger, stock_level, stock_bin, lot, reservation_line, channel_quota, product.
set local role openstock_owner;

create or replace function openstock_core.level_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
begin atomic
  select v.fact, coalesce(r.product_id, l.product_id), coalesce(r.warehouse_id, l.warehouse_id), '{}'::jsonb, v.expected, v.actual, true
  from openstock_core.replayed_levels(tenant) r
  full join (select * from openstock_core.stock_level s where s.tenant_id = tenant) as l
    on l.product_id = r.product_id and l.warehouse_id = r.warehouse_id
  cross join lateral (values
    ('level on_hand = ledger', coalesce(r.on_hand, 0), l.on_hand::numeric),
    ('level blocked = ledger', coalesce(r.blocked, 0), l.blocked::numeric),
    ('level reserved = ledger', coalesce(r.reserved, 0), l.reserved::numeric),
    ('level version = ledger entries', coalesce(r.version, 0)::numeric, l.version::numeric),
    ('level last_recorded_at = ledger', extract(epoch from r.last_recorded_at),
     extract(epoch from nullif(l.last_recorded_at, '-infinity')))) as v (fact, expected, actual)
  where v.expected is distinct from v.actual
  union all
  -- Units that leave a bin do not put next_block_at off, nor do holds that are confirmed next_expiry_at: they may be too early, and
  -- that is then found out when they come.
  select v.fact, l.product_id, l.warehouse_id, '{}', v.expected, v.actual, true
  from openstock_core.stock_level l
  left join openstock_core.product p on p.tenant_id = tenant and p.product_id = l.product_id
  left join (
    select b.product_id, b.warehouse_id, sum(b.on_hand) as on_hand, sum(b.on_hand) filter (where b.blocked) as blocked,
           min(openstock_core.expiry(t.expires_on)) filter (where b.on_hand > 0 and not b.blocked) as first_expiry
    from openstock_core.stock_bin b
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where b.tenant_id = tenant
    group by b.product_id, b.warehouse_id) as b on b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
  left join (
    select n.product_id, n.warehouse_id, sum(n.reserved) as reserved, min(n.expires_at) filter (where n.reserved > 0) as first_end
    from openstock_core.reservation_line n
    where n.tenant_id = tenant
    group by n.product_id, n.warehouse_id) as n on n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
  left join (
    select k.product_id, k.warehouse_id, sum(k.qty) as qty
    from openstock_core.channel_quota k
    where k.tenant_id = tenant
    group by k.product_id, k.warehouse_id) as q on q.product_id = l.product_id and q.warehouse_id = l.warehouse_id
  cross join lateral (values
    ('level on_hand = bins', coalesce(b.on_hand, 0), l.on_hand::numeric),
    ('level blocked = blocked bins', coalesce(b.blocked, 0), l.blocked::numeric),
    ('level reserved = reservation lines', coalesce(n.reserved, 0), l.reserved::numeric),
    ('level fenced = quotas', coalesce(q.qty, 0), l.fenced::numeric),
    ('level safety_stock = product', p.safety_stock::numeric, l.safety_stock::numeric),
    ('level next_block_at <= first expiry of units not blocked', extract(epoch from b.first_expiry),
     case when b.first_expiry is null or l.next_block_at <= b.first_expiry then extract(epoch from b.first_expiry)
          else extract(epoch from l.next_block_at) end),
    ('level next_expiry_at <= first end of an open hold', extract(epoch from n.first_end),
     case when n.first_end is null or l.next_expiry_at <= n.first_end then extract(epoch from n.first_end)
          else extract(epoch from l.next_expiry_at) end)) as v (fact, expected, actual)
  where l.tenant_id = tenant and v.expected is distinct from v.actual;
end;

revoke all on function openstock_core.level_differences from public;
grant execute on function openstock_core.level_differences to openstock_maint;
comment on function openstock_core.level_differences is
  'Where a tenant''s stock levels are not what the ledger, bins, reservation lines and products say. Times are seconds since 1970 (UTC).';

reset role;

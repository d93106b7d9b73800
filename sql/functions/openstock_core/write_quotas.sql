-- Sets what is kept for sales channels at a warehouse. What ended holds took from these quotas is given back first: it counts as kept from that moment on,
-- and would otherwise come on top. Writes: stock_level, channel_quota, and what make_levels and book_due write.
-- Locks: stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.write_quotas(tenant uuid, op_id text, place bigint, lines openstock_core.quota_line[]) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  product_ids constant bigint[] := array(select distinct u.product_id from unnest(lines) as u);
  due openstock_core.due;
  too_much jsonb;
begin
  due := openstock_core.lock_levels(tenant, array(select row(k, place)::openstock_core.level_key from unnest(product_ids) as k), true);
  due := openstock_core.lock_due_holds(tenant, due, array(
    select l.reservation_line_id
    from unnest(lines) as u
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.product_id = u.product_id and l.warehouse_id = place
      and l.channel_id = u.channel_id
    where l.expires_at <= due.at and l.reserved > 0 and l.quota_used > 0), false);
  perform openstock_core.settle_bins(tenant, op_id, '{}', '{}', due);

  insert into openstock_core.channel_quota as q (tenant_id, product_id, warehouse_id, channel_id, qty)
  select tenant, u.product_id, place, u.channel_id, u.qty
  from unnest(lines) as u
  where u.qty > 0 or exists (
    select from openstock_core.channel_quota s
    where s.tenant_id = tenant and s.product_id = u.product_id and s.warehouse_id = place and s.channel_id = u.channel_id)
  on conflict on constraint channel_quota_pkey do update set qty = excluded.qty;

  select jsonb_build_object('line', min(u.n), 'sku', u.sku, 'problem', 'all that is kept of it must have at most 12 digits before the point')
  into too_much
  from unnest(lines) as u
  where 999999999999.999999 < (select sum(q.qty) from openstock_core.channel_quota q
                               where q.tenant_id = tenant and q.product_id = u.product_id and q.warehouse_id = place)
  group by u.sku order by min(u.n) limit 1;
  if found then
    perform openstock_core.fail('OS110', too_much);
  end if;
  -- Also where the sum is what it was: an older snapshot must not overlook that its parts changed.
  update openstock_core.stock_level l
  set fenced = (select coalesce(trim_scale(sum(q.qty)), 0) from openstock_core.channel_quota q
                where q.tenant_id = tenant and q.product_id = l.product_id and q.warehouse_id = place)
  where l.tenant_id = tenant and l.product_id = any (product_ids) and l.warehouse_id = place;

  return (
    select jsonb_agg(jsonb_build_object(
      'line', u.line, 'channel', u.channel, 'sku', u.sku, 'warehouse', w.code, 'qty', u.qty, 'on_hand', l.on_hand, 'blocked', l.blocked,
      'reserved', l.reserved, 'fenced', l.fenced, 'available', l.available, 'replayed', false) order by u.n)
    from unnest(lines) as u
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = place
    join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = u.product_id and l.warehouse_id = place);
end
$$;

revoke all on function openstock_core.write_quotas from public;
grant execute on function openstock_core.write_quotas to openstock_api;
comment on function openstock_core.write_quotas is
  'Sets these quotas and returns openstock.quota_change rows. Errors: OS110 where all that is kept would be too large.';

reset role;

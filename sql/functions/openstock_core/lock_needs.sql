-- What orders still need pinned. The orders are locked. Locks: reservation_line by id. Reads: allocation.
-- Each line is written: pins change neither line nor level, and a transaction that ends the line's hold on an older snapshot, from
-- repeatable read on, would overlook them.
set local role openstock_owner;

create or replace function openstock_core.lock_needs(tenant uuid, order_ids bigint[], only_warehouse bigint, firm_only boolean)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at timestamptz;
  open_ids bigint[];
begin
  open_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = any (order_ids) and l.reserved > 0
      and l.warehouse_id = coalesce(only_warehouse, l.warehouse_id)
    order by l.reservation_line_id
    for no key update);
  at := openstock.server_time();
  open_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_line_id = any (open_ids)
      and (l.expires_at is null or (l.expires_at > at and not firm_only)));
  if cardinality(open_ids) = 0 then
    return null;
  end if;
  update openstock_core.reservation_line l set changes = l.changes + 1
  where l.tenant_id = tenant and l.reservation_line_id = any (open_ids);
  return array(
    select row(l.reservation_line_id, l.product_id, l.warehouse_id, null, trim_scale(l.reserved - a.qty), null)::openstock_core.pick
    from openstock_core.reservation_line l
    cross join lateral (
      select coalesce(sum(s.qty), 0) as qty from openstock_core.allocation s
      where s.tenant_id = tenant and s.reservation_line_id = l.reservation_line_id) as a
    where l.tenant_id = tenant and l.reservation_line_id = any (open_ids) and l.reserved > a.qty
    order by array_position(order_ids, l.reservation_id), l.reservation_line_id);
end
$$;

revoke all on function openstock_core.lock_needs from public;
grant execute on function openstock_core.lock_needs to openstock_api;
comment on function openstock_core.lock_needs is
  'Per line of the orders that is promised now, the units that are not pinned, order by order; the lines are locked. Null where nothing is promised.';

reset role;

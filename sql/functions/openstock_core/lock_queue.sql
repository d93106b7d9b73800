-- Locks the head of products' queues, without those that wait for other warehouses, or, where a moment is given, for what is kept for other
-- channels: so many of them would leave no room for who can be filled. The levels and backlogs are locked. Writes: reservation (changes: each order that may be filled shows
-- a trace, so that nobody overlooks the lines it gets). Locks: order, skipping those in use: they keep their place; backorder by id.
set local role openstock_owner;

create or replace function openstock_core.lock_queue(tenant uuid, levels openstock_core.level_key[], max_rows integer, at timestamptz) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  head constant bigint[] := array(
    with open as materialized (
      select l.product_id, l.warehouse_id, c.channel_id
      from unnest(levels) as k
      join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
      cross join (select distinct b.channel_id, s.uses_safety_stock
                  from openstock_core.backorder b
                  left join openstock_core.channel s on s.tenant_id = tenant and s.channel_id = b.channel_id
                  where b.tenant_id = tenant and b.product_id = any (array(select k.product_id from unnest(levels) as k))
                    and b.backordered > 0 and b.expires_at is null) as c
      where l.next_expiry_at <= lock_queue.at or l.available > 0 or l.available + case when c.channel_id is null then 0 else
        openstock_core.units_kept(tenant, c.channel_id, c.uses_safety_stock, l.product_id, l.warehouse_id, l.safety_stock) end > 0
    )
    select b.backorder_id
    from openstock_core.backorder b
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = b.reservation_id
    where b.tenant_id = tenant and b.product_id = any (array(select k.product_id from unnest(levels) as k))
      and b.backordered > 0 and b.expires_at is null
      and (b.warehouse_id is null
           or (b.product_id, b.warehouse_id) in (select k.product_id, k.warehouse_id from unnest(levels) as k))
      and (lock_queue.at is null or exists (
        select from open o where o.product_id = b.product_id and o.warehouse_id = coalesce(b.warehouse_id, o.warehouse_id)
          and o.channel_id is not distinct from b.channel_id))
    order by r.priority desc, b.queued_at, b.backorder_id
    limit max_rows);
  order_ids bigint[];
begin
  order_ids := array(
    select r.reservation_id
    from openstock_core.reservation r
    where r.tenant_id = tenant
      and r.reservation_id in (select b.reservation_id from openstock_core.backorder b where b.tenant_id = tenant and b.backorder_id = any (head))
    for no key update skip locked);
  update openstock_core.reservation r set changes = r.changes + 1
  where r.tenant_id = tenant and r.reservation_id = any (order_ids);
  -- Whoever waits no more gets nothing: plan_fill looks once all is locked.
  return array(
    select b.backorder_id
    from openstock_core.backorder b
    where b.tenant_id = tenant and b.backorder_id = any (head) and b.reservation_id = any (order_ids)
    order by b.backorder_id
    for no key update);
end
$$;

revoke all on function openstock_core.lock_queue from public;
grant execute on function openstock_core.lock_queue to openstock_api;
comment on function openstock_core.lock_queue is
  'Locks the first backorders that these levels could fill, at this moment or whatever comes in (null), and their orders, and returns the ids of those whose order nobody else changes.';

reset role;

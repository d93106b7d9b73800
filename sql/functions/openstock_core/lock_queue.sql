-- Locks the head of products' queues, without those that wait for other warehouses: so many of them would leave no room for who can be
-- filled. The levels and backlogs are locked. Writes: reservation (changes: each order that may be filled shows
-- a trace, so that nobody overlooks the lines it gets). Locks: order, skipping those in use: they keep their place; backorder by id.
set local role openstock_owner;

create or replace function openstock_core.lock_queue(tenant uuid, levels openstock_core.level_key[], max_rows integer) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  head constant bigint[] := array(
    select b.backorder_id
    from openstock_core.backorder b
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = b.reservation_id
    where b.tenant_id = tenant and b.product_id = any (array(select k.product_id from unnest(levels) as k))
      and b.backordered > 0 and b.expires_at is null
      and (b.warehouse_id is null
           or (b.product_id, b.warehouse_id) in (select k.product_id, k.warehouse_id from unnest(levels) as k))
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
  return array(
    select b.backorder_id
    from openstock_core.backorder b
    where b.tenant_id = tenant and b.backorder_id = any (head) and b.reservation_id = any (order_ids)
      and b.backordered > 0 and b.expires_at is null
    order by b.backorder_id
    for no key update);
end
$$;

revoke all on function openstock_core.lock_queue from public;
grant execute on function openstock_core.lock_queue to openstock_api;
comment on function openstock_core.lock_queue is
  'Locks the first backorders that these levels could fill and their orders, and returns the ids of those whose order nobody else changes.';

reset role;

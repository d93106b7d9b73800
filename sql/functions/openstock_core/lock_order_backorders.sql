-- Locks what an order waits for. The order and its levels are locked. Locks: backlog by product_id, backorder by id.
-- Holds that have ended wait for nothing, whether or not that is booked.
set local role openstock_owner;

create or replace function openstock_core.lock_order_backorders(tenant uuid, order_id bigint, due openstock_core.due) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  product_ids constant bigint[] := array(
    select b.product_id from openstock_core.backorder b
    where b.tenant_id = tenant and b.reservation_id = order_id and b.backordered > 0);
begin
  if cardinality(product_ids) = 0 then
    return array[]::bigint[];
  end if;
  perform openstock_core.lock_backlogs(tenant, product_ids, null);
  return array(
    select b.backorder_id from openstock_core.backorder b
    where b.tenant_id = tenant and b.reservation_id = order_id and b.backordered > 0 and (b.expires_at is null or b.expires_at > due.at)
    order by b.backorder_id
    for no key update);
end
$$;

revoke all on function openstock_core.lock_order_backorders from public;
grant execute on function openstock_core.lock_order_backorders to openstock_api;
comment on function openstock_core.lock_order_backorders is 'The ids of the order''s backorders that wait now, locked with their backlogs.';

reset role;

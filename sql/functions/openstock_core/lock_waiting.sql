-- Locks who waits for products that come in, at most 1,000 backorders. The levels are locked. Locks: backlog by product_id, and what
-- lock_queue locks. Where nobody waits it is one look at the backlog.
set local role openstock_owner;

create or replace function openstock_core.lock_waiting(tenant uuid, levels openstock_core.level_key[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  product_ids constant bigint[] := array(
    select g.product_id from openstock_core.backlog g
    where g.tenant_id = tenant and g.backordered > 0 and g.product_id = any (array(select k.product_id from unnest(levels) as k)));
begin
  if cardinality(product_ids) = 0 then
    return array[]::bigint[];
  end if;
  perform openstock_core.lock_backlogs(tenant, product_ids, null);
  return openstock_core.lock_queue(tenant, array(
    select row(k.product_id, k.warehouse_id)::openstock_core.level_key from unnest(levels) as k where k.product_id = any (product_ids)), 1000, null);
end
$$;

revoke all on function openstock_core.lock_waiting from public;
grant execute on function openstock_core.lock_waiting to openstock_api;
comment on function openstock_core.lock_waiting is 'The ids of the backorders that these levels may fill, locked with their orders and backlogs.';

reset role;

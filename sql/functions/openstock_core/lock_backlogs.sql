-- Locks what waits for products, so that more can be added or some of it be taken, and the waiting holds that have ended. The levels are
-- locked. Writes: backlog (missing rows). Locks: backlog by product_id, backorder by id.
set local role openstock_owner;

create or replace function openstock_core.lock_backlogs(
  tenant uuid, product_ids bigint[], due openstock_core.due, most integer default null)
returns openstock_core.due
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  locked record;
  ended bigint[];
begin
  insert into openstock_core.backlog (tenant_id, product_id)
  select tenant, p.product_id
  from (select distinct unnest(product_ids) as product_id) as p
  where not exists (select from openstock_core.backlog g where g.tenant_id = tenant and g.product_id = p.product_id)
  order by p.product_id
  on conflict on constraint backlog_pkey do nothing;

  -- All are aggregated before any is compared: a condition here would be pushed below the lock, and leave the others unlocked.
  select array_agg(g.product_id) as product_ids, array_agg(g.next_expiry_at) as expiry_at
  into locked
  from (
    select g.product_id, g.next_expiry_at
    from openstock_core.backlog g
    where g.tenant_id = tenant and g.product_id = any (lock_backlogs.product_ids)
    order by g.product_id
    for no key update) as g;
  ended := array(
    select u.product_id from unnest(locked.product_ids, locked.expiry_at) as u (product_id, expiry_at) where u.expiry_at <= due.at);
  if cardinality(ended) > 0 then
    due.backorder_ids := array(
      select b.backorder_id
      from openstock_core.backorder b
      where b.tenant_id = tenant and b.expires_at <= due.at and b.backordered > 0 and b.backorder_id in (
        select s.backorder_id
        from openstock_core.backorder s
        where s.tenant_id = tenant and s.product_id = any (ended) and s.expires_at <= due.at and s.backordered > 0
        order by s.expires_at, s.backorder_id
        limit most)
      order by b.backorder_id
      for no key update);
  end if;
  return due;
end
$$;

revoke all on function openstock_core.lock_backlogs from public;
grant execute on function openstock_core.lock_backlogs to openstock_api;
comment on function openstock_core.lock_backlogs is
  'Locks the backlogs of these products, making missing ones, and adds to what is due the holds among them that have ended, '
  'at most so many, or all.';

reset role;

-- Applies the backordered part of movements to backorders and backlogs; new backorders were inserted with what they wait for.
-- Writes: backorder, backlog. The backlogs are locked where a quantity changes.
set local role openstock_owner;

create or replace function openstock_core.post_backorders(tenant uuid, movements openstock_core.movement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp timestamptz;
begin
  if not exists (select from unnest(movements) as u where u.backorder_id is not null) then
    return;
  end if;
  stamp := openstock.server_time();
  update openstock_core.backorder b
  set backordered = trim_scale(b.backordered + m.taken),
      released = trim_scale(b.released + m.released),
      expired = trim_scale(b.expired + m.expired),
      expires_at = case when m.redated then m.expires_at else b.expires_at end,
      queued_at = case when m.confirmed then stamp else b.queued_at end
  from (select u.backorder_id, coalesce(sum(u.backordered_delta), 0) as taken,
               coalesce(-sum(u.backordered_delta) filter (where u.event_type = 'RELEASE'), 0) as released,
               coalesce(-sum(u.backordered_delta) filter (where u.event_type = 'EXPIRE'), 0) as expired,
               bool_or(u.event_type in ('EXTEND', 'CONFIRM')) as redated, bool_or(u.event_type = 'CONFIRM') as confirmed,
               max(u.expires_at) as expires_at
        from unnest(movements) as u
        where u.backorder_id is not null
        group by u.backorder_id) as m
  where b.tenant_id = tenant and b.backorder_id = m.backorder_id and (m.taken < 0 or m.redated);

  update openstock_core.backlog g
  set backordered = trim_scale(g.backordered + m.qty), next_expiry_at = least(g.next_expiry_at, m.expires_at)
  from (select u.product_id, sum(u.backordered_delta) as qty, min(u.expires_at) as expires_at
        from unnest(movements) as u where u.backordered_delta <> 0 group by u.product_id) as m
  where g.tenant_id = tenant and g.product_id = m.product_id;
end
$$;

revoke all on function openstock_core.post_backorders from public;
grant execute on function openstock_core.post_backorders to openstock_api;
comment on function openstock_core.post_backorders is
  'Adds and takes away what movements say about units that wait for stock. A backorder that is confirmed joins the queue at that moment.';

reset role;

-- Gives stock to backorders that are locked with their orders, levels and backlogs.
-- Writes: reservation_line, backorder, backlog, channel_quota, ledger (BACKORDER, RESERVE), stock_level.
set local role openstock_owner;

create or replace function openstock_core.fill_queue(tenant uuid, op_id text, levels openstock_core.level_key[], mine bigint[])
returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  picks constant openstock_core.pick[] := openstock_core.plan_fill(tenant, levels, mine);
  filled openstock_core.movement[];
begin
  with part as (
    select b.reservation_id, b.line, p.product_id, p.warehouse_id, max(b.channel_id) as channel_id, sum(p.qty) as qty, min(p.n) as n,
           sum(sum(p.qty)) over (partition by p.product_id, p.warehouse_id, max(b.channel_id) order by b.reservation_id, b.line) - sum(p.qty) as before
    from unnest(picks) with ordinality as p (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)
    join openstock_core.backorder b on b.tenant_id = tenant and b.backorder_id = p.reservation_line_id
    group by b.reservation_id, b.line, p.product_id, p.warehouse_id
  ), taken as (
    select p.*, trim_scale(greatest(least(p.qty, coalesce(q.qty, 0) - p.before), 0)) as kept
    from part p
    left join openstock_core.channel_quota q on q.tenant_id = tenant and q.product_id = p.product_id and q.warehouse_id = p.warehouse_id
      and q.channel_id = p.channel_id
  ), line as (
    -- Who is first in the queue gets the oldest line. A line of the order at this level grows; if it is empty, the end that it once
    -- had is of no account any more.
    insert into openstock_core.reservation_line as l (
      tenant_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, created_at, channel_id, quota_used)
    select tenant, p.reservation_id, p.line, p.product_id, p.warehouse_id, p.qty, p.qty, stamp, p.channel_id, p.kept from taken p
    order by p.n
    on conflict (tenant_id, reservation_id, line, product_id, (warehouse_id + 0)) do update
    set ordered = trim_scale(l.ordered + excluded.ordered), reserved = trim_scale(l.reserved + excluded.reserved), expires_at = null,
        channel_id = coalesce(l.channel_id, excluded.channel_id), quota_used = trim_scale(l.quota_used + excluded.quota_used)
    where l.reserved = 0 or l.expires_at is null
    returning l.reservation_line_id, l.reservation_id, l.line, l.product_id, l.warehouse_id
  )
  select array_agg(row(l.line, 'RESERVE', l.product_id, l.warehouse_id, null, 0, 0, p.qty, 0, l.reservation_line_id, r.order_ref,
                       null, 'filled', null, null, null, nullif(-p.kept, 0), null)::openstock_core.movement order by r.reservation_id, l.line, l.reservation_line_id)
  into filled
  from taken p
  left join line l on l.reservation_id = p.reservation_id and l.line = p.line and l.product_id = p.product_id and l.warehouse_id = p.warehouse_id
  left join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = p.reservation_id;

  return query
  select * from openstock_core.post(tenant, op_id, openstock_core.backorder_movements(tenant, 'BACKORDER', null,
    array(select p.reservation_line_id from unnest(picks) as p group by 1 order by 1),
    array(select -sum(p.qty) from unnest(picks) as p group by p.reservation_line_id order by p.reservation_line_id), 'filled', null)
    || filled, null, null, null);
end
$$;

revoke all on function openstock_core.fill_queue from public;
grant execute on function openstock_core.fill_queue to openstock_api;
comment on function openstock_core.fill_queue is
  'Promises what these levels have to those of the backorders that are first in the queue, and returns the entries.';

reset role;

-- Books the promise that find_stock found, and queues what it did not find stock for. The order, the levels and the bins of pins are locked, and
-- the backlogs where something has to wait. A channel's own quota is used first.
-- Writes: reservation_line, reservation_kit, backorder, backlog, channel_quota, ledger (RESERVE, BACKORDER, ALLOCATE), stock_level, stock_bin, allocation.
set local role openstock_owner;

create or replace function openstock_core.promise(
  tenant uuid, op_id text, order_id bigint, order_ref text, stock openstock_core.found_stock, waiting openstock_core.order_line[],
  seconds double precision, until timestamptz, ends jsonb, channel_id bigint)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  promised openstock_core.movement[];
  pinned openstock_core.movement[];
  queued_ids bigint[];
  kept numeric[];
begin
  until := coalesce(until, stamp + make_interval(secs => seconds));
  if channel_id is not null then
    kept := array(
      select trim_scale(greatest(least(p.qty, coalesce(q.qty, 0) - p.before), 0))
      from (select u.n, u.product_id, u.warehouse_id, u.qty,
                   sum(u.qty) over (partition by u.product_id, u.warehouse_id order by u.n) - u.qty as before
            from unnest(stock.parts) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)) as p
      left join lateral (select s.qty from openstock_core.channel_quota s where s.tenant_id = tenant and s.product_id = p.product_id
                           and s.warehouse_id = p.warehouse_id and s.channel_id = promise.channel_id limit 1) as q on true
      order by p.n);
  end if;
  with line as (
    -- A line that the order has at this level already grows. If it is empty, the end that it once had is of no account any more.
    insert into openstock_core.reservation_line as l (
      tenant_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, expires_at, location_id, lot_id, min_days_left, serial_ids, created_at,
      channel_id, quota_used)
    select tenant, order_id, p.line, p.product_id, p.warehouse_id, p.qty, p.qty, coalesce((ends ->> p.line::text)::timestamptz, until), p.location_id, p.lot_id,
           p.min_days_left, p.serial_ids, stamp,
           promise.channel_id, coalesce(kept[p.n], 0)
    from unnest(stock.parts) with ordinality as p (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    order by p.n
    on conflict (tenant_id, reservation_id, line, product_id, (warehouse_id + 0)) do update
    set ordered = trim_scale(l.ordered + excluded.ordered), reserved = trim_scale(l.reserved + excluded.reserved),
        expires_at = case when l.reserved = 0 then excluded.expires_at else l.expires_at end,
        channel_id = coalesce(l.channel_id, excluded.channel_id), quota_used = trim_scale(l.quota_used + excluded.quota_used)
    returning l.*
  )
  select array_agg(row(l.line, 'RESERVE', l.product_id, l.warehouse_id, null, 0, 0, p.qty, 0,
                       l.reservation_line_id, promise.order_ref, null, null, l.expires_at, null, null, nullif(-kept[p.n], 0), null)::openstock_core.movement
                   order by l.line, l.reservation_line_id),
         (select array_agg(row(l.line, 'ALLOCATE', p.product_id, p.warehouse_id, p.bin_id, 0, 0, 0, p.qty,
                               l.reservation_line_id, promise.order_ref, null, null, null, null, null, null, p.serial_ids)::openstock_core.movement
                           order by l.line, l.reservation_line_id, p.bin_id)
          from unnest(stock.pins) as p
          join line l on l.line = p.reservation_line_id and l.product_id = p.product_id and l.warehouse_id = p.warehouse_id)
  into promised, pinned
  from line l
  join unnest(stock.parts) with ordinality as p (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    on p.line = l.line and p.product_id = l.product_id and p.warehouse_id = l.warehouse_id;
  promised := promised || pinned;
  if openstock_core.asks_for_kits(stock.parts) then
    insert into openstock_core.reservation_kit (tenant_id, reservation_id, line, product_id, kit_id, qty)
    select distinct tenant, order_id, p.line, p.product_id, p.kit_id, p.kit_qty
    from unnest(stock.parts) as p
    where p.kit_id is not null
    on conflict on constraint reservation_kit_pkey do nothing;
  end if;

  if cardinality(waiting) > 0 then
    with queued as (
      insert into openstock_core.backorder (
        tenant_id, reservation_id, line, product_id, warehouse_id, backordered, expires_at, queued_at, created_at, channel_id)
      select tenant, order_id, w.line, w.product_id, w.warehouse_id, w.qty, coalesce((ends ->> w.line::text)::timestamptz, until), stamp, stamp, promise.channel_id
      from unnest(waiting) as w
      order by w.line
      returning backorder_id
    )
    select array_agg(q.backorder_id order by q.backorder_id) into queued_ids from queued q;
    promised := promised || openstock_core.backorder_movements(tenant, 'BACKORDER', null, queued_ids, array(
      select b.backordered::numeric from openstock_core.backorder b
      where b.tenant_id = tenant and b.backorder_id = any (queued_ids) order by b.backorder_id), null, null);
  end if;
  return openstock_core.reservation_answer(tenant, 'reserved', array(
    select p from openstock_core.post(tenant, op_id, promised, null, null, null) as p));
end
$$;

revoke all on function openstock_core.promise from public;
grant execute on function openstock_core.promise to openstock_api;
comment on function openstock_core.promise is
  'Writes an order''s new reservation lines and backorders, adds to lines that it has, held for so many seconds, or until then, or without end, but lines in ends (an object) until theirs, and their entries, and returns the answer.';

reset role;

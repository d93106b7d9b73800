-- What stock does not cover, as rows of an answer. Holds that ended and that nobody needed booked count as available.
-- By the levels and the moment by which the shortage was judged: a level that came into being or a hold that ended since would make it
-- available, and yet short.
-- Reads: stock_level, reservation_line, channel_quota, channel, warehouse.
set local role openstock_owner;

create or replace function openstock_core.shortage_answer(
  tenant uuid, order_ref text, outcome text, wanted openstock_core.order_line[], stock openstock_core.found_stock,
  sourcing openstock_core.sourcing)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  answer jsonb;
begin
  answer := (
    select coalesce(jsonb_agg(jsonb_build_object(
      'order_ref', order_ref, 'line', w.line, 'sku', w.sku, 'warehouse', h.code, 'outcome', outcome,
      'qty_ordered', w.qty, 'qty_reserved', 0, 'qty_backordered', 0, 'qty_short', trim_scale(w.qty - coalesce(p.qty, 0)), 'qty_released', 0,
      'on_hand', trim_scale(coalesce(l.on_hand, 0)), 'blocked', trim_scale(coalesce(l.blocked, 0)), 'reserved', trim_scale(coalesce(l.reserved, 0)),
      'available', trim_scale(case when c.certain then coalesce(p.qty, 0) else coalesce(l.available, 0) end),
      'offers', coalesce(case when c.certain then p.offers else l.offers end, '[]'), 'replayed', false) order by w.n), '[]')
    from rows from (unnest(wanted)) with ordinality as w (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    left join openstock_core.warehouse h on h.tenant_id = tenant and h.warehouse_id = w.warehouse_id
    cross join lateral (select num_nonnulls(w.location_id, w.lot_id, w.min_days_left, w.serial_ids) > 0 as certain) as c
    left join (
      select u.line, u.product_id, sum(u.qty) as qty, jsonb_agg(jsonb_build_object('warehouse', a.code, 'available', u.qty) order by a.priority, a.code) as offers
      from unnest(stock.parts) as u
      join openstock_core.warehouse a on a.tenant_id = tenant and a.warehouse_id = u.warehouse_id
      group by u.line, u.product_id) as p on p.line = w.line and p.product_id = w.product_id
    -- Of all warehouses where the line names none.
    left join (
      select k.product_id, k.warehouse_id, sum(s.on_hand) as on_hand, sum(s.blocked) as blocked, sum(s.reserved - d.units) as reserved,
             sum(greatest(s.available + d.free + f.units, 0)) as available,
             jsonb_agg(jsonb_build_object('warehouse', a.code, 'available', trim_scale(s.available + d.free + f.units)) order by a.priority, a.code)
               filter (where s.available + d.free + f.units > 0) as offers
      from unnest(stock.levels) as k
      cross join lateral (select * from openstock_core.stock_level s where s.tenant_id = tenant and s.product_id = k.product_id
                            and s.warehouse_id = k.warehouse_id limit 1) as s
      cross join lateral (select * from openstock_core.warehouse s where s.tenant_id = tenant and s.warehouse_id = k.warehouse_id
                            and s.active limit 1) as a
      cross join lateral (
        select coalesce(sum(n.reserved), 0) as units,
               coalesce(sum(openstock_core.units_freed(tenant, n.channel_id, n.quota_used, n.reserved, sourcing.channel_id)), 0) as free
        from openstock_core.reservation_line n
        where s.next_expiry_at <= stock.at and n.tenant_id = tenant and n.product_id = k.product_id and n.warehouse_id = k.warehouse_id
          and n.expires_at <= stock.at and n.reserved > 0) as d
      cross join lateral (
        select case when sourcing.channel_id is null then 0 else openstock_core.units_kept(
          tenant, sourcing.channel_id, sourcing.uses_safety_stock, k.product_id, k.warehouse_id, s.safety_stock) end as units) as f
      group by grouping sets ((k.product_id), (k.product_id, k.warehouse_id))
    ) as l on l.product_id = w.product_id and l.warehouse_id is not distinct from w.warehouse_id);
  if openstock_core.asks_for_kits(wanted) then
    answer := openstock_core.fold_kits(tenant, answer, wanted);
  end if;
  return answer;
end
$$;

revoke all on function openstock_core.shortage_answer from public;
grant execute on function openstock_core.shortage_answer to openstock_api;
comment on function openstock_core.shortage_answer is
  'Rows of openstock.reservation_change with this outcome: per line what was asked, what is short, the balances of the warehouses asked, and what each of '
  'them could promise to the channel: to a line that asks for certain units, of these. A line of kits is one row, and counts kits.';

reset role;

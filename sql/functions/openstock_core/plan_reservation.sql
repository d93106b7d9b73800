-- Says which warehouse promises how much of each line. Per product, what lines want and what warehouses have are laid end to end as
-- intervals: where they overlap, that warehouse serves that line. Lines that name a warehouse are served before those that do not.
set local role openstock_owner;

create or replace function openstock_core.plan_reservation(
  lines openstock_core.order_line[], candidates openstock_core.candidate[])
returns setof openstock_core.order_line
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
begin
  return query
  with wanted as materialized (
    select u.line, u.sku, u.product_id, u.warehouse_id, u.qty, u.kit_id, u.kit_qty, u.n,
           sum(u.qty) over (partition by u.product_id, u.warehouse_id order by u.n) - u.qty as start
    from rows from (unnest(lines)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
  ), level as materialized (
    select c.product_id, c.warehouse_id, c.place, c.available as free from unnest(candidates) as c
    where c.active and c.place is not null
  ), named as materialized (
    select u.n, u.line, u.sku, u.product_id, l.warehouse_id, least(u.qty, l.free - u.start) as qty, 0::numeric as place, u.kit_id, u.kit_qty
    from wanted u
    join level l on l.product_id = u.product_id and l.warehouse_id = u.warehouse_id
    where u.start < l.free
  ), supply as materialized (
    select r.*, sum(r.free) over (partition by r.product_id order by r.place) - r.free as start
    from (select l.product_id, l.warehouse_id, l.place, l.free - coalesce(m.qty, 0) as free
          from level l
          left join (select m.product_id, m.warehouse_id, sum(m.qty) as qty from named m group by 1, 2) as m
            on m.product_id = l.product_id and m.warehouse_id = l.warehouse_id) as r
    where r.free > 0
  ), anywhere as (
    select u.n, u.line, u.sku, u.product_id, s.warehouse_id, least(u.start + u.qty, s.start + s.free) - greatest(u.start, s.start) as qty, s.start,
           u.kit_id, u.kit_qty
    from wanted u
    join supply s on s.product_id = u.product_id and s.start < u.start + u.qty and u.start < s.start + s.free
    where u.warehouse_id is null
  )
  select p.line, p.sku, p.product_id, p.warehouse_id, trim_scale(p.qty), null::bigint, null::bigint, null::integer, p.kit_id, p.kit_qty, null::bigint[]
  from (select * from named union all select * from anywhere) as p
  order by p.n, p.place;
end
$$;

revoke all on function openstock_core.plan_reservation from public;
grant execute on function openstock_core.plan_reservation to openstock_api;
comment on function openstock_core.plan_reservation is
  'The parts of the lines that these warehouses can promise, each asked in its place; together less than the lines where stock is short.';

reset role;

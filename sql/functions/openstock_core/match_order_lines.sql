-- Finds the open lines of an order that a request means, by line number, sku, or warehouse, and how much it takes of each: first what
-- waits for stock, the youngest before the older. Of a line of kits, kits or a component alone. Reads: product, warehouse, and what split_kit_entries reads.
set local role openstock_owner;

create or replace function openstock_core.match_order_lines(
  tenant uuid, order_ref text, available openstock_core.open_line[], lines jsonb, measure text default 'reserved')
returns openstock_core.taken_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
  split constant record := openstock_core.split_kit_entries(tenant, order_ref, array(select a.line from unnest(available) as a), 'positive', lines);
  bad record;
begin
  with given as materialized (
    select min(g.n) as n, coalesce(min(g.place), min(g.n)) as place, g.kit_qty, g.line, normalize(btrim(g.sku)) as sku, normalize(btrim(g.warehouse)) as warehouse,
           case when count(g.qty) = count(*) then trim_scale(sum(g.qty)) end as qty, min(g.qty) as lowest
    from rows from (jsonb_to_recordset(split.lines) as (line integer, sku text, warehouse text, qty numeric, kit_qty numeric, place bigint, serials jsonb))
      with ordinality as g (line, sku, warehouse, qty, kit_qty, place, serials, n)
    -- match_serials reads those that name pieces.
    where g.serials is null
    group by g.line, normalize(btrim(g.sku)), normalize(btrim(g.warehouse)), g.kit_qty
  ), open as materialized (
    select l.reservation_line_id, l.backorder_id, l.line, l.product_id, l.warehouse_id, l.units as reserved, p.sku::text as sku, p.decimals,
           w.code::text as warehouse, row_number() over (order by l.backorder_id desc nulls last, l.line, l.reservation_line_id) as place
    from unnest(available) as l
    cross join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.product_id = l.product_id limit 1) as p
    left join lateral (select * from openstock_core.warehouse s where s.tenant_id = tenant and s.warehouse_id = l.warehouse_id limit 1) as w on true
  ), matched as materialized (
    select m.*, sum(m.reserved) over (partition by m.n order by m.place) - m.reserved as before,
           count(*) over (partition by m.place) as named
    from (
      select g.n, g.qty as wanted, o.*
      from given g join open o on o.line = g.line
      where (g.sku is null or g.sku = o.sku) and (g.warehouse is null or g.warehouse = o.warehouse)
      union all
      select g.n, g.qty, o.*
      from given g join open o on o.sku = g.sku
      where g.line is null and (g.warehouse is null or g.warehouse = o.warehouse) and o.line <> all (split.kit_lines)
    ) as m
  ), problem as (
    select g.place as n, case
      when coalesce(g.line::text, g.sku) is null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'must name a line or a sku')
      when g.lowest <= 0 then jsonb_build_object('code', 'OS110', 'problem', 'must be positive')
      when openstock_core.quantity_problem(g.qty, m.decimals, 'positive') is not null then
        jsonb_build_object('code', 'OS110', 'problem', openstock_core.quantity_problem(g.qty, m.decimals, 'positive'))
      when m.named > 1 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'names what another entry names too')
      when m.n is null or g.qty > m.reserved then
        jsonb_build_object('code', 'OS303', 'order_ref', order_ref, 'asked', trim_scale(g.qty / coalesce(g.kit_qty, 1)), measure,
          case when g.kit_qty is null then coalesce(m.reserved, 0)
               else min(div(coalesce(m.reserved, 0), g.kit_qty)) over (partition by g.place, g.line, g.kit_qty is null) end)
      end as what
    from given g
    left join (select o.n, min(o.decimals) as decimals, max(o.named) as named, sum(o.reserved) as reserved
               from matched o group by o.n) as m on m.n = g.n
  )
  select (select array_agg(row(m.reservation_line_id, m.line, m.product_id, m.warehouse_id,
                               trim_scale(least(m.reserved, coalesce(m.wanted, m.before + m.reserved) - m.before)),
                               m.reserved, m.backorder_id, null)::openstock_core.taken_line
                           order by m.n, m.line, m.backorder_id nulls first, m.reservation_line_id)
          from matched m where m.wanted is null or m.before < m.wanted) as taken, f.n, f.what
  into bad
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n limit 1) as f on true;

  if bad.what is not null then
    perform openstock_core.refuse_entry(bad.n, lines -> (bad.n - 1)::integer, bad.what);
  end if;
  return bad.taken;
end
$$;

revoke all on function openstock_core.match_order_lines from public;
grant execute on function openstock_core.match_order_lines to openstock_api;
comment on function openstock_core.match_order_lines is
  'What a request takes of what is available of an order''s locked lines; an entry without qty takes all it names. measure: what DETAIL calls that. A sku without a line does not mean components of kits. '
  'Errors: 22023, OS110, OS303, each with the entry''s place.';

reset role;

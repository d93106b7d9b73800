-- Finds the open lines of an order that a request means, by line number, sku, or warehouse, and how much it takes of each.
-- Reads: reservation_line, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.match_order_lines(tenant uuid, order_ref text, open_ids bigint[], lines jsonb)
returns openstock_core.taken_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  with given as (
    select min(g.n) as n, g.line, normalize(btrim(g.sku)) as sku, normalize(btrim(g.warehouse)) as warehouse,
           case when count(g.qty) = count(*) then trim_scale(sum(g.qty)) end as qty, min(g.qty) as lowest
    from rows from (jsonb_to_recordset(lines) as (line integer, sku text, warehouse text, qty numeric))
      with ordinality as g (line, sku, warehouse, qty, n)
    group by g.line, 3, 4
  ), matched as (
    select g.n, g.qty as wanted, l.*, p.decimals,
           sum(l.reserved) over (partition by g.n order by l.line, l.reservation_line_id) - l.reserved as before,
           count(*) over (partition by l.reservation_line_id) as named
    from given g
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = any (open_ids)
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = l.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id
    where (g.line is null or g.line = l.line) and (g.sku is null or g.sku = p.sku)
      and (g.warehouse is null or g.warehouse = w.code)
  ), problem as (
    select g.n, case
      when coalesce(g.line::text, g.sku) is null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'must name a line or a sku')
      when g.lowest <= 0 then jsonb_build_object('code', 'OS110', 'problem', 'must be positive')
      when openstock_core.quantity_problem(g.qty, (select min(m.decimals) from matched m where m.n = g.n), 'positive') is not null then
        jsonb_build_object('code', 'OS110', 'problem', openstock_core.quantity_problem(
          g.qty, (select min(m.decimals) from matched m where m.n = g.n), 'positive'))
      when (select max(m.named) from matched m where m.n = g.n) > 1 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'names what another entry names too')
      when not exists (select from matched m where m.n = g.n)
        or g.qty > (select sum(m.reserved) from matched m where m.n = g.n) then
        jsonb_build_object('code', 'OS303', 'order_ref', order_ref, 'asked', g.qty,
                           'reserved', coalesce((select sum(m.reserved) from matched m where m.n = g.n), 0))
      end as what
    from given g
  )
  select (select array_agg(row(m.reservation_line_id, m.line, m.product_id, m.warehouse_id,
                               trim_scale(least(m.reserved, coalesce(m.wanted, m.before + m.reserved) - m.before)),
                               m.reserved)::openstock_core.taken_line order by m.n, m.line, m.reservation_line_id)
          from matched m where m.wanted is null or m.before < m.wanted) as taken, f.n, f.what
  into bad
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n limit 1) as f on true;

  if bad.what is not null then
    perform openstock_core.fail(bad.what ->> 'code', jsonb_build_object('line', bad.n) || (bad.what - 'code'));
  end if;
  return bad.taken;
end
$$;

revoke all on function openstock_core.match_order_lines from public;
grant execute on function openstock_core.match_order_lines to openstock_api;
comment on function openstock_core.match_order_lines is
  'What a request takes of an order''s locked open lines; an entry without qty takes all it names. '
  'Errors: 22023, OS110, OS303, each with the entry''s place.';

reset role;

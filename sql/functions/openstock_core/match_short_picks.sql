-- Finds the pins that a short pick means, newest first. The levels, lines and bins are locked. Reads: allocation, serial_unit, stock_bin, location, lot, product,
-- warehouse.
set local role openstock_owner;

create or replace function openstock_core.match_short_picks(
  tenant uuid, order_ref text, available openstock_core.open_line[], expired bigint[], lines jsonb)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  with given as materialized (
    select g.n, g.line, normalize(btrim(g.sku)) as sku, normalize(btrim(g.warehouse)) as warehouse, normalize(btrim(g.location)) as location,
           normalize(btrim(g.lot)) as lot, trim_scale(coalesce(g.qty, jsonb_array_length(g.serials))) as qty,
           case when g.serials is not null then array(select normalize(btrim(s)) from jsonb_array_elements_text(g.serials) as s) end as serials
    from rows from (jsonb_to_recordset(lines) as (line integer, sku text, warehouse text, location text, lot text, qty numeric, serials jsonb))
      with ordinality as g (line, sku, warehouse, location, lot, qty, serials, n)
  ), pin as materialized (
    select o.reservation_line_id, o.line, o.product_id, o.warehouse_id, a.bin_id, a.qty, a.created_at, p.sku::text as sku, p.decimals, p.tracking,
           w.code::text as warehouse, c.code::text as location, t.code::text as lot
    from unnest(available) as o
    join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = o.reservation_line_id
      and a.bin_id <> all (expired)
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = a.bin_id
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = b.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = o.warehouse_id
    join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
  ), matched as materialized (
    -- Of products tracked by serial the pieces there that are named, or all.
    select g.n, g.qty as wanted, i.reservation_line_id, i.line, i.product_id, i.warehouse_id, i.bin_id, i.decimals, k.units as qty, s.serial_ids,
           sum(k.units) over (partition by g.n order by i.created_at desc, i.reservation_line_id desc, i.bin_id) - k.units as before,
           count(*) over (partition by i.reservation_line_id, i.bin_id) as named
    from given g
    join pin i on (g.line is null or g.line = i.line) and (g.sku is null or g.sku = i.sku) and (g.warehouse is null or g.warehouse = i.warehouse)
      and g.location = i.location and (g.lot is null or g.lot = i.lot) and coalesce(g.line::text, g.sku) is not null
    cross join lateral (
      select array_agg(u.serial_id order by u.serial_id) as serial_ids
      from openstock_core.serial_unit u
      where i.tracking = 'serial' and u.tenant_id = tenant and u.bin_id = i.bin_id and u.reservation_line_id = i.reservation_line_id
        and (g.serials is null or u.serial = any (g.serials))) as s
    cross join lateral (select coalesce(cardinality(s.serial_ids), i.qty) as units) as k
    where g.serials is null or s.serial_ids is not null
  ), problem as (
    select g.n, case
      when coalesce(g.line::text, g.sku) is null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'must name a line or a sku')
      when g.serials is not null and exists (
        select from pin i where (g.line is null or g.line = i.line) and (g.sku is null or g.sku = i.sku) and i.tracking <> 'serial') then
        jsonb_build_object('code', 'OS112', 'problem', 'the product is not tracked by serial')
      when cardinality(g.serials) <> g.qty then
        jsonb_build_object('code', 'OS112', 'qty', g.qty, 'serials', cardinality(g.serials), 'problem', 'must be as many as units')
      when openstock_core.quantity_problem(g.qty, coalesce(m.decimals, 6), 'positive') is not null then
        jsonb_build_object('code', 'OS110', 'problem', openstock_core.quantity_problem(g.qty, coalesce(m.decimals, 6), 'positive'))
      when m.products > 1 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'problem', 'the line is of kits: name the component')
      when m.named > 1 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'names what another entry names too')
      when g.qty > coalesce(m.qty, 0) then
        jsonb_build_object('code', 'OS303', 'order_ref', order_ref, 'location', g.location, 'asked', g.qty, 'allocated', coalesce(m.qty, 0))
      end as what
    from given g
    left join (select o.n, min(o.decimals) as decimals, max(o.named) as named, count(distinct o.product_id) as products, sum(o.qty) as qty from matched o group by o.n) as m on m.n = g.n
  )
  select (select array_agg(row(m.reservation_line_id, m.product_id, m.warehouse_id, m.bin_id,
                               trim_scale(least(m.qty, m.wanted - m.before)),
                               m.serial_ids[1:least(m.qty, m.wanted - m.before)::integer])::openstock_core.pick order by m.line, m.reservation_line_id, m.bin_id)
          from matched m where m.before < m.wanted) as pins, f.n, f.what
  into bad
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n limit 1) as f on true;

  if bad.what is not null then
    perform openstock_core.refuse_entry(bad.n, lines -> (bad.n - 1)::integer, bad.what);
  end if;
  return bad.pins;
end
$$;

revoke all on function openstock_core.match_short_picks from public;
grant execute on function openstock_core.match_short_picks to openstock_api;
comment on function openstock_core.match_short_picks is
  'Which pins lose how much; those in bins whose lot has expired are none any more. Errors: 22023, OS110, OS112, OS303, each with the entry''s place.';

reset role;

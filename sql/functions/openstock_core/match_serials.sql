-- Finds the open lines of an order that named pieces go to: a piece that is pinned to one of them to that line, a free one to the first line
-- at its warehouse that has room. The levels and lines are locked, so pieces stay in their bins; whether one is free is only seen when its bin is
-- locked, by plan_named_shipment. Reads: serial_unit, stock_bin, product, warehouse, location.
set local role openstock_owner;

create or replace function openstock_core.match_serials(
  tenant uuid, order_ref text, available openstock_core.open_line[], taken openstock_core.taken_line[], lines jsonb)
returns openstock_core.taken_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  found_lines record;
begin
  with given as materialized (
    select g.n, g.line, normalize(btrim(g.sku)) as sku, normalize(btrim(g.warehouse)) as warehouse, trim_scale(g.qty) as qty, s.serials
    from rows from (jsonb_to_recordset(lines) as (line integer, sku text, warehouse text, qty numeric, serials jsonb))
      with ordinality as g (line, sku, warehouse, qty, serials, n)
    cross join lateral (select array(select normalize(btrim(e)) from jsonb_array_elements_text(g.serials) as e) as serials) as s
    where g.serials is not null
  ), candidate as materialized (
    select g.n, o.reservation_line_id, o.line, o.product_id, o.warehouse_id, o.units, p.tracking, n.serial_ids
    from unnest(available) as o
    join openstock_core.reservation_line n on n.tenant_id = tenant and n.reservation_line_id = o.reservation_line_id
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = o.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = o.warehouse_id
    join given g on coalesce(g.line::text, g.sku) is not null and (g.line is null or g.line = o.line)
      and (g.sku is null or g.sku = p.sku) and (g.warehouse is null or g.warehouse = w.code)
  ), piece as materialized (
    select g.n, s.serial, s.place, u.serial_id, u.product_id, b.warehouse_id, b.blocked, b.status, u.bin_id, w.code as warehouse, c.code as location, u.reservation_line_id,
           count(*) over (partition by u.serial_id) as times
    from given g
    cross join lateral unnest(g.serials) with ordinality as s (serial, place)
    left join lateral (
      select k.* from (select distinct c.product_id from candidate c where c.n = g.n) as d
      join openstock_core.serial_unit k on k.tenant_id = tenant and k.product_id = d.product_id and k.serial = s.serial limit 1) as u on true
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = u.bin_id
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = b.warehouse_id
    left join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
  ), own as (
    -- A line that asks for certain pieces takes these, pinned or not, and no others; of two that ask for one, the line that asks for fewer.
    select distinct on (p.n, p.serial_id) p.n, p.serial_id, c.reservation_line_id
    from piece p
    join candidate c on c.n = p.n and (c.reservation_line_id = p.reservation_line_id or (
      p.reservation_line_id is null and c.warehouse_id = p.warehouse_id and p.serial_id = any (c.serial_ids)))
    order by p.n, p.serial_id, cardinality(c.serial_ids), c.reservation_line_id
  ), room as (
    select c.*, c.units - coalesce(o.pieces, 0) as room,
           sum(c.units - coalesce(o.pieces, 0)) over (partition by c.n, c.product_id, c.warehouse_id order by c.line, c.reservation_line_id)
             - (c.units - coalesce(o.pieces, 0)) as start
    from candidate c
    left join (select o.n, o.reservation_line_id, count(*) as pieces from own o group by o.n, o.reservation_line_id) as o
      on o.n = c.n and o.reservation_line_id = c.reservation_line_id
    where c.serial_ids is null
  ), free as (
    select p.*, row_number() over (partition by p.n, p.product_id, p.warehouse_id order by p.place) as nth
    from piece p
    where not exists (select from own o where o.serial_id = p.serial_id)
  ), assigned as materialized (
    select o.n, o.serial_id, o.reservation_line_id from own o
    union all
    select f.n, f.serial_id, r.reservation_line_id
    from free f
    join room r on r.n = f.n and r.product_id = f.product_id and r.warehouse_id = f.warehouse_id and f.nth > r.start and f.nth <= r.start + r.room
  ), problem as (
    select g.n, 0 as place, case
      when coalesce(g.line::text, g.sku) is null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'must name a line or a sku')
      when not exists (select from candidate c where c.n = g.n) then
        jsonb_build_object('code', 'OS303', 'order_ref', match_serials.order_ref, 'asked', cardinality(g.serials), 'reserved', 0)
      when exists (select from candidate c where c.n = g.n and c.tracking <> 'serial') then
        jsonb_build_object('code', 'OS112', 'problem', 'the product is not tracked by serial')
      when cardinality(g.serials) <> g.qty then
        jsonb_build_object('code', 'OS112', 'qty', g.qty, 'serials', cardinality(g.serials), 'problem', 'must be as many as units')
      when exists (select from candidate c join unnest(taken) as t on t.product_id = c.product_id and t.warehouse_id = c.warehouse_id where c.n = g.n) then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'serials', 'problem', 'another entry takes pieces of the product and names none')
      end as what
    from given g
    union all
    select p.n, p.place, jsonb_build_object('serial', p.serial) || case
      when p.serial_id is null then jsonb_build_object('code', 'OS111')
      when p.times > 1 then jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'serials', 'problem', 'names a piece a second time')
      when p.bin_id is null or p.blocked or not exists (select from candidate c where c.n = p.n and c.warehouse_id = p.warehouse_id) then
        jsonb_build_object('code', 'OS113', 'warehouse', p.warehouse, 'location', p.location, 'status', p.status)
      when not exists (select from candidate c where c.n = p.n and c.warehouse_id = p.warehouse_id and c.serial_ids is null) then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'serials', 'problem', 'the line asks for other pieces')
      else jsonb_build_object('code', 'OS303', 'order_ref', match_serials.order_ref, 'asked', cardinality(g.serials),
                              'reserved', (select sum(c.units) from candidate c where c.n = p.n)) end
    from piece p
    join given g on g.n = p.n
    left join assigned a on a.n = p.n and a.serial_id = p.serial_id
    where a.serial_id is null or p.blocked or p.times > 1
    union all
    select max(a.n), null, jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'names what another entry names too')
    from assigned a join candidate c on c.n = a.n and c.reservation_line_id = a.reservation_line_id
    group by a.reservation_line_id, c.units having count(*) > c.units
  )
  select array(select row(c.reservation_line_id, c.line, c.product_id, c.warehouse_id, a.qty, c.units, null, a.serial_ids)::openstock_core.taken_line
               from (select u.reservation_line_id, count(*) as qty, array_agg(u.serial_id) as serial_ids
                     from assigned u group by u.reservation_line_id) as a
               join lateral (select * from candidate s where s.reservation_line_id = a.reservation_line_id limit 1) as c on true) as taken, f.n, f.what
  into found_lines
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n, p.place nulls last limit 1) as f on true;

  if found_lines.what is not null then
    perform openstock_core.refuse_entry(found_lines.n, lines -> (found_lines.n - 1)::integer, found_lines.what);
  end if;
  return found_lines.taken;
end
$$;

revoke all on function openstock_core.match_serials from public;
grant execute on function openstock_core.match_serials to openstock_api;
comment on function openstock_core.match_serials is
  'What the entries that name pieces take of which lines. Errors: 22023, OS111 to OS113, OS303, each with the entry''s place.';

reset role;

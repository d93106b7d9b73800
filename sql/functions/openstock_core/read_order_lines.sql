-- Turns the lines of reserve into typed rows, looks their names up and sums those that are alike. Reads: product, warehouse,
-- location, lot, serial_unit, kit_component. A line of kits is one of each component, as the kit is made now.
set local role openstock_owner;

create or replace function openstock_core.read_order_lines(
  tenant uuid, lines jsonb, warehouse text, places integer[] default null)
returns openstock_core.order_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  bad record;
begin
  -- materialized, limit 1, no sequential scan: one index probe a line. Under row-level security no index serves a name that
  -- is computed where it is compared, and planned while the tables are small the catalogue would be read for each line.
  with given as materialized (
    select g.n, g.line, normalize(btrim(g.sku)) as sku, trim_scale(coalesce(g.qty, jsonb_array_length(g.serials))) as qty,
           coalesce(normalize(btrim(g.warehouse)), read_order_lines.warehouse) as warehouse,
           normalize(btrim(g.location)) as location, normalize(btrim(g.lot)) as lot, g.min_days_left::integer as min_days_left,
           g.kit_id, g.kit_qty,
           case when g.serials is not null then array(select normalize(btrim(s)) from jsonb_array_elements_text(g.serials) as s) end as serials
    from rows from (jsonb_to_recordset(lines) as (
      line integer, sku text, qty numeric, warehouse text, location text, lot text, min_days_left numeric,
      kit_id bigint, kit_qty numeric, serials jsonb))
      with ordinality as g (line, sku, qty, warehouse, location, lot, min_days_left, kit_id, kit_qty, serials, n)
  ), looked_up as (
    select g.n, g.line, coalesce(c.sku, g.sku) as sku, trim_scale(g.qty * coalesce(c.qty, 1)) as qty, g.min_days_left,
           coalesce(c.component_id, p.product_id) as product_id, w.warehouse_id, l.location_id, t.lot_id,
           case when p.is_kit then p.product_id else g.kit_id end as kit_id, coalesce(c.qty, g.kit_qty) as kit_qty, g.serials, s.serial_ids,
           case
             when p.product_id is null then jsonb_build_object('code', 'OS101', 'sku', g.sku)
             when not p.active then jsonb_build_object('code', 'OS102', 'sku', g.sku)
             when g.warehouse is not null and w.warehouse_id is null then
               jsonb_build_object('code', 'OS103', 'warehouse', g.warehouse)
             when not w.active then jsonb_build_object('code', 'OS104', 'warehouse', g.warehouse)
             when p.is_kit and num_nonnulls(g.location, g.lot, g.min_days_left, g.serials) > 0 then
               jsonb_build_object('code', '22023', 'argument', 'lines', 'sku', g.sku, 'problem', 'is a kit: it can ask for no location, lot, days left or serials',
                                  'key', case when g.location is not null then 'location' when g.lot is not null then 'lot'
                                              when g.min_days_left is not null then 'min_days_left' else 'serials' end)
             when g.location is not null and g.warehouse is null then
               jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'location', 'problem', 'needs a warehouse')
             when g.location is not null and l.location_id is null then jsonb_build_object('code', 'OS105', 'location', g.location)
             when coalesce(g.lot, g.min_days_left::text) is not null and p.tracking = 'none' then
               jsonb_build_object('code', 'OS108', 'sku', g.sku, 'lot', g.lot, 'problem', 'the product is not tracked by lot')
             when g.lot is not null and t.lot_id is null then jsonb_build_object('code', 'OS107', 'sku', g.sku, 'lot', g.lot)
             when g.serials is not null and openstock_core.serials_problem(p.tracking, g.sku, g.qty, null, g.serials) is not null then
               openstock_core.serials_problem(p.tracking, g.sku, g.qty, null, g.serials)
             when s.unknown is not null then jsonb_build_object('code', 'OS111', 'sku', g.sku, 'serial', g.serials[s.unknown])
             when openstock_core.quantity_problem(g.qty, k.decimals, 'positive') is not null then
               jsonb_build_object('code', 'OS110', 'sku', g.sku,
                                  'problem', openstock_core.quantity_problem(g.qty, k.decimals, 'positive'))
             when not c.active then jsonb_build_object('code', 'OS102', 'sku', c.sku, 'kit', g.sku)
             when openstock_core.quantity_problem(g.qty * c.qty, c.decimals, 'positive') is not null then
               jsonb_build_object('code', 'OS110', 'sku', c.sku, 'kit', g.sku,
                                  'problem', openstock_core.quantity_problem(g.qty * c.qty, c.decimals, 'positive'))
             when g.qty * c.qty > 999999999999.999999 then
               jsonb_build_object('code', 'OS110', 'sku', c.sku, 'kit', g.sku, 'problem', 'must have at most 12 digits before the point')
           end as problem
    from given g
    left join lateral (select * from openstock_core.product s
                       where s.tenant_id = tenant and s.sku = g.sku limit 1) as p on true
    left join lateral (select * from openstock_core.warehouse s
                       where s.tenant_id = tenant and s.code = g.warehouse limit 1) as w on true
    left join lateral (select * from openstock_core.location s
                       where s.tenant_id = tenant and s.warehouse_id = w.warehouse_id and s.code = g.location limit 1) as l on g.location is not null
    left join lateral (select * from openstock_core.lot s
                       where s.tenant_id = tenant and s.product_id = p.product_id and s.code = g.lot limit 1) as t on g.lot is not null
    left join lateral (
      select array_agg(u.serial_id) as serial_ids, min(e.place) filter (where u.serial_id is null) as unknown
      from unnest(g.serials) with ordinality as e (serial, place)
      left join lateral (select * from openstock_core.serial_unit s
                         where s.tenant_id = tenant and s.product_id = p.product_id and s.serial = e.serial limit 1) as u on true) as s on g.serials is not null
    -- Kits are sold whole.
    cross join lateral (select case when p.is_kit then 0 else p.decimals end as decimals) as k
    -- limit, so that the condition stands above the scan: for other products there is none.
    left join lateral (select i.component_id, i.qty, s.sku, s.active, s.decimals
                       from openstock_core.kit_component i
                       join openstock_core.product s on s.tenant_id = tenant and s.product_id = i.component_id
                       where p.is_kit and i.tenant_id = tenant and i.kit_id = p.product_id limit 100) as c on true
  ), twice as (
    select max(u.n) as n, jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'serials', 'problem', 'names a piece a second time', 'sku', u.sku,
                                             'serial', e.serial) as problem
    from looked_up u
    cross join lateral unnest(u.serials) as e (serial)
    group by u.product_id, u.sku, e.serial
    having count(*) > 1
  ), first_problem as (
    select f.n, f.problem
    from (select u.n, u.product_id, u.problem from looked_up u where u.problem is not null union all select t.n, null, t.problem from twice t) as f
    order by f.n, f.product_id, f.problem ->> 'serial' limit 1
  ), summed as (
    select u.line, u.sku, u.product_id, u.warehouse_id, u.location_id, u.lot_id, u.min_days_left, u.kit_id, u.kit_qty,
           u.serial_ids, trim_scale(sum(u.qty)) as qty, min(u.n) as n
    from looked_up u
    group by u.line, u.sku, u.product_id, u.warehouse_id, u.location_id, u.lot_id, u.min_days_left, u.kit_id, u.kit_qty, u.serial_ids
  )
  select (select array_agg((s.line, s.sku, s.product_id, s.warehouse_id, s.qty, s.location_id, s.lot_id, s.min_days_left,
                            s.kit_id, s.kit_qty, s.serial_ids)::openstock_core.order_line order by s.n, s.product_id)
          from summed s) as typed, f.n, f.problem
  into bad
  from (select) as always left join first_problem f on true;

  if bad.problem is not null then
    perform openstock_core.refuse_entry(coalesce(places[bad.n], bad.n), lines -> (bad.n - 1)::integer, bad.problem);
  end if;
  if cardinality(bad.typed) > 10000 then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'lines', 'problem', 'must ask for at most 10000 components of kits and other products', 'parts', cardinality(bad.typed)));
  end if;
  return bad.typed;
end
$$;

revoke all on function openstock_core.read_order_lines from public;
grant execute on function openstock_core.read_order_lines to openstock_api;
comment on function openstock_core.read_order_lines is
  'The lines, typed and looked up; lines without a number that ask for the same are one, and one of kits is a line of each component. '
  'Errors: 22023, OS101 to OS105, OS107, OS108, OS110 to OS112, each with the line''s place, or the one given for it.';

reset role;

-- Turns the lines of receive, adjust and move into typed rows and looks their names up. Reads: product, location, lot, handling_unit.
-- Locks: product by product_id (where it has no level at this warehouse yet: make_levels will want it).
set local role openstock_owner;

create or replace function openstock_core.read_stock_lines(
  tenant uuid, warehouse_id bigint, lines jsonb, lowest text, receiving boolean)
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  bad record;
begin
  -- Before there is a level, nothing else keeps tracking and decimals as they are.
  perform from openstock_core.product p
  where p.tenant_id = tenant
    and p.sku = any (array(select normalize(btrim(g.sku)) from jsonb_to_recordset(lines) as g (sku text)))
    and not exists (select from openstock_core.stock_level l where l.tenant_id = tenant and l.product_id = p.product_id
                    and l.warehouse_id = read_stock_lines.warehouse_id)
  order by p.product_id
  for no key update of p;
  -- materialized, limit 1, no sequential scan: one index probe a line. Under row-level security no index serves a name that
  -- is computed where it is compared, and planned while the tables are small the catalogue would be read for each line.
  with given as materialized (
    select g.n, coalesce(g.line, (coalesce(max(g.line) over (), 0)
                                  + row_number() over (partition by g.line is null order by g.n))::integer) as line,
           normalize(btrim(g.sku)) as sku,
           trim_scale(coalesce(g.qty, case when lowest = 'positive' then jsonb_array_length(g.serials) end)) as qty, trim_scale(g.set_to) as set_to, trim_scale(g.expected) as expected,
           coalesce(normalize(btrim(coalesce(g.location, g."from"))), 'DEFAULT') as location,
           case when g."to" is not null then normalize(btrim(g."to")) end as to_location,
           normalize(btrim(g.lot)) as lot, g.expires_on,
           coalesce(g.status, 'available') as status, g.to_status, trim_scale(g.unit_cost) as unit_cost,
           normalize(btrim(g.handling_unit)) as handling_unit,
           case when g.serials is not null then array(select normalize(btrim(s)) from jsonb_array_elements_text(g.serials) as s) end as serials
    from rows from (jsonb_to_recordset(lines) as (
      line integer, sku text, qty numeric, set_to numeric, expected numeric, location text, "from" text, "to" text,
      lot text, expires_on date, status text, to_status text, unit_cost numeric, serials jsonb, handling_unit text)) with ordinality as g (
      line, sku, qty, set_to, expected, location, "from", "to", lot, expires_on, status, to_status, unit_cost, serials, handling_unit, n)
  ), looked_up as (
    select g.*, p.product_id, p.tracking, p.decimals, p.active, p.is_kit, l.location_id, l.active as location_active,
           d.location_id as to_location_id, d.active as to_location_active, t.lot_id, t.expires_on as lot_expires_on, h.handling_unit_id
    from given g
    left join lateral (select * from openstock_core.product p
                       where p.tenant_id = tenant and p.sku = g.sku limit 1) as p on true
    left join lateral (select * from openstock_core.location l
                       where l.tenant_id = tenant and l.warehouse_id = read_stock_lines.warehouse_id
                         and l.code = g.location limit 1) as l on true
    left join lateral (select * from openstock_core.location d
                       where d.tenant_id = tenant and d.warehouse_id = read_stock_lines.warehouse_id
                         and d.code = g.to_location limit 1) as d on true
    left join lateral (select * from openstock_core.lot t
                       where t.tenant_id = tenant and t.product_id = p.product_id and t.code = g.lot limit 1) as t on true
    left join lateral (select * from openstock_core.handling_unit h
                       where h.tenant_id = tenant and h.code = g.handling_unit limit 1) as h on true
  ), checked as (
    select u.*, case when u.is_kit then
             jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'sku', u.sku, 'problem', 'is a kit, which has no stock of its own')
           else openstock_core.stock_line_problem(u.sku, u.product_id, u.active or not receiving, u.tracking,
             u.location, u.location_id, u.location_active, u.to_location, u.to_location_id, u.to_location_active,
             u.lot, u.lot_id, u.expires_on, u.lot_expires_on, receiving, u.status, u.to_status,
             u.handling_unit, u.handling_unit_id, openstock_core.serials_problem(u.tracking, u.sku, u.qty, u.set_to, u.serials),
             coalesce(openstock_core.quantity_problem(u.qty, u.decimals, lowest),
                      openstock_core.quantity_problem(u.set_to, u.decimals, 'zero'),
                      openstock_core.quantity_problem(u.expected, u.decimals, 'zero'),
                      case when u.unit_cost < 0 then 'unit_cost must not be negative' end)) end as problem
    from looked_up u
  )
  select array_agg((c.n, c.line, c.sku, c.product_id, c.tracking, c.qty, c.set_to, c.expected, c.location, c.location_id,
                    c.to_location, c.to_location_id, c.lot, c.lot_id, coalesce(c.lot_expires_on, c.expires_on), c.status,
                    coalesce(c.to_status, c.status), c.unit_cost, c.serials, null, c.handling_unit, c.handling_unit_id)::openstock_core.stock_line order by c.n) as typed,
         (array_agg(c.problem order by c.n) filter (where c.problem is not null))[1] as problem,
         (array_agg(c.n order by c.n) filter (where c.problem is not null))[1] as n
  into bad
  from checked c;

  if bad.problem is not null then
    perform openstock_core.fail(bad.problem ->> 'code', jsonb_build_object('line', bad.n) || (bad.problem - 'code'));
  end if;
  return bad.typed;
end
$$;

revoke all on function openstock_core.read_stock_lines from public;
grant execute on function openstock_core.read_stock_lines to openstock_api;
comment on function openstock_core.read_stock_lines is
  'The lines, typed and looked up; lines without a location are meant for DEFAULT. With receiving, the product must be active and '
  'the lot may be new. Errors: 22023, OS101, OS102, OS105 to OS108, OS110, OS112, OS114, each with the line''s place.';

reset role;

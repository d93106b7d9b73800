-- Says what an order's lines can be promised: first those that ask for certain units, of which fewest will do; then the others, of what is left.
-- Where a line asks for certain units, those that such lines of old lack are left to them. Reads: there, what find_claims and plan_pins read.
set local role openstock_owner;

create or replace function openstock_core.plan_stock(
  tenant uuid, lines openstock_core.order_line[], candidates openstock_core.candidate[], bin_ids bigint[], at timestamptz, without_ended boolean,
  freed openstock_core.pick[] default null, given openstock_core.pick[] default null,
  out parts openstock_core.order_line[], out pins openstock_core.pick[], out short boolean, out claimed openstock_core.pick[])
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  others openstock_core.order_line[] := lines;
  served openstock_core.order_line[];
  claims openstock_core.order_line[];
begin
  parts := array[]::openstock_core.order_line[];
  if openstock_core.asks_for_certain_units(lines) then
    claims := openstock_core.find_claims(tenant, array(
      select row(c.product_id, c.warehouse_id)::openstock_core.level_key from unnest(candidates) as c), at, given);
    pins := openstock_core.plan_pins(tenant, lines || claims, candidates, bin_ids, null, at, without_ended, freed);
    claimed := array(select p from unnest(pins) as p where p.reservation_line_id < 0);
    pins := array(select p from unnest(pins) as p where p.reservation_line_id > 0);
    parts := array(
      select row(u.line, u.sku, u.product_id, p.warehouse_id, p.qty, u.location_id, u.lot_id, u.min_days_left, u.kit_id, u.kit_qty,
                 case when u.serial_ids is not null then p.serial_ids end)::openstock_core.order_line
      from rows from (unnest(lines)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
      join (select p.reservation_line_id as line, p.product_id, p.warehouse_id, sum(p.qty) as qty, array(
              select s from unnest(pins) as k cross join lateral unnest(k.serial_ids) as s
              where k.reservation_line_id = p.reservation_line_id and k.warehouse_id = p.warehouse_id) as serial_ids
            from unnest(pins) as p group by 1, 2, 3) as p
        on p.line = u.line and p.product_id = u.product_id
      order by u.n, p.warehouse_id);
    candidates := array(
      select row(c.product_id, c.warehouse_id, c.code, c.priority, c.active, c.available - coalesce(p.qty, 0), c.distance_km, c.shipping_cost,
                 c.place)::openstock_core.candidate
      from unnest(candidates) as c
      left join (select p.product_id, p.warehouse_id, sum(p.qty) as qty from unnest(pins) as p group by 1, 2) as p
        on p.product_id = c.product_id and p.warehouse_id = c.warehouse_id);
    others := array(select u from unnest(lines) as u where num_nonnulls(u.location_id, u.lot_id, u.min_days_left, u.serial_ids) = 0);
  end if;
  served := array(select p from openstock_core.plan_reservation(others, candidates) as p);
  short := (select coalesce(sum(u.qty), 0) from unnest(lines) as u) > (select coalesce(sum(p.qty), 0) from unnest(parts || served) as p);
  if short and openstock_core.asks_for_kits(others) then
    served := array(select p from openstock_core.plan_reservation(openstock_core.fit_kits(others, candidates), candidates) as p);
  end if;
  parts := parts || served;
end
$$;

revoke all on function openstock_core.plan_stock from public;
grant execute on function openstock_core.plan_stock to openstock_api;
comment on function openstock_core.plan_stock is
  'The parts of the lines that these warehouses can promise (of kits whole ones), whether they are short of the lines, and the bins for lines that ask for certain units '
  '(reservation_line_id is the line''s number); claimed: the units in bins that are left to older lines (see find_claims). freed: units that the caller is about to '
  'free in bins; given: what it is about to give back of lines.';

reset role;

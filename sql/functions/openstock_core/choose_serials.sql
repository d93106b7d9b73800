-- Says which pieces each movement is about: those that the caller named, otherwise the first of those that it can be about, by
-- serial_id: of a line's pins where pins are taken off (first those that lines lack) or pinned units leave, of the bin's free pieces elsewhere, such that lines which
-- lack certain ones find them (find_claims). The bins are locked. Reads: serial_unit, and what find_claims and plan_pins read.
set local role openstock_owner;

create or replace function openstock_core.choose_serials(
  tenant uuid, movements openstock_core.movement[], written openstock_core.posted[])
returns openstock_core.piece[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  named constant bigint[] := array(
    select n.serial_id from unnest(movements) as m cross join lateral unnest(m.serial_ids) as n (serial_id));
  claims constant openstock_core.order_line[] := openstock_core.find_claims(tenant, array(
    select row(m.product_id, m.warehouse_id)::openstock_core.level_key from unnest(movements) as m where m.serial_ids is null), at, null);
  claimed constant bigint[] := array(
    select distinct n.serial_id from unnest(claims) as c cross join lateral unnest(c.serial_ids) as n (serial_id));
  taken openstock_core.pick[];
  ours bigint[];
begin
  if cardinality(claimed) > 0 then
    taken := array(
      select row(null, m.product_id, m.warehouse_id, m.bin_id, sum(greatest(m.allocated_delta - m.qty_delta, 0)), null)::openstock_core.pick
      from unnest(movements) as m
      group by m.product_id, m.warehouse_id, m.bin_id);
    -- The bins have given these units already, their pieces have not.
    ours := array(
      select n.serial_id
      from unnest(openstock_core.plan_pins(tenant, array(
        select row(c.line, c.sku, c.product_id, c.warehouse_id, c.qty, c.location_id, c.lot_id, c.min_days_left, c.kit_id, c.kit_qty, case when c.serial_ids is not null then array(
                 select s from unnest(c.serial_ids) as s where s <> all (named)) end)::openstock_core.order_line
        from unnest(claims) as c), null, null, null, at, false, taken, taken)) as p
      cross join lateral unnest(p.serial_ids) as n (serial_id)
      where p.reservation_line_id = 0);
  end if;
  return array(
    with asked as (
      select m.ord, m.bin_id, m.serial_ids, m.qty_delta, case when m.allocated_delta < 0 then m.reservation_line_id end as line_id,
             greatest(abs(m.qty_delta), abs(m.allocated_delta)) as units
      from rows from (unnest(movements)) with ordinality as m (
        line, event_type, product_id, warehouse_id, bin_id, qty_delta, blocked_delta, reserved_delta, allocated_delta,
        reservation_line_id, order_ref, unit_cost, reason, expires_at, backordered_delta, backorder_id, quota_delta, serial_ids, ord)
      join unnest(written) as w on w.ord = m.ord and w.by_serial
    ), unnamed as (
      -- What enters is always named.
      select a.*, sum(a.units) over (partition by a.bin_id, a.line_id order by a.ord) - a.units as start
      from asked a
      where a.serial_ids is null and a.qty_delta <= 0
    ), pool as (
      select k.bin_id, k.line_id, s.serial_id,
             row_number() over (partition by k.bin_id, k.line_id order by s.serial_id) as place
      from (select u.bin_id, u.line_id, sum(u.units) as units, bool_and(u.qty_delta = 0) as frees from unnamed u group by u.bin_id, u.line_id) as k
      cross join lateral (
        (select u.serial_id from openstock_core.serial_unit u
         where k.line_id is null and u.tenant_id = tenant and u.bin_id = k.bin_id and u.reservation_line_id is null
           and u.serial_id <> all (named)
         order by u.serial_id = any (ours) desc, u.serial_id = any (claimed), u.serial_id limit k.units)
        union all
        (select u.serial_id from openstock_core.serial_unit u
         where u.tenant_id = tenant and u.bin_id = k.bin_id and u.reservation_line_id = k.line_id and u.serial_id <> all (named)
         order by (u.serial_id = any (claimed)) = k.frees desc, u.serial_id limit k.units)) as s
    )
    select row(a.ord, n.serial_id)::openstock_core.piece
    from asked a cross join lateral unnest(a.serial_ids) as n (serial_id)
    union all
    select row(u.ord, p.serial_id)::openstock_core.piece
    from unnamed u
    join pool p on p.bin_id = u.bin_id and p.line_id is not distinct from u.line_id
      and p.place > u.start and p.place <= u.start + u.units);
end
$$;

revoke all on function openstock_core.choose_serials from public;
grant execute on function openstock_core.choose_serials to openstock_api;
comment on function openstock_core.choose_serials is
  'The pieces of each movement about a product tracked by serial; fewer than units where the bins have no more.';

reset role;

-- Chooses bins for lines that ask for certain pieces, a certain location, lot or remaining life: for those that ask most narrowly first, for each from the bins
-- that fewest of the others could use, then by place of the warehouse and removal rule. What one line takes is gone for the next.
-- Claims (lines with negative numbers, see find_claims) choose before what is newly promised, and after who is as old as they are.
-- Reads: serial_unit, and what certain_bins and pickable_bins read.
set local role openstock_owner;

create or replace function openstock_core.plan_pins(
  tenant uuid, lines openstock_core.order_line[], candidates openstock_core.candidate[], bin_ids bigint[], removal text,
  at timestamptz, without_ended boolean, freed openstock_core.pick[] default null)
returns openstock_core.pick[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  picks openstock_core.pick[] := array[]::openstock_core.pick[];
  from_bin numeric[] := array[]::numeric[];
  from_level numeric[] := array[]::numeric[];
  units numeric;
  pieces bigint[];
  gone bigint[] := array[]::bigint[];
  wanted record;
begin
  for wanted in
    with bin as materialized (
      select c.n, c.bin_id, c.warehouse_id, c.free + coalesce(f.qty, 0) as free, c.pieces, u.product_id, u.line < 0 as claims,
             -- Who chooses after the claims is not in their way.
             case when candidates is null or u.line < 0 then count(*) over (partition by c.bin_id)
                  else count(*) filter (where u.line > 0) over (partition by c.bin_id) end as lines_that_could,
             dense_rank() over (order by c.bin_id) as bin, dense_rank() over (order by u.product_id, c.warehouse_id) as level
      from openstock_core.certain_bins(tenant, lines, plan_pins.at, without_ended) as c
      join rows from (unnest(lines)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n) on u.n = c.n
      left join (select p.bin_id, sum(p.qty) as qty from unnest(freed) as p group by p.bin_id) as f on f.bin_id = c.bin_id
      where bin_ids is null or c.bin_id = any (bin_ids)
    ), ordered as materialized (
      select k.product_id, k.warehouse_id, p.bin_id, p.start
      from (select distinct b.product_id, b.warehouse_id from bin b) as k
      cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as p
    ), level as materialized (
      select c.product_id, c.warehouse_id, c.available, c.place from unnest(candidates) as c where c.active
    )
    select u.line, u.product_id, u.qty, u.serial_ids is not null as named,
           case when u.serial_ids is not null then array(select p from bin n cross join lateral unnest(n.pieces) as p where n.n = u.n) end as pieces,
           array_agg(o.warehouse_id order by o.preference) as warehouses, array_agg(o.bin_id order by o.preference) as bins,
           array_agg(o.bin order by o.preference) as bin, array_agg(o.level order by o.preference) as level,
           array_agg(o.free order by o.preference) as free, array_agg(o.available order by o.preference) as available
    from rows from (unnest(lines)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    join (
      select b.n, b.warehouse_id, b.bin_id, b.bin, b.level, b.free, case when not b.claims then l.available end as available,
             row_number() over (partition by b.n order by b.lines_that_could, l.place, b.warehouse_id, p.start nulls last, b.bin_id) as preference
      from bin b
      left join level l on l.product_id = b.product_id and l.warehouse_id = b.warehouse_id
      left join ordered p on p.bin_id = b.bin_id
      where candidates is null or b.claims or l.place is not null) as o on o.n = u.n
    group by u.n, u.line, u.product_id, u.qty, u.location_id, u.lot_id, u.min_days_left, u.serial_ids
    order by (u.line < 0) = (candidates is null), u.serial_ids is null, num_nonnulls(u.location_id, u.lot_id) desc, u.min_days_left desc nulls last, u.n
  loop
    for i in 1 .. cardinality(wanted.bins) loop
      exit when wanted.qty <= 0;
      units := least(wanted.qty, wanted.free[i] - coalesce(from_bin[wanted.bin[i]], 0), wanted.available[i] - coalesce(from_level[wanted.level[i]], 0));
      if wanted.named then
        pieces := array(
          select k.serial_id from openstock_core.serial_unit k
          where k.tenant_id = tenant and k.serial_id = any (wanted.pieces) and k.bin_id = wanted.bins[i] and k.serial_id <> all (gone)
          order by k.serial_id limit greatest(units, 0));
        units := cardinality(pieces);
        gone := gone || pieces;
      end if;
      if units > 0 then
        picks := picks || row(wanted.line, wanted.product_id, wanted.warehouses[i], wanted.bins[i], trim_scale(units),
                              case when wanted.named then pieces end)::openstock_core.pick;
        wanted.qty := wanted.qty - units;
        from_bin[wanted.bin[i]] := coalesce(from_bin[wanted.bin[i]], 0) + units;
        from_level[wanted.level[i]] := coalesce(from_level[wanted.level[i]], 0) + case when wanted.line < 0 then 0 else units end;
      end if;
    end loop;
  end loop;
  return picks;
end
$$;

revoke all on function openstock_core.plan_pins from public;
grant execute on function openstock_core.plan_pins to openstock_api;
comment on function openstock_core.plan_pins is
  'Units of these bins (of any, where null) for the lines that ask for certain ones, no more of a warehouse than it is a candidate for (null: as much as there is), with what the caller is about to free in them; '
  'reservation_line_id of a pick is the line''s number, and serial_ids are the pieces where the line names some.';

reset role;

-- Chooses bins for lines that ask for certain pieces, a certain location, lot or remaining life, such that as little as can be is lacking: each gets the most that
-- it can have beside those before it (share_units). Those that ask most narrowly come first, each takes from the bins that fewest of the others could use, then by
-- place of the warehouse and removal rule. Each free piece that a line names is a cell of its own, and the rest of its bin another.
-- Claims (lines with negative numbers, see find_claims) come before what is newly promised, and after who is as old as they are; what the caller takes from bins,
-- whichever units these are, before all.
-- Reads: what certain_bins and pickable_bins read.
set local role openstock_owner;

create or replace function openstock_core.plan_pins(
  tenant uuid, lines openstock_core.order_line[], candidates openstock_core.candidate[], bin_ids bigint[], removal text,
  at timestamptz, without_ended boolean, freed openstock_core.pick[] default null, taken openstock_core.pick[] default null)
returns openstock_core.pick[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  graph record;
begin
  with line as materialized (
    select u.*, row_number() over (order by u.taken desc, u.claims = (candidates is null), not u.named, u.places desc, u.min_days_left desc nulls last, u.n) as turn
    from (
      select u.n, u.line, u.product_id, u.qty, u.line < 0 as claims, false as taken, u.serial_ids is not null as named,
             num_nonnulls(u.location_id, u.lot_id) as places, u.min_days_left
      from rows from (unnest(lines)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
      union all
      select -t.n, 0, t.product_id, t.qty, false, true, true, 0, null
      from unnest(taken) with ordinality as t (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)) as u
  ), suitable as materialized (
    select c.n, c.bin_id, c.warehouse_id, c.free + coalesce(f.qty, 0) as free, c.pieces
    from openstock_core.certain_bins(tenant, lines, plan_pins.at, without_ended) as c
    left join (select p.bin_id, sum(p.qty) as qty from unnest(freed) as p group by p.bin_id) as f on f.bin_id = c.bin_id
    where bin_ids is null or c.bin_id = any (bin_ids)
  ), bin as materialized (
    select l.turn, l.line, l.product_id, l.claims, l.named, s.warehouse_id, s.bin_id, s.free, s.pieces
    from (
      select s.* from suitable s
      union all
      select -t.n, t.bin_id, t.warehouse_id, s.free, null
      from unnest(taken) with ordinality as t (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)
      join (select distinct s.bin_id, s.free from suitable s) as s on s.bin_id = t.bin_id) as s
    join line l on l.n = s.n
  ), piece as materialized (
    select distinct b.bin_id, p.serial_id from bin b cross join lateral unnest(b.pieces) as p (serial_id)
  ), edge as materialized (
    -- Each piece that a line names is a cell of one unit, and the rest of its bin another.
    select c.*, dense_rank() over (order by c.bin_id, c.serial_id) as cell, dense_rank() over (order by c.product_id, c.warehouse_id) as level,
           -- Who chooses after the claims is not in their way.
           case when candidates is null or c.claims then count(*) over (partition by c.bin_id, c.serial_id)
                else count(*) filter (where not c.claims) over (partition by c.bin_id, c.serial_id) end as lines_that_could
    from (
      select b.*, p.serial_id, 1 as units from bin b cross join lateral unnest(b.pieces) as p (serial_id)
      union all
      select b.*, p.serial_id, 1 from bin b join piece p on p.bin_id = b.bin_id where b.pieces is null
      union all
      select b.*, null, b.free - coalesce(p.pieces, 0)
      from bin b
      left join (select k.bin_id, count(*) as pieces from piece k group by k.bin_id) as p on p.bin_id = b.bin_id
      where b.pieces is null) as c
  ), candidate as materialized (
    select c.product_id, c.warehouse_id, c.available, c.place from unnest(candidates) as c where c.active
  ), ordered as materialized (
    select p.bin_id, p.start
    from (select distinct b.product_id, b.warehouse_id from bin b) as k
    cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as p
  ), preferred as materialized (
    select e.*, row_number() over (order by e.turn, e.lines_that_could, case when not e.claims then c.place end, e.warehouse_id, o.start nulls last, e.bin_id,
                                            e.serial_id nulls first) as place
    from edge e
    left join candidate c on c.product_id = e.product_id and c.warehouse_id = e.warehouse_id
    left join ordered o on o.bin_id = e.bin_id
    where candidates is null or e.claims or c.place is not null
  )
  select array(select l.qty from line l order by l.turn) as wanted,
         case when candidates is not null then 1 + (select count(*) from line l where l.claims) end as bounded_from,
         array(select min(e.units) from edge e group by e.cell order by e.cell) as cells,
         array(select min(e.level)::integer from edge e group by e.cell order by e.cell) as cell_levels,
         array(select min(c.available)
               from edge e left join candidate c on c.product_id = e.product_id and c.warehouse_id = e.warehouse_id group by e.level order by e.level) as available,
         array_agg(p.turn::integer order by p.place) as edge_lines, array_agg(p.cell::integer order by p.place) as edge_cells,
         array_agg(row(p.line, p.product_id, p.warehouse_id, p.bin_id, p.turn, case when p.named and p.serial_id is not null then array[p.serial_id] end)::openstock_core.pick
                   order by p.place) as picks
  into graph
  from preferred p;
  return array(
    select row(p.line, p.product_id, p.warehouse_id, p.bin_id, trim_scale(sum(p.units)),
               array_agg(p.serial_ids[1]) filter (where p.serial_ids is not null))::openstock_core.pick
    from rows from (
      unnest(graph.picks),
      unnest(openstock_core.share_units(graph.wanted, graph.cells, graph.cell_levels, graph.available, graph.bounded_from::integer, graph.edge_lines, graph.edge_cells))
    ) with ordinality as p (line, product_id, warehouse_id, bin_id, turn, serial_ids, units, place)
    where p.units > 0
    group by p.turn, p.line, p.product_id, p.warehouse_id, p.bin_id
    order by min(p.place));
end
$$;

revoke all on function openstock_core.plan_pins from public;
grant execute on function openstock_core.plan_pins to openstock_api;
comment on function openstock_core.plan_pins is
  'Units of these bins (of any, where null) for the lines that ask for certain ones, no more of a warehouse than it is a candidate for (null: as much as there is), with what the caller is about to free in them; '
  'reservation_line_id of a pick is the line''s number, and serial_ids are the pieces where the line names some. taken: units that the caller takes of bins, which '
  'it does not name; with the line 0, their serial_ids say which of the pieces that lines name these are.';

reset role;

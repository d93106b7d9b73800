-- Shares units in cells (bins, or pieces of them) out to lines that not all cells will do for. Each line in turn takes from the cells that it prefers; one that comes up
-- short looks, breadth first, for a way to have others use other cells that will do for them as well (an augmenting path, as by Edmonds and Karp). So each gets the most
-- that it can have beside what those before it get, and nobody gets less for another's sake. Where lines are bounded by their levels, whoever leaves a level makes
-- room there for others. What a line could not get past in vain, nobody can later: such cells are closed.
set local role openstock_owner;

create or replace function openstock_core.share_units(
  wanted numeric[], cells numeric[], cell_levels integer[], available numeric[], bounded_from integer, edge_lines integer[], edge_cells integer[])
returns numeric[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  edges constant integer := coalesce(cardinality(edge_lines), 0);
  units numeric[] := array_fill(0::numeric, array[edges]);
  first_edge integer[] := array_fill(null::integer, array[coalesce(cardinality(wanted), 0)]);
  first_in_cell integer[]; after_in_cell integer[] := array_fill(null::integer, array[edges]);
  first_in_level integer[]; after_in_level integer[] := after_in_cell;
  cell_seen integer[]; level_seen integer[]; line_seen integer[]; came_by integer[]; gave integer[]; for_cell integer[];
  closed boolean[];
  queue integer[]; found integer; search integer := 0;
  bounded boolean; need numeric; qty numeric;
  c integer; e integer; g integer; n integer; k integer; l integer; head integer;
begin
  for i in reverse edges .. 1 loop
    c := edge_cells[i];
    l := cell_levels[c];
    first_edge[edge_lines[i]] := i;
    after_in_cell[i] := first_in_cell[c];
    first_in_cell[c] := i;
    after_in_level[i] := first_in_level[l];
    first_in_level[l] := i;
  end loop;
  for line in 1 .. coalesce(cardinality(wanted), 0) loop
    need := wanted[line];
    bounded := coalesce(line >= bounded_from, false);
    e := first_edge[line];
    while need > 0 and edge_lines[e] = line loop
      c := edge_cells[e];
      qty := least(need, cells[c], case when bounded then available[cell_levels[c]] end);
      if qty > 0 then
        units[e] := qty;
        need := need - qty;
        cells[c] := cells[c] - qty;
        if bounded then
          available[cell_levels[c]] := available[cell_levels[c]] - qty;
        end if;
      end if;
      e := e + 1;
    end loop;

    while need > 0 loop
      search := search + 1;
      queue := array[line];
      line_seen[line] := search;
      head := 1;
      found := null;
      while found is null and head <= cardinality(queue) loop
        n := queue[head];
        head := head + 1;
        e := first_edge[n];
        while edge_lines[e] = n loop
          c := edge_cells[e];
          l := cell_levels[c];
          if closed[c] is null and cell_seen[c] is distinct from search then
            cell_seen[c] := search;
            came_by[c] := e;
            if cells[c] > 0 and (not bounded or available[l] > 0) then
              found := c;
              exit;
            end if;
            -- Who has units here might have others; where there are some, but the level is used up, whoever has any there: of a claim, which stays in its level, others there.
            g := case when cells[c] = 0 then first_in_cell[c] when level_seen[l] is distinct from search then first_in_level[l] end;
            if cells[c] > 0 then
              level_seen[l] := search;
            end if;
            while g is not null loop
              k := edge_lines[g];
              if units[g] > 0 and line_seen[k] is distinct from search then
                line_seen[k] := search;
                gave[k] := g;
                for_cell[k] := c;
                queue := queue || k;
              end if;
              g := case when cells[c] = 0 then after_in_cell[g] else after_in_level[g] end;
            end loop;
          end if;
          e := e + 1;
        end loop;
      end loop;

      if found is null then
        for i in 1 .. cardinality(cells) loop
          if cell_seen[i] = search then
            closed[i] := true;
          end if;
        end loop;
        exit;
      end if;
      qty := least(need, cells[found], case when bounded then available[cell_levels[found]] end);
      c := found;
      n := edge_lines[came_by[c]];
      while n <> line loop
        c := for_cell[n];
        -- Who leaves a level leaves another cell, and this one has to have the units itself.
        qty := least(qty, units[gave[n]], nullif(cells[c], 0));
        n := edge_lines[came_by[c]];
      end loop;
      cells[found] := cells[found] - qty;
      if bounded then
        available[cell_levels[found]] := available[cell_levels[found]] - qty;
      end if;
      c := found;
      loop
        e := came_by[c];
        n := edge_lines[e];
        units[e] := units[e] + qty;
        exit when n = line;
        g := gave[n];
        units[g] := units[g] - qty;
        c := for_cell[n];
        cells[edge_cells[g]] := cells[edge_cells[g]] + qty;
        cells[c] := cells[c] - qty;
      end loop;
      need := need - qty;
    end loop;
  end loop;
  return units;
end
$$;

revoke all on function openstock_core.share_units from public;
grant execute on function openstock_core.share_units to openstock_api;
comment on function openstock_core.share_units is
  'Units per edge. wanted: units per line, in the order in which they choose; cells: units in each, and parallel to them their levels; available: units per level for '
  'all lines from bounded_from on together (null: no line is bounded). Edges say which cells will do for which line (by line, what it prefers first); parallel arrays.';

reset role;

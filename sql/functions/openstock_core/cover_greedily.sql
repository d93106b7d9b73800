-- Chooses warehouses one after the other: always the one that serves the largest share of what is left for its cost, summed over the
-- products (V. Chvatal, "A greedy heuristic for the set-covering problem", Mathematics of Operations Research 4, 1979). Then leaves out,
-- the dearest first, what those that were chosen later make superfluous.
set local role openstock_owner;

create or replace function openstock_core.cover_greedily(needs openstock_core.pick[], offers openstock_core.candidate[]) returns bigint[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  lacking numeric[] := array(select n.qty from unnest(needs) as n);
  chosen bigint[] := array[]::bigint[];
  best bigint;
begin
  loop
    select o.warehouse_id into best
    from unnest(offers) as o
    join rows from (unnest(needs), unnest(lacking)) as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, lacking)
      on n.product_id = o.product_id
    where n.lacking > 0 and o.warehouse_id <> all (chosen)
    group by o.warehouse_id, o.shipping_cost, o.priority, o.code
    order by sum(least(o.available, n.lacking) / n.qty) / greatest(o.shipping_cost, 0.000001) desc, o.priority, o.code
    limit 1;
    exit when best is null;
    chosen := chosen || best;
    lacking := array(
      select greatest(n.lacking - coalesce(o.available, 0), 0)
      from rows from (unnest(needs), unnest(lacking)) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, lacking, place)
      left join unnest(offers) as o on o.product_id = n.product_id and o.warehouse_id = best
      order by n.place);
  end loop;

  loop
    select o.warehouse_id into best
    from unnest(offers) as o
    join (select n.product_id, sum(f.available) - n.qty as spare
          from unnest(needs) as n join unnest(offers) as f on f.product_id = n.product_id
          where f.warehouse_id = any (chosen)
          group by n.product_id, n.qty) as s on s.product_id = o.product_id
    where o.warehouse_id = any (chosen)
    group by o.warehouse_id, o.shipping_cost, o.priority, o.code
    having bool_and(o.available <= s.spare)
    order by o.shipping_cost desc, o.priority desc, o.code desc
    limit 1;
    exit when best is null;
    chosen := array_remove(chosen, best);
  end loop;
  return chosen;
end
$$;

revoke all on function openstock_core.cover_greedily from public;
grant execute on function openstock_core.cover_greedily to openstock_api;
comment on function openstock_core.cover_greedily is
  'Warehouses that serve these needs as far as any can, none of them without need, in the order in which they were chosen. shipping_cost of an offer is what choosing its warehouse costs.';

reset role;

-- Chooses warehouses one after the other: always the one that serves the largest share of what is left for its cost, summed over the
-- products (V. Chvatal, "A greedy heuristic for the set-covering problem", Mathematics of Operations Research 4, 1979).
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
  return chosen;
end
$$;

revoke all on function openstock_core.cover_greedily from public;
grant execute on function openstock_core.cover_greedily to openstock_api;
comment on function openstock_core.cover_greedily is
  'Warehouses that serve these needs as far as any can, in the order in which they were chosen. shipping_cost of an offer is what choosing its warehouse costs.';

reset role;

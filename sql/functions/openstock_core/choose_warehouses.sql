-- Chooses the warehouses that an order is sent from. One that a line names sends anyway: it costs nothing more, and is chosen first.
-- Which set of the others is the cheapest is a set cover problem, for which no fast exact method is known: it is the best one or two of them, where
-- few enough have any of the goods to try, or those found greedily, whichever costs less.
set local role openstock_owner;

create or replace function openstock_core.choose_warehouses(
  lines openstock_core.order_line[], candidates openstock_core.candidate[], strategy text)
returns bigint[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  named constant bigint[] := array(
    -- Also where the product never was, and the warehouse is no candidate.
    select u.warehouse_id from unnest(lines) as u left join unnest(candidates) as c on c.warehouse_id = u.warehouse_id
    where u.warehouse_id is not null group by u.warehouse_id, c.priority, c.code order by c.priority, c.code);
  offers openstock_core.candidate[];
  needs openstock_core.pick[];
  chosen bigint[];
  best bigint[];
begin
  if exists (select from unnest(lines) as u where u.warehouse_id is null and num_nonnulls(u.lot_id, u.min_days_left, u.serial_ids) > 0) then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'strategy', 'value', strategy, 'problem', 'lines that ask for a lot, days left or serials must name a warehouse'));
  end if;
  -- What lines that name a warehouse leave there. An unknown cost is dearer than any that is known.
  offers := array(
    select row(c.product_id, c.warehouse_id, c.code, c.priority, true, c.available - coalesce(u.qty, 0), null,
               case strategy when 'least_cost' then coalesce(c.shipping_cost, 999999999999) else 1 end, null)::openstock_core.candidate
    from unnest(candidates) as c
    left join (select u.product_id, u.warehouse_id, sum(u.qty) as qty from unnest(lines) as u group by 1, 2) as u
      on u.product_id = c.product_id and u.warehouse_id = c.warehouse_id
    where c.active and c.available > coalesce(u.qty, 0));
  needs := array(
    select row(null, u.product_id, null, null, u.qty - coalesce(o.units, 0), null)::openstock_core.pick
    from (select u.product_id, sum(u.qty) as qty from unnest(lines) as u where u.warehouse_id is null group by 1) as u
    left join (select o.product_id, sum(o.available) as units from unnest(offers) as o where o.warehouse_id = any (named) group by 1) as o
      on o.product_id = u.product_id
    where u.qty > coalesce(o.units, 0));
  offers := array(select o from unnest(offers) as o where o.warehouse_id <> all (named));

  if strategy = 'ship_complete' and cardinality(named) > 0 then
    return case when cardinality(named) = 1 and cardinality(needs) = 0 then named else '{}' end;
  elsif strategy = 'ship_complete' then
    return array(
      select o.warehouse_id from unnest(offers) as o join unnest(needs) as n on n.product_id = o.product_id and n.qty <= o.available
      group by o.warehouse_id, o.priority, o.code having count(*) = cardinality(needs)
      order by o.priority, o.code limit 1);
  end if;

  chosen := openstock_core.cover_greedily(needs, offers);
  if cardinality(chosen) > 1 and 50 >= (select count(distinct o.warehouse_id) from unnest(offers) as o) then
    best := openstock_core.cover_with_two(needs, offers);
  end if;
  select s.ids into chosen
  -- Without such two, best is null, and its cost: it comes last.
  from (values (best, 1), (chosen, 2)) as s (ids, rank)
  order by (select sum(c.cost) from (select distinct o.warehouse_id, o.shipping_cost as cost from unnest(offers) as o
                                     where o.warehouse_id = any (s.ids)) as c), s.rank
  limit 1;
  return named || chosen;
end
$$;

revoke all on function openstock_core.choose_warehouses from public;
grant execute on function openstock_core.choose_warehouses to openstock_api;
comment on function openstock_core.choose_warehouses is
  'The warehouses to ask, in order, by strategy: ship_complete (the first by priority that can send all, or none), fewest_splits (each costs the same) or '
  'least_cost (each its shipping cost). Errors: 22023.';

reset role;

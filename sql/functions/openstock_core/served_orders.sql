-- Says which orders get something of what was found for them; or which are to be tried next, until each of them gets everything. Reads: reservation_line.
set local role openstock_owner;

create or replace function openstock_core.served_orders(
  tenant uuid, order_ids bigint[], needs openstock_core.pick[], picks openstock_core.pick[], whole_only boolean)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  free numeric[];
  wanted record;
  freed bigint[] := array[]::bigint[];
  served bigint[] := array[]::bigint[];
begin
  if whole_only is not true then
    return array(
      select distinct l.reservation_id
      from unnest(picks) as p
      join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id);
  end if;
  -- For lines that any units will do for: of a product that is not short, as much was found as is needed; of others, all that there is. What lines that ask
  -- for certain units leave is no more, since they keep a claim on it.
  free := array(
    select coalesce((
      select sum(p.qty) from unnest(picks) as p
      join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
      where p.product_id = n.product_id and num_nonnulls(l.location_id, l.lot_id, l.min_days_left, l.serial_ids) = 0), 0)
    from unnest(needs) as n group by n.product_id order by n.product_id);
  for wanted in
    select o.reservation_id, array_agg(o.place) as places, array_agg(o.qty) as units,
           array_agg(o.place) filter (where o.lacks) as lacking, array_agg(o.place) filter (where o.certain > 0) as taken
    from (select l.reservation_id, dense_rank() over (order by n.product_id) as place, coalesce(sum(n.qty) filter (where not c.certain), 0) as qty,
                 sum(p.qty) filter (where c.certain) as certain, bool_or(c.certain and n.qty > coalesce(p.qty, 0)) as lacks
          from unnest(needs) as n
          join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = n.reservation_line_id
          cross join lateral (select num_nonnulls(l.location_id, l.lot_id, l.min_days_left, l.serial_ids) > 0 as certain) as c
          left join (select u.reservation_line_id, sum(u.qty) as qty from unnest(picks) as u group by 1) as p
            on p.reservation_line_id = n.reservation_line_id
          group by l.reservation_id, n.product_id) as o
    group by o.reservation_id
    order by array_position(order_ids, o.reservation_id)
  loop
    if not (select bool_and(free[u.place] >= u.qty) from unnest(wanted.places, wanted.units) as u (place, qty)) then
      freed := freed || wanted.taken;
    elsif wanted.lacking is null then
      for i in 1 .. cardinality(wanted.places) loop
        free[wanted.places[i]] := free[wanted.places[i]] - wanted.units[i];
      end loop;
      served := served || wanted.reservation_id;
    elsif wanted.lacking && freed then
      -- What an order before it leaves may be the certain units that it lacks.
      served := served || wanted.reservation_id;
    else
      freed := freed || wanted.taken;
    end if;
  end loop;
  return served;
end
$$;

revoke all on function openstock_core.served_orders from public;
grant execute on function openstock_core.served_orders to openstock_api;
comment on function openstock_core.served_orders is
  'The orders that get something of these picks at one warehouse; or those that can get all they need, where each order that cannot leaves what there is to '
  'those behind it.';

reset role;

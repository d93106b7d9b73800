-- Lowers lines of kits to the whole kits that stock allows: line by line, those that name a warehouse first, as plan_reservation serves them. What a
-- line cannot use, since another component is short, is there for the next. An amended line may ask for a part of a kit, which makes up its last one.
set local role openstock_owner;

create or replace function openstock_core.fit_kits(lines openstock_core.order_line[], candidates openstock_core.candidate[])
returns openstock_core.order_line[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  products bigint[];
  warehouses bigint[];
  free numeric[];
  wish record;
  units numeric;
  left_over numeric;
  used numeric;
  fitted numeric[] := array[]::numeric[];
begin
  -- A place of stock is a product at a warehouse, or all that there is of it. Aggregates without an order of their own see the rows in the same one.
  select array_agg(s.product_id), array_agg(s.warehouse_id), array_agg(s.units)
  into products, warehouses, free
  from (
    select c.product_id, c.warehouse_id, sum(c.available) as units
    from unnest(candidates) as c
    where c.active and c.available > 0 and c.place is not null
    group by grouping sets ((c.product_id), (c.product_id, c.warehouse_id))) as s;

  for wish in
    with place as materialized (
      select p.* from unnest(products, warehouses) with ordinality as p (product_id, warehouse_id, n)
    )
    select array_agg(u.n) as parts, min(u.qty / coalesce(u.kit_qty, 1)) as units, bool_or(u.kit_id is not null) as whole,
           array_agg(u.qty) as qty, array_agg(coalesce(u.kit_qty, 1)) as each, array_agg(a.n) as anywhere, array_agg(h.n) as here,
           u.warehouse_id is not null as named
    from unnest(lines) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    left join place a on a.product_id = u.product_id and a.warehouse_id is null
    left join place h on h.product_id = u.product_id and h.warehouse_id = u.warehouse_id
    group by u.line, coalesce(u.kit_id, u.product_id), u.warehouse_id
    order by u.warehouse_id is null, min(u.n)
  loop
    units := wish.units;
    for i in 1 .. cardinality(wish.parts) loop
      left_over := coalesce(free[case when wish.named then wish.here[i] else wish.anywhere[i] end], 0);
      continue when left_over >= wish.qty[i];
      units := least(units, case when wish.whole then div(left_over, wish.each[i]) else left_over end);
    end loop;
    for i in 1 .. cardinality(wish.parts) loop
      used := case when units = wish.units then wish.qty[i] else units * wish.each[i] end;
      if units > 0 then
        free[wish.anywhere[i]] := free[wish.anywhere[i]] - used;
      end if;
      if units > 0 and wish.named then
        free[wish.here[i]] := free[wish.here[i]] - used;
      end if;
      fitted[wish.parts[i]] := case when wish.whole then trim_scale(used) end;
    end loop;
  end loop;
  return array(
    select row(u.line, u.sku, u.product_id, u.warehouse_id, coalesce(fitted[u.n], u.qty), u.location_id, u.lot_id, u.min_days_left, u.kit_id,
               u.kit_qty, u.serial_ids)::openstock_core.order_line
    from unnest(lines) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    where coalesce(fitted[u.n], u.qty) > 0
    order by u.n);
end
$$;

revoke all on function openstock_core.fit_kits from public;
grant execute on function openstock_core.fit_kits to openstock_api;
comment on function openstock_core.fit_kits is 'The lines, those of kits with as many kits as all components allow; the others as they are.';

reset role;

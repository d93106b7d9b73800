-- Says which locked level fills how much of which backorder. Reads: backorder, reservation, stock_level, warehouse, channel, channel_quota.
-- One after the other in the queue's order, which no set of intervals keeps where some name a warehouse and some do not. Those whose order is
-- in use keep their units: nobody behind them gets these. One of a sales channel uses its quota first, and then what anyone can have.
set local role openstock_owner;

create or replace function openstock_core.plan_fill(tenant uuid, levels openstock_core.level_key[], mine bigint[])
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  waiting record;
  supply record;
  free numeric[];
  units numeric;
  kept jsonb;
  own numeric;
  picks openstock_core.pick[] := array[]::openstock_core.pick[];
begin
  for waiting in
    select b.backorder_id, b.product_id, b.warehouse_id, b.backordered::numeric as qty,
           b.channel_id, c.uses_safety_stock,
           row_number() over (partition by b.product_id order by r.priority desc, b.queued_at, b.backorder_id) as place
    from openstock_core.backorder b
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = b.reservation_id
    left join openstock_core.channel c on c.tenant_id = tenant and c.channel_id = b.channel_id
    where b.tenant_id = tenant and b.product_id in (select k.product_id from unnest(levels) as k) and b.backordered > 0 and b.expires_at is null
    order by b.product_id, place
  loop
    if waiting.place = 1 then
      select array_agg(l.warehouse_id order by w.priority, w.code) as places, array_agg(l.available order by w.priority, w.code) as free,
             array_agg(l.safety_stock::numeric order by w.priority, w.code) as safety
      into supply
      from unnest(levels) as k
      join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
      join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id and w.active
      where k.product_id = waiting.product_id and (l.available > 0 or l.fenced > 0 or l.safety_stock > 0);
      free := supply.free;
      kept := '{}';
    end if;
    for i in 1 .. coalesce(cardinality(free), 0) loop
      continue when waiting.warehouse_id <> supply.places[i];
      own := 0;
      if waiting.channel_id is not null then
        own := coalesce((kept ->> format('%s %s', waiting.channel_id, i))::numeric, openstock_core.units_kept(
          tenant, waiting.channel_id, false, waiting.product_id, supply.places[i], null));
      end if;
      units := least(waiting.qty, free[i] + own + case when waiting.uses_safety_stock then supply.safety[i] else 0 end);
      if units > 0 then
        free[i] := free[i] - greatest(units - own, 0);
        if own > 0 then
          kept := kept || jsonb_build_object(format('%s %s', waiting.channel_id, i), greatest(own - units, 0));
        end if;
        waiting.qty := waiting.qty - units;
        if waiting.backorder_id = any (mine) then
          picks := picks || row(waiting.backorder_id, waiting.product_id, supply.places[i], null, trim_scale(units), null)::openstock_core.pick;
        end if;
      end if;
    end loop;
  end loop;
  return picks;
end
$$;

revoke all on function openstock_core.plan_fill from public;
grant execute on function openstock_core.plan_fill to openstock_api;
comment on function openstock_core.plan_fill is
  'Picks whose reservation_line_id is a backorder''s id, in the order of the queue: priority, then age; a part of one where stock ends.';

reset role;

-- Says what warehouses could promise of products, and in which order they are asked. Reads: stock_level, warehouse, for a sales channel
-- channel_quota, and where something is due what ended_units reads.
set local role openstock_owner;

create or replace function openstock_core.find_candidates(
  tenant uuid, lines openstock_core.order_line[], keys openstock_core.level_key[], sourcing openstock_core.sourcing, freed openstock_core.pick[],
  at timestamptz, only_as_many boolean)
returns openstock_core.candidate[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  ended openstock_core.pick[] := coalesce(freed, array[]::openstock_core.pick[]);
  candidates openstock_core.candidate[];
  chosen bigint[];
begin
  if at is not null then
    ended := ended || openstock_core.ended_units(tenant, keys, at, sourcing.channel_id, case when only_as_many and sourcing.strategy <> 'most_stock' then array(
      select row(null, u.product_id, null, null, u.qty, null)::openstock_core.pick from unnest(lines) as u) end);
  end if;
  candidates := array(
    select row(c.product_id, c.warehouse_id, c.code, c.priority, c.active, c.available, c.distance_km, c.shipping_cost, row_number() over (
      partition by c.product_id
      order by case sourcing.strategy when 'most_stock' then -c.available when 'nearest' then c.distance_km::numeric end nulls last,
               c.priority, c.code))::openstock_core.candidate
    from (
      select k.product_id, k.warehouse_id, w.code, w.priority, w.active,
             -- As units_kept says it, which would be a statement for each.
             greatest(coalesce(l.available, 0) + coalesce(q.qty, 0) + case when sourcing.uses_safety_stock then coalesce(l.safety_stock, 0) else 0 end
                      + coalesce(e.qty, 0), 0) as available,
             openstock_core.distance_km(w.latitude, w.longitude, sourcing.latitude, sourcing.longitude) as distance_km,
             coalesce((w.shipping_cost_by_zone ->> sourcing.zone)::numeric, w.shipping_cost) as shipping_cost
      from unnest(keys) as k
      cross join lateral (select * from openstock_core.warehouse s where s.tenant_id = tenant and s.warehouse_id = k.warehouse_id limit 1) as w
      left join lateral (select * from openstock_core.stock_level s where s.tenant_id = tenant and s.product_id = k.product_id
                           and s.warehouse_id = k.warehouse_id limit 1) as l on true
      left join lateral (select * from openstock_core.channel_quota s where s.tenant_id = tenant and s.product_id = k.product_id
                           and s.warehouse_id = k.warehouse_id and s.channel_id = sourcing.channel_id limit 1) as q on true
      left join (select u.product_id, u.warehouse_id, sum(u.qty) as qty from unnest(ended) as u group by 1, 2) as e
        on e.product_id = k.product_id and e.warehouse_id = k.warehouse_id
    ) as c);
  if sourcing.strategy in ('least_cost', 'fewest_splits', 'ship_complete') then
    chosen := openstock_core.choose_warehouses(lines, candidates, sourcing.strategy);
    candidates := array(
      select row(c.product_id, c.warehouse_id, c.code, c.priority, c.active, c.available, c.distance_km, c.shipping_cost,
                 array_position(chosen, c.warehouse_id))::openstock_core.candidate
      from unnest(candidates) as c);
  end if;
  return candidates;
end
$$;

revoke all on function openstock_core.find_candidates from public;
grant execute on function openstock_core.find_candidates to openstock_api;
comment on function openstock_core.find_candidates is
  'Per product and warehouse what could be promised, to the channel if there is one, and its place by the strategy: null where that does not choose it. freed: what the caller adds to levels. at: the moment by which '
  'lots and holds have ended, booked or not; null where nothing is due. only_as_many: units of ended holds are counted as far as the lines may need and the strategy looks at them.';

reset role;

-- What can be promised of a product now. Reads: product, warehouse, what openstock.stock and openstock.kits read, and for a sales channel what
-- openstock.quotas reads.
set local role openstock_api;

create or replace function openstock.availability(sku text, warehouse text default null, channel text default null, tenant uuid default null)
returns setof openstock.stock
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  wanted constant text := openstock_core.check_text('sku', 'code!', sku);
  place constant text := openstock_core.check_text('warehouse', 'code', warehouse);
  seller openstock_core.channel;
  is_kit boolean;
  is_sold boolean;
begin
  select p.is_kit, p.active and not exists (
           select from openstock_core.kit_component i
           join openstock_core.product c on c.tenant_id = acting and c.product_id = i.component_id
           where i.tenant_id = acting and i.kit_id = p.product_id and not c.active)
  into is_kit, is_sold
  from openstock_core.product p where p.tenant_id = acting and p.sku = wanted;
  if not found then
    perform openstock_core.fail('OS101', jsonb_build_object('sku', wanted));
  end if;
  if place is not null then
    perform openstock_core.find_warehouse(acting, place, false);
  end if;
  if channel is not null then
    seller := openstock_core.find_channel(acting, channel);
  end if;
  if is_kit or channel is not null then
    return query
    with part as materialized (
      -- What is no kit has no components, and a kit itself no stock.
      select i.component as sku, i.qty, count(*) over () as parts from openstock.kits i where i.sku = wanted
      union all
      select wanted, 1, 1
    ), level as materialized (
      select s.*, is_sold and w.active as is_open, case when seller.code is null then s.available else greatest(
               s.available + coalesce(q.qty, 0) + case when seller.uses_safety_stock then s.safety_stock else 0 end, 0) end as free
      from openstock.stock s
      cross join lateral (select p.active from openstock_core.warehouse p where p.tenant_id = acting and p.code = s.warehouse limit 1) as w
      left join openstock.quotas q on q.channel = seller.code and q.sku = s.sku and q.warehouse = s.warehouse
      where s.sku = any (array(select p.sku from part p)) and (place is null or s.warehouse = place)
    )
    select wanted, l.warehouse, l.on_hand, l.blocked, l.reserved, l.safety_stock, l.fenced,
           case when l.is_open then l.free else least(l.free, 0) end, l.version, l.last_recorded_at
    from level l where not is_kit
    union all
    select wanted, l.warehouse, case when count(*) = p.parts then min(div(l.on_hand, p.qty)) else 0 end, 0, 0, 0, 0,
           case when count(*) = p.parts and bool_and(l.is_open) then min(greatest(div(l.free, p.qty), 0)) else 0 end, 0, max(l.last_recorded_at)
    from level l join part p on p.sku = l.sku
    where is_kit
    group by l.warehouse, p.parts
    order by 2;
    return;
  end if;
  return query
  select s.sku, s.warehouse, s.on_hand, s.blocked, s.reserved, s.safety_stock, s.fenced,
         case when is_sold and w.active then s.available else least(s.available, 0) end, s.version, s.last_recorded_at
  from openstock.stock s
  cross join lateral (select p.active from openstock_core.warehouse p where p.tenant_id = acting and p.code = s.warehouse limit 1) as w
  where s.sku = wanted and (place is null or s.warehouse = place)
  order by s.warehouse;
end
$$;

revoke all on function openstock.availability from public;
grant execute on function openstock.availability to openstock_app, openstock_analyst;
comment on function openstock.availability is
  'The product''s stock per warehouse, as in openstock.stock: no row where it was never stocked. available is what reserve can promise from there: nothing (0, or less after a loss) where the product '
  'or the warehouse is inactive. channel: available is then what can be promised to '
  'that sales channel, its quota and, if it may use it, the safety stock included, and never less than 0. Of a kit on_hand and available are the kits that could be put together '
  'there, by what its components have there (reserve may promise more, with components from several warehouses; 0 where any of them was never stocked; available is 0 too where any is inactive); the other balances are of components, and 0 here. Writes nothing. '
  'Errors: 22023, OS101, OS103, OS116, OS117.';

reset role;

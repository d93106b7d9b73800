-- What can be promised of a product now. Reads: what openstock.stock reads, and for a sales channel what openstock.quotas reads.
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
begin
  if not exists (select from openstock_core.product p where p.tenant_id = acting and p.sku = wanted) then
    perform openstock_core.fail('OS101', jsonb_build_object('sku', wanted));
  end if;
  if place is not null then
    perform openstock_core.find_warehouse(acting, place, false);
  end if;
  if channel is not null then
    seller := openstock_core.find_channel(acting, channel);
    return query
    select s.sku, s.warehouse, s.on_hand, s.blocked, s.reserved, s.safety_stock, s.fenced,
           greatest(s.available + coalesce(q.qty, 0) + case when seller.uses_safety_stock then s.safety_stock else 0 end, 0),
           s.version, s.last_recorded_at
    from openstock.stock s
    left join openstock.quotas q on q.channel = seller.code and q.sku = wanted and q.warehouse = s.warehouse
    where s.sku = wanted and (place is null or s.warehouse = place)
    order by s.warehouse;
    return;
  end if;
  return query
  select s.* from openstock.stock s
  where s.sku = wanted and (place is null or s.warehouse = place)
  order by s.warehouse;
end
$$;

revoke all on function openstock.availability from public;
grant execute on function openstock.availability to openstock_app, openstock_analyst;
comment on function openstock.availability is
  'The product''s stock per warehouse, as in openstock.stock: no row where it was never stocked. channel: available is then what can be promised to '
  'that sales channel, its quota and, if it may use it, the safety stock included, and never less than 0. Writes nothing. Errors: 22023, OS101, OS103, OS116, OS117.';

reset role;

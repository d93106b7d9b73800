-- What can be promised of a product now. Reads: what openstock.stock reads.
set local role openstock_api;

create or replace function openstock.availability(sku text, warehouse text default null, tenant uuid default null)
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
begin
  if not exists (select from openstock_core.product p where p.tenant_id = acting and p.sku = wanted) then
    perform openstock_core.fail('OS101', jsonb_build_object('sku', wanted));
  end if;
  if place is not null then
    perform openstock_core.find_warehouse(acting, place, false);
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
  'The product''s stock per warehouse, as in openstock.stock: no row where it was never stocked. Writes nothing. Errors: 22023, OS101, OS103.';

reset role;

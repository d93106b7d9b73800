-- Makes stock levels that are missing, with their product's safety stock. Writes: stock_level, product (its row, unchanged).
-- Locks: product by product_id. Rewriting its row makes a change of the product that cannot see the new level, from repeatable
-- read on, end in 40001 instead of overlooking it.
set local role openstock_owner;

create or replace function openstock_core.make_levels(tenant uuid, missing openstock_core.level_key[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from openstock_core.product p
  where p.tenant_id = tenant and p.product_id = any (array(select k.product_id from unnest(missing) as k))
  order by p.product_id
  for no key update;
  update openstock_core.product p set updated_at = p.updated_at
  where p.tenant_id = tenant and p.product_id = any (array(select k.product_id from unnest(missing) as k));

  insert into openstock_core.stock_level (tenant_id, product_id, warehouse_id, safety_stock)
  select tenant, k.product_id, k.warehouse_id, p.safety_stock
  from unnest(missing) as k
  join openstock_core.product p on p.tenant_id = tenant and p.product_id = k.product_id
  order by k.product_id, k.warehouse_id
  on conflict on constraint stock_level_pkey do nothing;
end
$$;

revoke all on function openstock_core.make_levels from public;
grant execute on function openstock_core.make_levels to openstock_api;
comment on function openstock_core.make_levels is 'Makes these stock levels, where nobody else has made them meanwhile.';

reset role;

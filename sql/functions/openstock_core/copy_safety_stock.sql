-- Brings the levels' safety stock in line with their products'. Writes: stock_level. Locks: stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.copy_safety_stock(tenant uuid, skus text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from openstock_core.product p
  join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = p.product_id
  where p.tenant_id = tenant and p.sku = any (skus) and l.safety_stock <> p.safety_stock
  order by l.product_id, l.warehouse_id
  for no key update of l;
  update openstock_core.stock_level l
  set safety_stock = p.safety_stock
  from openstock_core.product p
  where p.tenant_id = tenant and p.sku = any (skus)
    and l.tenant_id = tenant and l.product_id = p.product_id and l.safety_stock <> p.safety_stock;
end
$$;

revoke all on function openstock_core.copy_safety_stock from public;
grant execute on function openstock_core.copy_safety_stock to openstock_api;
comment on function openstock_core.copy_safety_stock is
  'Copies the products'' safety stock to their stock levels.';

reset role;

-- Brings the levels' safety stock in line with their products'. Writes: stock_level. Locks: stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.copy_safety_stock(tenant uuid, skus text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Looked up one by one: joined, product and stock_level may be read once for each other's rows.
  products constant bigint[] := array(
    select (select p.product_id from openstock_core.product p where p.tenant_id = tenant and p.sku = u.sku)
    from unnest(skus) as u (sku));
begin
  perform from openstock_core.stock_level l
  where l.tenant_id = tenant and l.product_id = any (products)
    and l.safety_stock <> (select p.safety_stock from openstock_core.product p
                           where p.tenant_id = tenant and p.product_id = l.product_id)
  order by l.product_id, l.warehouse_id
  for no key update;
  update openstock_core.stock_level l
  set safety_stock = (select p.safety_stock from openstock_core.product p
                      where p.tenant_id = tenant and p.product_id = l.product_id)
  where l.tenant_id = tenant and l.product_id = any (products)
    and l.safety_stock <> (select p.safety_stock from openstock_core.product p
                           where p.tenant_id = tenant and p.product_id = l.product_id);
end
$$;

revoke all on function openstock_core.copy_safety_stock from public;
grant execute on function openstock_core.copy_safety_stock to openstock_api;
comment on function openstock_core.copy_safety_stock is
  'Copies the products'' safety stock to their stock levels.';

reset role;

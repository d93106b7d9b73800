-- Brings the levels' safety stock in line with their products'. Writes: stock_level. Locks: stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.copy_safety_stock(tenant uuid, product_ids bigint[], safety_stocks numeric[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from unnest(product_ids, safety_stocks) as k (product_id, safety_stock)
  join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id
  where l.safety_stock <> k.safety_stock
  order by l.product_id, l.warehouse_id
  for no key update of l;
  update openstock_core.stock_level l
  set safety_stock = k.safety_stock
  from unnest(product_ids, safety_stocks) as k (product_id, safety_stock)
  where l.tenant_id = tenant and l.product_id = k.product_id and l.safety_stock <> k.safety_stock;
end
$$;

revoke all on function openstock_core.copy_safety_stock from public;
grant execute on function openstock_core.copy_safety_stock to openstock_api;
comment on function openstock_core.copy_safety_stock is
  'Copies the safety stock of these products to their stock levels.';

reset role;

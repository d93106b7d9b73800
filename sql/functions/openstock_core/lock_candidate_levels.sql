-- Locks all levels that may serve an order's lines. Locks: stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.lock_candidate_levels(tenant uuid, op_id text, lines openstock_core.order_line[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  products bigint[];
  warehouses bigint[];
begin
  select array_agg(l.product_id), array_agg(l.warehouse_id) into products, warehouses
  from (select distinct u.product_id, u.warehouse_id from unnest(lines) as u) as u
  join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = u.product_id
    and l.warehouse_id = coalesce(u.warehouse_id, l.warehouse_id)
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id and w.active;
  perform openstock_core.lock_levels(tenant, op_id, products, warehouses, false);
end
$$;

revoke all on function openstock_core.lock_candidate_levels from public;
grant execute on function openstock_core.lock_candidate_levels to openstock_api;
comment on function openstock_core.lock_candidate_levels is
  'Locks the levels of the lines'' products at the warehouses they name, or at all active ones.';

reset role;

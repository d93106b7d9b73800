-- Locks all levels that may serve an order's lines, and books what is due there; also at warehouses that are not active: one that
-- opens meanwhile would have to be locked out of order. Writes: what book_due writes.
-- Locks: stock_level by (product, warehouse), stock_bin by bin_id (where something is due).
set local role openstock_owner;

create or replace function openstock_core.lock_candidate_levels(tenant uuid, op_id text, lines openstock_core.order_line[])
returns openstock_core.level_key[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  keys openstock_core.level_key[];
  due openstock_core.due;
begin
  keys := array(
    select distinct row(l.product_id, l.warehouse_id)::openstock_core.level_key as key
    from unnest(lines) as u
    join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = u.product_id
      and l.warehouse_id = coalesce(u.warehouse_id, l.warehouse_id)
    order by key);
  due := openstock_core.lock_levels(tenant,
    array(select k.product_id from unnest(keys) as k), array(select k.warehouse_id from unnest(keys) as k), false);
  perform openstock_core.lock_bins(tenant, due.bin_ids);
  perform openstock_core.book_due(tenant, op_id, due);
  return keys;
end
$$;

revoke all on function openstock_core.lock_candidate_levels from public;
grant execute on function openstock_core.lock_candidate_levels to openstock_api;
comment on function openstock_core.lock_candidate_levels is
  'Locks the levels of the lines'' products at the warehouses they name, or at all, and returns which: no other may be promised from.';

reset role;

-- Locks the stock levels that a call may write, all at once and in the one order, and books what has expired there.
-- Writes: stock_level (missing rows, where asked); through block_expired_lots also ledger, stock_bin, allocation.
-- Locks: product by product_id (where a level is missing), stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.lock_levels(
  tenant uuid, op_id text, product_ids bigint[], warehouse_ids bigint[], make_missing boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  missing openstock_core.level_key[];
  due boolean;
begin
  if make_missing then
    missing := array(
      select distinct row(u.product_id, u.warehouse_id)::openstock_core.level_key
      from unnest(product_ids, warehouse_ids) as u (product_id, warehouse_id)
      where not exists (select from openstock_core.stock_level l
                        where l.tenant_id = tenant and l.product_id = u.product_id and l.warehouse_id = u.warehouse_id));
    if cardinality(missing) > 0 then
      perform openstock_core.make_levels(tenant, missing);
    end if;
  end if;

  select bool_or(locked.next_block_at <= openstock.server_time()) into due
  from (
    select l.next_block_at
    from (select distinct * from unnest(product_ids, warehouse_ids) as u (product_id, warehouse_id)) as k
    cross join lateral (
      select * from openstock_core.stock_level s
      where s.tenant_id = tenant and s.product_id = k.product_id and s.warehouse_id = k.warehouse_id
    ) as l
    order by k.product_id, k.warehouse_id
    for no key update of l
  ) as locked;

  if due then
    perform openstock_core.block_expired_lots(tenant, op_id, product_ids, warehouse_ids);
  end if;
end
$$;

revoke all on function openstock_core.lock_levels from public;
grant execute on function openstock_core.lock_levels to openstock_api;
comment on function openstock_core.lock_levels is
  'Locks stock levels in order of product and warehouse, first making the missing ones where asked, and blocks units of lots that expired there.';

reset role;

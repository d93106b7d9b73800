-- Locks the stock levels that a call may write, all at once and in the one order, and says which lots have to be booked there as
-- expired, and from when on holds. The caller locks their bins together with its own, by bin_id, and then calls book_due().
-- Writes: stock_level (missing rows, where asked).
-- Locks: product by product_id (where a level is missing), stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.lock_levels(
  tenant uuid, keys openstock_core.level_key[], make_missing boolean)
returns openstock_core.due
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  missing openstock_core.level_key[];
  locked record;
  due openstock_core.due;
begin
  if make_missing then
    missing := array(
      select distinct row(u.product_id, u.warehouse_id)::openstock_core.level_key
      from unnest(keys) as u
      where not exists (select from openstock_core.stock_level l
                        where l.tenant_id = tenant and l.product_id = u.product_id and l.warehouse_id = u.warehouse_id));
    if cardinality(missing) > 0 then
      perform openstock_core.make_levels(tenant, missing);
    end if;
  end if;

  select array_agg(row(l.product_id, l.warehouse_id)::openstock_core.level_key) as levels, array_agg(l.next_block_at) as block_at,
         min(l.next_expiry_at) as expiry_at
  into locked
  from (
    select l.product_id, l.warehouse_id, l.next_block_at, l.next_expiry_at
    from (select distinct u.product_id, u.warehouse_id from unnest(keys) as u) as k
    cross join lateral (
      select * from openstock_core.stock_level s
      where s.tenant_id = tenant and s.product_id = k.product_id and s.warehouse_id = k.warehouse_id
    ) as l
    order by k.product_id, k.warehouse_id
    for no key update of l
  ) as l;
  -- Read when the locks are held: it may have waited long for them.
  due := row(openstock.server_time(), '{}', '{}', '{}', '{}', '{}', locked.expiry_at);
  if due.at < all (locked.block_at) is not false then
    return due;
  end if;
  due.levels := array(
    select row(u.product_id, u.warehouse_id)::openstock_core.level_key
    from unnest(locked.levels, locked.block_at) as u (product_id, warehouse_id, block_at)
    where u.block_at <= due.at);
  due.lot_bin_ids := openstock_core.due_bins(tenant, due.levels, due.at);
  due.bin_ids := due.lot_bin_ids;
  return due;
end
$$;

revoke all on function openstock_core.lock_levels from public;
grant execute on function openstock_core.lock_levels to openstock_api;
comment on function openstock_core.lock_levels is
  'Locks stock levels in order of product and warehouse, first making the missing ones where asked, and returns the moment, which lots are due there, and when the first hold ends.';

reset role;

-- Locks all levels that may serve an order's lines, and books what is due there; also at warehouses that are not active: one that
-- opens meanwhile would have to be locked out of order. A level that came into being since the others were locked, and comes
-- before them, is not waited for. Writes: what book_due writes.
-- Locks: stock_level by (product, warehouse), stock_bin by bin_id (where something is due).
set local role openstock_owner;

create or replace function openstock_core.lock_candidate_levels(
  tenant uuid, op_id text, lines openstock_core.order_line[], held openstock_core.level_key[])
returns openstock_core.level_key[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  keys openstock_core.level_key[];
  earlier openstock_core.level_key[];
  due openstock_core.due;
begin
  keys := array(
    select distinct row(l.product_id, l.warehouse_id)::openstock_core.level_key as key
    from unnest(lines) as u
    join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = u.product_id
      and l.warehouse_id = coalesce(u.warehouse_id, l.warehouse_id)
    order by key);
  if cardinality(held) > 0 then
    keys := array(
      select row(k.product_id, k.warehouse_id)::openstock_core.level_key as key
      from (select * from unnest(keys) except select * from unnest(held)) as k
      order by key);
    if cardinality(keys) = 0 then
      return held;
    end if;
    earlier := array(select k from unnest(keys) as k where k < (select h from unnest(held) as h order by h desc limit 1));
    if cardinality(earlier) > (
      select count(*) from (
        select from unnest(earlier) as k
        join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
        for no key update of l skip locked) as l)
    then
      perform openstock_core.fail('40001', '{"problem": "a stock level came into being and is in use"}');
    end if;
  end if;
  due := openstock_core.lock_levels(tenant, held || keys, false);
  if due is not null then
    perform openstock_core.settle_bins(tenant, op_id, '{}', '{}', due);
  end if;
  return held || keys;
end
$$;

revoke all on function openstock_core.lock_candidate_levels from public;
grant execute on function openstock_core.lock_candidate_levels to openstock_api;
comment on function openstock_core.lock_candidate_levels is
  'Locks the levels of the lines'' products at the warehouses they name, or at all, that are not held yet, and returns all: no other may be promised '
  'from. Errors: 40001 where a new level is in use.';

reset role;

-- Locks all levels that may serve an order's lines; also at warehouses that are not active: one that opens meanwhile would have to
-- be locked out of order. A level that came into being since the others were locked is not waited for where it comes before them,
-- or where lines and bins are locked already.
-- Locks: stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.lock_candidate_levels(
  tenant uuid, lines openstock_core.order_line[], more openstock_core.level_key[], may_wait boolean,
  inout held openstock_core.level_key[], out due openstock_core.due)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  keys openstock_core.level_key[];
  out_of_order openstock_core.level_key[];
begin
  keys := array(
    select distinct row(l.product_id, l.warehouse_id)::openstock_core.level_key as key
    from unnest(lines) as u
    join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = u.product_id
      and l.warehouse_id = coalesce(u.warehouse_id, l.warehouse_id)
    union
    select k from unnest(more) as k
    order by key);
  if cardinality(held) > 0 then
    keys := array(
      select row(k.product_id, k.warehouse_id)::openstock_core.level_key as key
      from (select * from unnest(keys) except select * from unnest(held)) as k
      order by key);
    out_of_order := array(
      select k from unnest(keys) as k
      where not may_wait or k < (select h from unnest(held) as h order by h desc limit 1));
    if cardinality(out_of_order) > (
      select count(*) from (
        select from unnest(out_of_order) as k
        join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
        for no key update of l skip locked) as l)
    then
      perform openstock_core.fail('40001', '{"problem": "a stock level came into being and is in use"}');
    end if;
  end if;
  held := held || keys;
  due := openstock_core.lock_levels(tenant, held, false);
end
$$;

revoke all on function openstock_core.lock_candidate_levels from public;
grant execute on function openstock_core.lock_candidate_levels to openstock_api;
comment on function openstock_core.lock_candidate_levels is
  'Locks the levels of the lines'' products at the warehouses they name, or at all, that are not held yet, and returns all: no other may be promised '
  'from; and what is due there. Errors: 40001 where a new level is in use.';

reset role;

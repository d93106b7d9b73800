-- Takes the next orders that a picker could work on, skipping those that others hold. Locks: order.
-- Writes: reservation (changes). Reads: reservation_line, allocation, stock_bin. What is found unlocked is only a hint: the caller locks
-- the lines and looks again.
set local role openstock_owner;

create or replace function openstock_core.claim_orders(tenant uuid, warehouse_id bigint, most integer, passed_over bigint[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  order_ids constant bigint[] := array(
    select r.reservation_id
    from openstock_core.reservation r
    where r.tenant_id = tenant and r.reservation_id <> all (passed_over) and r.reservation_id in (
      select l.reservation_id
      from openstock_core.reservation_line l
      where l.tenant_id = tenant and l.warehouse_id = claim_orders.warehouse_id and l.reserved > 0 and l.expires_at is null
        and l.reserved > (select coalesce(sum(a.qty), 0) from openstock_core.allocation a
                          where a.tenant_id = tenant and a.reservation_line_id = l.reservation_line_id)
        and exists (select from openstock_core.stock_bin b
                    where b.tenant_id = tenant and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
                      and b.on_hand > 0 and not b.blocked
                      and (b.on_hand > b.allocated or exists (
                        select from openstock_core.allocation a
                        join openstock_core.reservation_line h on h.tenant_id = tenant and h.reservation_line_id = a.reservation_line_id
                        where a.tenant_id = tenant and a.bin_id = b.bin_id and h.expires_at <= at))))
    order by r.priority desc, r.promised_at nulls last, r.created_at, r.reservation_id
    limit most
    for no key update skip locked);
begin
  update openstock_core.reservation r set changes = r.changes + 1
  where r.tenant_id = tenant and r.reservation_id = any (order_ids);
  -- A row that changed before it was locked may have been read out of order.
  return array(
    select r.reservation_id
    from openstock_core.reservation r
    where r.tenant_id = tenant and r.reservation_id = any (order_ids)
    order by r.priority desc, r.promised_at nulls last, r.created_at, r.reservation_id);
end
$$;

revoke all on function openstock_core.claim_orders from public;
grant execute on function openstock_core.claim_orders to openstock_api;
comment on function openstock_core.claim_orders is
  'Locks at most so many orders that have units promised at the warehouse, without end and not pinned, of products that some bin there has free, or pinned to holds '
  'that have ended; by priority, promised time and age.';

reset role;

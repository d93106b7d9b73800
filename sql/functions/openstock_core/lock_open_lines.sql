-- Locks what an order is promised now, and what it waits for where asked. A hold that has ended is neither, whether or not that is booked.
-- Locks: order, stock_level by (product, warehouse), backlog by product_id and backorder by id (where what waits is taken too),
-- reservation_line by id.
set local role openstock_owner;

create or replace function openstock_core.lock_open_lines(
  tenant uuid, order_ref text, waiting_too boolean, out line_ids bigint[], out backorder_ids bigint[], out due openstock_core.due)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  order_id constant bigint := openstock_core.lock_known_order(tenant, lock_open_lines.order_ref);
begin
  due := openstock_core.lock_levels(tenant, array(
    select row(l.product_id, l.warehouse_id)::openstock_core.level_key
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0), false);
  backorder_ids := '{}';
  if waiting_too then
    backorder_ids := openstock_core.lock_order_backorders(tenant, order_id, due);
  end if;
  line_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0 and (l.expires_at is null or l.expires_at > due.at)
    order by l.reservation_line_id
    for no key update);
  if cardinality(line_ids) = 0 and cardinality(backorder_ids) = 0 then
    perform openstock_core.fail_nothing_open(tenant, order_id, lock_open_lines.order_ref);
  end if;
end
$$;

revoke all on function openstock_core.lock_open_lines from public;
grant execute on function openstock_core.lock_open_lines to openstock_api;
comment on function openstock_core.lock_open_lines is
  'The ids of the order''s open lines and backorders, locked with their levels and backlogs, and what is due there. Errors: OS301, and those of '
  'fail_nothing_open.';

reset role;

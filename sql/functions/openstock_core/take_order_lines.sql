-- Locks an order's lines that are promised now, and says how much of each a release or shipment takes. A hold that has ended is not
-- promised, whether or not that is booked. Locks: order, stock_level by (product, warehouse), backlog by product_id and backorder by id
-- (where what waits is taken too), reservation_line by id.
set local role openstock_owner;

create or replace function openstock_core.take_order_lines(tenant uuid, order_ref text, lines jsonb, waiting_too boolean)
returns openstock_core.taking
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  order_id constant bigint := openstock_core.lock_known_order(tenant, take_order_lines.order_ref);
  open_ids bigint[];
  waiting_ids bigint[] := '{}';
  due openstock_core.due;
  taken openstock_core.taken_line[];
begin
  due := openstock_core.lock_levels(tenant, array(
    select row(l.product_id, l.warehouse_id)::openstock_core.level_key
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0), false);
  if waiting_too then
    waiting_ids := openstock_core.lock_order_backorders(tenant, order_id, due);
  end if;
  open_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0 and (l.expires_at is null or l.expires_at > due.at)
    order by l.reservation_line_id
    for no key update);
  if cardinality(open_ids) = 0 and cardinality(waiting_ids) = 0 then
    perform openstock_core.fail_nothing_open(tenant, order_id, take_order_lines.order_ref);
  end if;

  if lines is null then
    taken := array(
      select row(o.reservation_line_id, o.line, o.product_id, o.warehouse_id, o.units, o.units, o.backorder_id)::openstock_core.taken_line
      from openstock_core.open_lines(tenant, open_ids, waiting_ids) as o
      order by o.line, o.backorder_id nulls first, o.reservation_line_id);
  else
    taken := openstock_core.match_order_lines(tenant, take_order_lines.order_ref, open_ids, waiting_ids, lines);
  end if;
  return row(taken, due)::openstock_core.taking;
end
$$;

revoke all on function openstock_core.take_order_lines from public;
grant execute on function openstock_core.take_order_lines to openstock_api;
comment on function openstock_core.take_order_lines is
  'Locks an order, its levels and its open lines, and what it waits for where asked, and returns what the request takes of each, all of them without lines; '
  'and what is due. '
  'Errors: OS301, those of fail_nothing_open, and those of match_order_lines.';

reset role;

-- Locks an order's open lines and says how much of each a release or shipment takes.
-- Locks: order, stock_level by (product, warehouse), reservation_line by id.
set local role openstock_owner;

create or replace function openstock_core.take_order_lines(tenant uuid, order_ref text, lines jsonb)
returns openstock_core.taking
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  order_id bigint;
  levels openstock_core.level_key[];
  open_ids bigint[];
  due openstock_core.due;
  taken openstock_core.taken_line[];
begin
  order_id := openstock_core.lock_order(tenant, take_order_lines.order_ref, false);
  if order_id is null then
    perform openstock_core.fail('OS301', jsonb_build_object('order_ref', take_order_lines.order_ref));
  end if;

  levels := array(
    select row(l.product_id, l.warehouse_id)::openstock_core.level_key
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0);
  if cardinality(levels) = 0 then
    perform openstock_core.fail('OS303', jsonb_build_object('order_ref', take_order_lines.order_ref, 'reserved', 0));
  end if;
  due := openstock_core.lock_levels(tenant, levels, false);
  open_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0
    order by l.reservation_line_id
    for no key update);

  if lines is null then
    taken := array(
      select row(l.reservation_line_id, l.line, l.product_id, l.warehouse_id, l.reserved, l.reserved)::openstock_core.taken_line
      from openstock_core.reservation_line l
      where l.tenant_id = tenant and l.reservation_line_id = any (open_ids)
      order by l.line, l.reservation_line_id);
  else
    taken := openstock_core.match_order_lines(tenant, take_order_lines.order_ref, open_ids, lines);
  end if;
  return row(taken, due)::openstock_core.taking;
end
$$;

revoke all on function openstock_core.take_order_lines from public;
grant execute on function openstock_core.take_order_lines to openstock_api;
comment on function openstock_core.take_order_lines is
  'Locks an order, its levels and its open lines, and returns what the request takes of each, all of them without lines; and what is due. '
  'Errors: OS301, OS303, and those of match_order_lines.';

reset role;

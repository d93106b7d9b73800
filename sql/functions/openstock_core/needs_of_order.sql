-- What an order still needs pinned. Locks: order, reservation_line by id. Reads: allocation.
set local role openstock_owner;

create or replace function openstock_core.needs_of_order(tenant uuid, order_ref text) returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  order_id bigint;
  open_ids bigint[];
begin
  order_id := openstock_core.lock_order(tenant, order_ref, false);
  if order_id is null then
    perform openstock_core.fail('OS301', jsonb_build_object('order_ref', order_ref));
  end if;
  open_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0
    order by l.reservation_line_id
    for no key update);
  if cardinality(open_ids) = 0 then
    perform openstock_core.fail('OS303', jsonb_build_object('order_ref', order_ref, 'reserved', 0));
  end if;
  return array(
    select row(l.reservation_line_id, l.product_id, l.warehouse_id, null, trim_scale(l.reserved - a.qty))::openstock_core.pick
    from openstock_core.reservation_line l
    cross join lateral (
      select coalesce(sum(s.qty), 0) as qty from openstock_core.allocation s
      where s.tenant_id = tenant and s.reservation_line_id = l.reservation_line_id) as a
    where l.tenant_id = tenant and l.reservation_line_id = any (open_ids) and l.reserved > a.qty
    order by l.reservation_line_id);
end
$$;

revoke all on function openstock_core.needs_of_order from public;
grant execute on function openstock_core.needs_of_order to openstock_api;
comment on function openstock_core.needs_of_order is
  'Per open line of the order, the promised units that are not pinned; the lines are locked. Errors: OS301, OS303 (nothing is reserved).';

reset role;

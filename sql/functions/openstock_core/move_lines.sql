-- Makes lines of one order lines of another, which need not have any. Both orders, the lines and the backorders are locked.
-- Writes: reservation_line, backorder, reservation_kit, reservation. The parts of a line stay parts of one line.
set local role openstock_owner;

create or replace function openstock_core.move_lines(
  tenant uuid, order_id bigint, new_order_id bigint, new_order_ref text, line_ids bigint[], backorder_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  old_lines constant integer[] := array(
    select distinct o.line from unnest(openstock_core.open_lines(tenant, line_ids, backorder_ids)) as o order by o.line);
  highest integer;
  kits boolean;
begin
  perform openstock_core.check_order_is_open(tenant, new_order_id, new_order_ref);
  select coalesce(max(p.line), 0) into highest from openstock_core.parts_of_order(tenant, new_order_id) as p;
  insert into openstock_core.reservation_kit (tenant_id, reservation_id, line, product_id, kit_id, qty)
  select distinct tenant, new_order_id, highest + array_position(old_lines, k.line), k.product_id, k.kit_id, k.qty
  from openstock_core.reservation_kit k
  join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_id = order_id and l.line = k.line and l.product_id = k.product_id
  where k.tenant_id = tenant and k.reservation_id = order_id and l.reservation_line_id = any (line_ids);
  kits := found;
  update openstock_core.reservation_line l
  set reservation_id = new_order_id, line = highest + array_position(old_lines, l.line)
  where l.tenant_id = tenant and l.reservation_line_id = any (line_ids);
  update openstock_core.backorder b
  set reservation_id = new_order_id, line = highest + array_position(old_lines, b.line)
  where b.tenant_id = tenant and b.backorder_id = any (backorder_ids);
  if kits then
    delete from openstock_core.reservation_kit k
    where k.tenant_id = tenant and k.reservation_id = order_id and not exists (
      select from openstock_core.reservation_line l
      where l.tenant_id = tenant and l.reservation_id = order_id and l.line = k.line and l.product_id = k.product_id);
  end if;

  update openstock_core.reservation r set became_id = new_order_id
  where r.tenant_id = tenant and r.reservation_id = order_id
    and not exists (select from openstock_core.parts_of_order(tenant, order_id) as p where p.open > 0 and p.expires_at is null);
  -- What the new order does not say of itself, the old one says.
  update openstock_core.reservation r
  set priority = case when r.priority = 0 then o.priority else r.priority end,
      promised_at = coalesce(r.promised_at, o.promised_at),
      metadata = o.metadata || r.metadata
  from openstock_core.reservation o
  where r.tenant_id = tenant and r.reservation_id = new_order_id and o.tenant_id = tenant and o.reservation_id = order_id;
end
$$;

revoke all on function openstock_core.move_lines from public;
grant execute on function openstock_core.move_lines to openstock_api;
comment on function openstock_core.move_lines is
  'Moves lines into another order, numbered after its highest line; the old order ends with it unless it has promises without end. Errors: OS302.';

reset role;

-- Makes lines of one order lines of another, which need not have any. Both orders and the lines are locked.
-- Writes: reservation_line, reservation. The parts of a line stay parts of one line.
set local role openstock_owner;

create or replace function openstock_core.move_lines(
  tenant uuid, order_id bigint, new_order_id bigint, new_order_ref text, line_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform openstock_core.check_order_is_open(tenant, new_order_id, new_order_ref);
  update openstock_core.reservation_line l
  set reservation_id = new_order_id, line = n.line
  from (
    select m.reservation_line_id, h.highest + dense_rank() over (order by m.line) as line
    from openstock_core.reservation_line m
    cross join (select coalesce(max(o.line), 0) as highest from openstock_core.reservation_line o
                where o.tenant_id = tenant and o.reservation_id = new_order_id) as h
    where m.tenant_id = tenant and m.reservation_line_id = any (line_ids)
  ) as n
  where l.tenant_id = tenant and l.reservation_line_id = n.reservation_line_id;

  update openstock_core.reservation r set became_id = new_order_id
  where r.tenant_id = tenant and r.reservation_id = order_id
    and not exists (select from openstock_core.reservation_line l
                    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0 and l.expires_at is null);
end
$$;

revoke all on function openstock_core.move_lines from public;
grant execute on function openstock_core.move_lines to openstock_api;
comment on function openstock_core.move_lines is
  'Moves lines into another order, numbered after its highest line; the old order ends with it unless it has promises without end. Errors: OS302.';

reset role;

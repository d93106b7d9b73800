-- Plans which allocations give way when a line gives promised units back: units that are not pinned go first, then the
-- newest allocations. The bins are locked. Reads: allocation.
set local role openstock_owner;

create or replace function openstock_core.unpin_from_lines(
  tenant uuid, order_ref text, taken openstock_core.taken_line[], reason text)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(s.line, 'DEALLOCATE', s.product_id, s.warehouse_id, s.bin_id, 0, 0, 0, -trim_scale(least(s.qty, s.surplus - s.before)),
               s.reservation_line_id, order_ref, null, reason, null, null, null, null, null)::openstock_core.movement
    from (
      select t.line, t.product_id, t.warehouse_id, a.reservation_line_id, a.bin_id, a.qty,
             t.qty - t.reserved + sum(a.qty) over (partition by a.reservation_line_id) as surplus,
             sum(a.qty) over (partition by a.reservation_line_id order by a.created_at desc, a.bin_id desc) - a.qty as before
      from unnest(taken) as t
      join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id
    ) as s
    where s.before < s.surplus
    order by s.reservation_line_id, s.bin_id);
end
$$;

revoke all on function openstock_core.unpin_from_lines from public;
grant execute on function openstock_core.unpin_from_lines to openstock_api;
comment on function openstock_core.unpin_from_lines is
  'DEALLOCATE movements that leave each line no more allocated than it will have reserved, newest allocations first.';

reset role;

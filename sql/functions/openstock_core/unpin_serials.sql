-- Plans which pins give way when named pieces disappear: their own. The bins are locked. Reads: serial_unit, stock_bin, reservation_line, reservation.
set local role openstock_owner;

create or replace function openstock_core.unpin_serials(tenant uuid, line integer, serial_ids bigint[], reason text)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(unpin_serials.line, 'DEALLOCATE', b.product_id, b.warehouse_id, b.bin_id, 0, 0, 0, -p.units,
               p.reservation_line_id, r.order_ref, null, unpin_serials.reason, null, null, null, null, p.serial_ids)::openstock_core.movement
    from (select u.bin_id, u.reservation_line_id, count(*) as units, array_agg(u.serial_id) as serial_ids
          from openstock_core.serial_unit u
          where u.tenant_id = tenant and u.serial_id = any (unpin_serials.serial_ids)
          group by u.bin_id, u.reservation_line_id) as p
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = p.bin_id
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    order by p.bin_id, p.reservation_line_id);
end
$$;

revoke all on function openstock_core.unpin_serials from public;
grant execute on function openstock_core.unpin_serials to openstock_api;
comment on function openstock_core.unpin_serials is
  'DEALLOCATE movements that free those of these pieces that are pinned.';

reset role;

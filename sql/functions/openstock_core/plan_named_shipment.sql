-- Plans the entries of a shipment whose pieces the caller named. The lines and bins are locked. Reads: serial_unit, stock_bin, warehouse, location,
-- allocation, reservation_line, reservation. Where free pieces go instead of pinned ones, the line's newest pins give way, so that no more is pinned than stays promised.
set local role openstock_owner;

create or replace function openstock_core.plan_named_shipment(tenant uuid, order_ref text, named openstock_core.taken_line[])
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad jsonb;
begin
  select jsonb_build_object('serial', u.serial, 'warehouse', w.code, 'location', c.code, 'order_ref', r.order_ref) into bad
  from unnest(named) as t
  cross join lateral unnest(t.serial_ids) as s (serial_id)
  join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
  join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = u.reservation_line_id
  join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
  join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = u.bin_id
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = b.warehouse_id
  join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
  where u.reservation_line_id <> t.reservation_line_id
  order by u.serial_id
  limit 1;
  if found then
    perform openstock_core.fail('OS113', bad);
  end if;

  return array(
    with leaving as materialized (
      select t.reservation_line_id, t.line, t.product_id, t.warehouse_id, t.reserved - t.qty as stays, u.serial_id, u.bin_id,
             u.reservation_line_id is not null as pinned
      from unnest(named) as t
      cross join lateral unnest(t.serial_ids) as s (serial_id)
      join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
    ), other as (
      select l.reservation_line_id, l.line, l.product_id, l.warehouse_id, l.stays, u.serial_id, u.bin_id,
             count(*) over (partition by l.reservation_line_id) as pins,
             row_number() over (partition by l.reservation_line_id order by a.created_at desc, u.serial_id desc) as nth
      from (select distinct g.reservation_line_id, g.line, g.product_id, g.warehouse_id, g.stays from leaving g) as l
      join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = l.reservation_line_id
      join openstock_core.serial_unit u on u.tenant_id = tenant and u.bin_id = a.bin_id and u.reservation_line_id = a.reservation_line_id
      where not exists (select from leaving g where g.serial_id = u.serial_id)
    ), entry as (
      select 1 as step, o.line, o.reservation_line_id, o.bin_id, row(o.line, 'DEALLOCATE', o.product_id, o.warehouse_id, o.bin_id, 0, 0, 0,
               -count(*), o.reservation_line_id, order_ref, null, null, null, null, null, null, array_agg(o.serial_id))::openstock_core.movement as movement
      from other o
      where o.nth <= o.pins - o.stays
      group by o.line, o.reservation_line_id, o.product_id, o.warehouse_id, o.bin_id
      union all
      select case when g.pinned then 2 else 3 end, g.line, g.reservation_line_id, g.bin_id, row(g.line, 'SHIP', g.product_id, g.warehouse_id, g.bin_id,
               -count(*), 0, -count(*), case when g.pinned then -count(*) else 0 end,
               g.reservation_line_id, order_ref, null, null, null, null, null, null, array_agg(g.serial_id))::openstock_core.movement
      from leaving g
      group by g.line, g.reservation_line_id, g.product_id, g.warehouse_id, g.bin_id, g.pinned
    )
    select e.movement from entry e order by e.line, e.reservation_line_id, e.step, e.bin_id);
end
$$;

revoke all on function openstock_core.plan_named_shipment from public;
grant execute on function openstock_core.plan_named_shipment to openstock_api;
comment on function openstock_core.plan_named_shipment is
  'SHIP movements for these pieces, and DEALLOCATE movements for pins of their lines that give way. Errors: OS113 where one is pinned to another line.';

reset role;

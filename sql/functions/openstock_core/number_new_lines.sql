-- Numbers those of an order's lines that have no number after the highest that it uses. The order is locked. Reads: reservation_line, backorder.
set local role openstock_owner;

create or replace function openstock_core.number_new_lines(tenant uuid, order_id bigint, lines openstock_core.order_line[])
returns openstock_core.order_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(coalesce(l.line, h.highest + dense_rank() over (partition by l.line is null order by l.first)),
               l.sku, l.product_id, l.warehouse_id, l.qty, l.location_id, l.lot_id, l.min_days_left, l.kit_id, l.kit_qty, l.serial_ids)::openstock_core.order_line
    from (
      -- The components of a kit are parts of one line.
      select u.*, min(u.n) over (partition by u.line, coalesce(u.kit_id, u.product_id), u.warehouse_id, u.location_id, u.lot_id, u.min_days_left,
                                      u.serial_ids) as first
      from unnest(lines) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)) as l
    cross join (select coalesce(max(u.line), 0) as highest
                from (select p.line from openstock_core.parts_of_order(tenant, order_id) as p
                      union all select o.line from unnest(lines) as o) as u) as h
    order by l.n);
end
$$;

revoke all on function openstock_core.number_new_lines from public;
grant execute on function openstock_core.number_new_lines to openstock_api;
comment on function openstock_core.number_new_lines is 'The lines, each with a number.';

reset role;

-- What of the lines no part covers.
set local role openstock_owner;

create or replace function openstock_core.missing_lines(wanted openstock_core.order_line[], parts openstock_core.order_line[])
returns openstock_core.order_line[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(w.line, w.sku, w.product_id, w.warehouse_id, trim_scale(w.qty - coalesce(p.qty, 0)),
               w.location_id, w.lot_id, w.min_days_left, w.kit_id, w.kit_qty, w.serial_ids)::openstock_core.order_line
    from rows from (unnest(wanted)) with ordinality as w (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    left join (select u.line, u.product_id, sum(u.qty) as qty from unnest(parts) as u group by 1, 2) as p on p.line = w.line and p.product_id = w.product_id
    where w.qty > coalesce(p.qty, 0)
    order by w.n);
end
$$;

revoke all on function openstock_core.missing_lines from public;
grant execute on function openstock_core.missing_lines to openstock_api;
comment on function openstock_core.missing_lines is 'The lines that are short, each with the quantity that is.';

reset role;

-- What needs ask for that are for certain units. Reads: reservation_line.
set local role openstock_owner;

create or replace function openstock_core.certain_needs(tenant uuid, needs openstock_core.pick[]) returns openstock_core.order_line[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(n.place, null, l.product_id, l.warehouse_id, n.qty, l.location_id, l.lot_id, l.min_days_left, null, null, l.serial_ids)::openstock_core.order_line
    from unnest(needs) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, place)
    cross join lateral (select * from openstock_core.reservation_line s
                        where s.tenant_id = tenant and s.reservation_line_id = n.reservation_line_id limit 1) as l
    where num_nonnulls(l.location_id, l.lot_id, l.min_days_left, l.serial_ids) > 0);
end
$$;

revoke all on function openstock_core.certain_needs from public;
grant execute on function openstock_core.certain_needs to openstock_api;
comment on function openstock_core.certain_needs is
  'The needs of lines that ask for certain units, with what these are; the place of the need stands for the line''s number.';

reset role;

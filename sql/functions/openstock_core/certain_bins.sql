-- The bins that will do for lines that ask for a certain location, lot or remaining life, or for certain pieces: the same for locking, promising
-- and pinning. Reads: stock_bin, lot, serial_unit; where holds that ended count as gone, also allocation, reservation_line.
set local role openstock_owner;

create or replace function openstock_core.certain_bins(
  tenant uuid, lines openstock_core.order_line[], at timestamptz, without_ended boolean,
  out n bigint, out bin_id bigint, out warehouse_id bigint, out free numeric, out pieces bigint[])
returns setof record
language sql
stable
begin atomic
  select u.n, b.bin_id, b.warehouse_id, b.on_hand - b.allocated + case when without_ended then (
      select coalesce(sum(a.qty), 0)
      from openstock_core.allocation a
      cross join lateral (select * from openstock_core.reservation_line s
                          where s.tenant_id = tenant and s.reservation_line_id = a.reservation_line_id limit 1) as l
      where a.tenant_id = tenant and a.bin_id = b.bin_id and l.expires_at <= certain_bins.at) else 0 end,
         case when u.serial_ids is not null then coalesce(s.free, '{}') end
  from rows from (unnest(lines)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
  cross join lateral (
    select s.* from openstock_core.stock_bin s
    where s.tenant_id = tenant and s.product_id = u.product_id and s.on_hand > 0 and not s.blocked) as b
  left join lateral (select * from openstock_core.lot s where s.tenant_id = tenant and s.lot_id = b.lot_id limit 1) as t on true
  cross join lateral (
    select count(*) as pieces, array_agg(k.serial_id) filter (where k.reservation_line_id is null or (without_ended and exists (
             select from openstock_core.reservation_line l
             where l.tenant_id = tenant and l.reservation_line_id = k.reservation_line_id and l.expires_at <= certain_bins.at))) as free
    from openstock_core.serial_unit k
    where k.tenant_id = tenant and k.serial_id = any (u.serial_ids) and k.bin_id = b.bin_id) as s
  where num_nonnulls(u.location_id, u.lot_id, u.min_days_left, u.serial_ids) > 0
    and b.warehouse_id = coalesce(u.warehouse_id, b.warehouse_id)
    and b.location_id = coalesce(u.location_id, b.location_id)
    and (u.lot_id is null or b.lot_id = u.lot_id)
    and (u.serial_ids is null or s.pieces > 0)
    and (t.expires_on is null
         or (openstock_core.expiry(t.expires_on) > certain_bins.at
             and t.expires_on - (certain_bins.at at time zone 'UTC')::date >= coalesce(u.min_days_left, 0)));
end;

revoke all on function openstock_core.certain_bins from public;
grant execute on function openstock_core.certain_bins to openstock_api;
comment on function openstock_core.certain_bins is
  'Stocked bins that will do for each of the lines (n is its place) that asks for certain units, and what of these is not pinned, or would not be if the holds '
  'that have ended were booked: units, and where the line names pieces which of them. A lot without a last day has days left for ever.';

reset role;

-- Finds the lines that ask for certain units and are promised units that are not pinned to them, since these were lost or blocked, or their lot expired.
-- Reads: reservation_line, allocation, stock_bin, lot.
set local role openstock_owner;

create or replace function openstock_core.lacking_lines(
  tenant uuid, levels openstock_core.level_key[], at timestamptz, served openstock_core.pick[],
  out reservation_line_id bigint, out product_id bigint, out warehouse_id bigint, out qty numeric, out location_id bigint, out lot_id bigint,
  out min_days_left integer, out serial_ids bigint[], out ended boolean)
returns setof record
language sql
stable
begin atomic
  select l.reservation_line_id, l.product_id, l.warehouse_id, l.reserved - a.qty - s.qty, l.location_id, l.lot_id, l.min_days_left, l.serial_ids,
         coalesce(l.expires_at <= lacking_lines.at, false)
  from (select distinct k.product_id, k.warehouse_id from unnest(levels) as k) as k
  -- With an offset, the planner reads level by level, by the index of such lines, also where it takes the table for empty.
  cross join lateral (
    select * from openstock_core.reservation_line n
    where n.tenant_id = tenant and n.product_id = k.product_id and n.warehouse_id = k.warehouse_id
      and n.reserved > 0 and num_nonnulls(n.location_id, n.lot_id, n.min_days_left, n.serial_ids) > 0 offset 0) as l
  cross join lateral (
    select coalesce(sum(n.qty), 0) as qty
    from openstock_core.allocation n
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = n.bin_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where n.tenant_id = tenant and n.reservation_line_id = l.reservation_line_id
      and (t.expires_on is null or openstock_core.expiry(t.expires_on) > lacking_lines.at)) as a
  cross join lateral (
    select coalesce(sum(n.qty), 0) as qty from unnest(served) as n where n.reservation_line_id = l.reservation_line_id) as s
  where l.reserved > a.qty + s.qty;
end;

revoke all on function openstock_core.lacking_lines from public;
grant execute on function openstock_core.lacking_lines to openstock_api;
comment on function openstock_core.lacking_lines is
  'Lines at these levels that ask for certain units, with what they lack besides what the caller serves or gives back; ended: holds that are over, and not booked.';

reset role;

-- Finds the lines that ask for certain units and are promised units that are not pinned to them, since these were lost or blocked, or their lot expired: such units,
-- where there are some again, are theirs, and whoever promises or pins there leaves them.
-- Their lines need no lock: whoever takes pins off, or puts them on, holds the bins. Reads: reservation_line, allocation, stock_bin, lot.
set local role openstock_owner;

create or replace function openstock_core.find_claims(
  tenant uuid, levels openstock_core.level_key[], at timestamptz, served openstock_core.pick[])
returns openstock_core.order_line[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(-row_number() over (), null, l.product_id, l.warehouse_id, sum(l.reserved - a.qty - s.qty), l.location_id,
               l.lot_id, l.min_days_left, null, null, l.serial_ids)::openstock_core.order_line
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
        and (t.expires_on is null or openstock_core.expiry(t.expires_on) > find_claims.at)) as a
    cross join lateral (
      select coalesce(sum(n.qty), 0) as qty from unnest(served) as n where n.reservation_line_id = l.reservation_line_id) as s
    where (l.expires_at is null or l.expires_at > find_claims.at) and l.reserved > a.qty + s.qty
    group by l.product_id, l.warehouse_id, l.location_id, l.lot_id, l.min_days_left, l.serial_ids
    order by min(l.reservation_line_id));
end
$$;

revoke all on function openstock_core.find_claims from public;
grant execute on function openstock_core.find_claims to openstock_api;
comment on function openstock_core.find_claims is
  'What lines at these levels that ask for certain units lack besides what the caller serves or gives back: those that ask for the same as one, the oldest first, with '
  'negative numbers.';

reset role;

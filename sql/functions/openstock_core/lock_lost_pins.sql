-- Locks the lines that ask for certain units and have fewer pinned than promised, since some were lost or blocked. The levels are locked.
-- Writes: reservation_line (changes). Locks: reservation_line by id. Reads: allocation.
-- Each line is written, as by lock_needs.
set local role openstock_owner;

create or replace function openstock_core.lock_lost_pins(tenant uuid, levels openstock_core.level_key[], at timestamptz)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  line_ids bigint[];
begin
  line_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and (l.product_id, l.warehouse_id) in (select k.product_id, k.warehouse_id from unnest(levels) as k)
      and l.reserved > 0 and num_nonnulls(l.location_id, l.lot_id, l.min_days_left, l.serial_ids) > 0
    order by l.reservation_line_id
    for no key update);
  update openstock_core.reservation_line l set changes = l.changes + 1
  where l.tenant_id = tenant and l.reservation_line_id = any (line_ids);
  return array(
    select row(l.reservation_line_id, l.product_id, l.warehouse_id, null, trim_scale(l.reserved - a.qty), null)::openstock_core.pick
    from openstock_core.reservation_line l
    cross join lateral (
      select coalesce(sum(s.qty), 0) as qty from openstock_core.allocation s
      where s.tenant_id = tenant and s.reservation_line_id = l.reservation_line_id) as a
    where l.tenant_id = tenant and l.reservation_line_id = any (line_ids) and l.reserved > a.qty
      and (l.expires_at is null or l.expires_at > at)
    order by l.reservation_line_id);
end
$$;

revoke all on function openstock_core.lock_lost_pins from public;
grant execute on function openstock_core.lock_lost_pins to openstock_api;
comment on function openstock_core.lock_lost_pins is
  'Per line that asks for certain units at these levels and is promised now, the units that are not pinned, the oldest first; all lines that ask for certain units there are locked.';

reset role;

-- Says which bins a shipment of named pieces has to lock together with its others: theirs, and those of what else their lines have pinned, which may
-- have to give way. Pieces that are pinned to holds that ended are free once that is booked. The levels and lines are locked.
-- Locks: reservation_line by id: those whose hold has ended. Reads: serial_unit, allocation, reservation_line.
set local role openstock_owner;

create or replace function openstock_core.serial_bins(
  tenant uuid, named openstock_core.taken_line[], inout due openstock_core.due, out bin_ids bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  due := openstock_core.lock_due_holds(tenant, due, array(
    select distinct l.reservation_line_id
    from unnest(named) as t
    cross join lateral unnest(t.serial_ids) as s (serial_id)
    join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = u.reservation_line_id
    where l.expires_at <= due.at), false);
  bin_ids := array(
    select u.bin_id
    from unnest(named) as t
    cross join lateral unnest(t.serial_ids) as s (serial_id)
    join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
    union
    select a.bin_id
    from unnest(named) as t
    join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id);
end
$$;

revoke all on function openstock_core.serial_bins from public;
grant execute on function openstock_core.serial_bins to openstock_api;
comment on function openstock_core.serial_bins is
  'The bins to lock for these pieces, and what is due with the holds that ended and have some of them pinned.';

reset role;

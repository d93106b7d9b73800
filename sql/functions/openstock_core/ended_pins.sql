-- Finds holds that have ended, are not booked, and have units pinned in bins. Reads: allocation, reservation_line.
set local role openstock_owner;

create or replace function openstock_core.ended_pins(tenant uuid, bin_ids bigint[], at timestamptz) returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(bin_ids) = 0 then
    return array[]::bigint[];
  end if;
  return array(
    select distinct l.reservation_line_id
    from openstock_core.allocation a
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = a.reservation_line_id
    where a.tenant_id = tenant and a.bin_id = any (bin_ids) and l.expires_at <= ended_pins.at and l.reserved > 0);
end
$$;

revoke all on function openstock_core.ended_pins from public;
grant execute on function openstock_core.ended_pins to openstock_api;
comment on function openstock_core.ended_pins is 'Lines whose hold has ended by this moment, and is not booked, with units pinned in one of these bins.';

reset role;

-- What lines that ask for certain units lack: such units, where there are some again, are theirs, and whoever promises or pins there leaves them as many.
-- Their lines need no lock: whoever takes pins off, or puts them on, holds the bins. Reads: what lacking_lines reads.
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
    select row(-row_number() over (), null, l.product_id, l.warehouse_id, sum(l.qty), l.location_id,
               l.lot_id, l.min_days_left, null, null, l.serial_ids)::openstock_core.order_line
    from openstock_core.lacking_lines(tenant, levels, find_claims.at, served) as l
    where not l.ended
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

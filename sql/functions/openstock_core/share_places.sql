-- Keeps locations and lots as they are while units enter. Locks: location, lot (shared), before any level.
set local role openstock_owner;

create or replace function openstock_core.share_places(tenant uuid, location_ids bigint[], lot_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  closed text;
begin
  -- Not "where not active": pushed down into the subquery, it would leave the others unlocked.
  select min(s.code) filter (where not s.active) into closed from (
    select l.code, l.active from openstock_core.location l
    where l.tenant_id = tenant and l.location_id = any (location_ids)
    order by l.location_id for share) as s;
  if closed is not null then
    perform openstock_core.fail('OS106', jsonb_build_object('location', closed));
  end if;
  perform from openstock_core.lot t
  where t.tenant_id = tenant and t.lot_id = any (lot_ids)
  order by t.lot_id for share;
end
$$;

revoke all on function openstock_core.share_places from public;
grant execute on function openstock_core.share_places to openstock_api;
comment on function openstock_core.share_places is
  'Takes shared locks, so that a location''s kind and a lot''s expiry cannot change until the units have entered. Errors: OS106.';

reset role;

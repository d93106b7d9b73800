-- Locks lines that an order is about to change, and makes sure that they are what they were before the levels and backlogs were locked: until then a hold may
-- have ended and been booked. Locks: reservation_line by id, backorder by id; the order, levels and backlogs are locked.
set local role openstock_owner;

create or replace function openstock_core.check_still_open(tenant uuid, taken openstock_core.taken_line[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from openstock_core.reservation_line l
  where l.tenant_id = tenant and l.reservation_line_id in (select t.reservation_line_id from unnest(taken) as t)
  order by l.reservation_line_id
  for no key update;
  perform from openstock_core.backorder b
  where b.tenant_id = tenant and b.backorder_id in (select t.backorder_id from unnest(taken) as t)
  order by b.backorder_id
  for no key update;
  if exists (
    select from unnest(taken) as t
    left join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = t.reservation_line_id
    left join openstock_core.backorder b on b.tenant_id = tenant and b.backorder_id = t.backorder_id
    where t.reserved <> coalesce(l.reserved, b.backordered))
  then
    perform openstock_core.fail('40001', '{"problem": "a hold of the order ended meanwhile"}');
  end if;
end
$$;

revoke all on function openstock_core.check_still_open from public;
grant execute on function openstock_core.check_still_open to openstock_api;
comment on function openstock_core.check_still_open is 'Errors: 40001 where one of these lines and backorders has not what it had.';

reset role;

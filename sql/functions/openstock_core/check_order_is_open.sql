-- Refuses promises to an order that is over. The order is locked. Reads: reservation, reservation_line, backorder.
-- An order whose holds ended is not over: the shopper may come back; whether the end is booked makes no difference.
set local role openstock_owner;

create or replace function openstock_core.check_order_is_open(tenant uuid, order_id bigint, order_ref text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select b.order_ref as became, l.lines, l.still_open into bad
  from openstock_core.reservation r
  left join openstock_core.reservation b on b.tenant_id = tenant and b.reservation_id = r.became_id
  cross join lateral (
    select count(*) as lines, bool_or(p.open > 0 or p.expired > 0) as still_open
    from openstock_core.parts_of_order(tenant, order_id) as p) as l
  where r.tenant_id = tenant and r.reservation_id = order_id;
  if bad.became is not null or (bad.lines > 0 and not bad.still_open) then
    perform openstock_core.fail('OS302', jsonb_strip_nulls(jsonb_build_object('order_ref', order_ref, 'became', bad.became)));
  end if;
end
$$;

revoke all on function openstock_core.check_order_is_open from public;
grant execute on function openstock_core.check_order_is_open to openstock_api;
comment on function openstock_core.check_order_is_open is
  'Errors: OS302 where all of the order is shipped or released, or where it was confirmed into another.';

reset role;

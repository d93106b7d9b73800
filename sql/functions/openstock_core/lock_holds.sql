-- Locks an order's holds that have not ended. The order is locked. Locks: backorder by id, reservation_line by id.
-- The moment is the call's arrival: a call that came in time and had to wait for locks is not late. That is safe as long as the end is
-- not booked: until then nobody was promised the units.
set local role openstock_owner;

create or replace function openstock_core.lock_holds(
  tenant uuid, order_id bigint, order_ref text, arrival timestamptz, out line_ids bigint[], out backorder_ids bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  backorder_ids := array(
    select b.backorder_id
    from openstock_core.backorder b
    where b.tenant_id = tenant and b.reservation_id = order_id and b.backordered > 0 and b.expires_at > arrival
    order by b.backorder_id
    for no key update);
  line_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0 and l.expires_at > arrival
    order by l.reservation_line_id
    for no key update);
  if cardinality(line_ids) = 0 and cardinality(backorder_ids) = 0 then
    if not exists (select from openstock_core.parts_of_order(tenant, order_id) as p where p.open > 0 and p.expires_at is null) then
      perform openstock_core.fail_nothing_open(tenant, order_id, order_ref);
    end if;
    perform openstock_core.fail('OS306', jsonb_build_object('order_ref', order_ref, 'expired', openstock_core.ended_holds(tenant, order_id, arrival)));
  end if;
end
$$;

revoke all on function openstock_core.lock_holds from public;
grant execute on function openstock_core.lock_holds to openstock_api;
comment on function openstock_core.lock_holds is
  'The order''s lines and backorders that are held at this moment, locked. Errors: those of fail_nothing_open, OS306 where what is promised is held '
  'without end.';

reset role;

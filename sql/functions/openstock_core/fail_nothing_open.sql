-- Says why nothing of an order can be shipped, released, pinned, extended or confirmed. Reads: reservation, reservation_line,
-- backorder.
-- What has ended is the same error before and after it is booked.
set local role openstock_owner;

create or replace function openstock_core.fail_nothing_open(tenant uuid, order_id bigint, order_ref text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  became text;
  ended numeric;
  waiting numeric;
begin
  select b.order_ref into became
  from openstock_core.reservation r
  join openstock_core.reservation b on b.tenant_id = tenant and b.reservation_id = r.became_id
  where r.tenant_id = tenant and r.reservation_id = order_id;
  if found then
    perform openstock_core.fail('OS302', jsonb_build_object('order_ref', order_ref, 'became', became));
  end if;
  select trim_scale(sum(p.expired + case when p.expires_at <= at then p.open else 0 end)), trim_scale(sum(p.open)) into ended, waiting
  from openstock_core.parts_of_order(tenant, order_id) as p;
  if ended > 0 then
    perform openstock_core.fail('OS305', jsonb_build_object('order_ref', order_ref, 'expired', ended));
  elsif waiting > 0 then
    perform openstock_core.fail('OS303', jsonb_build_object('order_ref', order_ref, 'reserved', 0, 'backordered', waiting));
  end if;
  perform openstock_core.fail('OS302', jsonb_build_object('order_ref', order_ref));
end
$$;

revoke all on function openstock_core.fail_nothing_open from public;
grant execute on function openstock_core.fail_nothing_open to openstock_api;
comment on function openstock_core.fail_nothing_open is
  'Errors: OS302 where the order was confirmed into another, OS305 where its holds have ended, OS303 where it only waits for stock, otherwise OS302: '
  'all of it was shipped or given back.';

reset role;

-- Books holds that have ended. Writes: operation, event, and what book_due writes.
-- Locks: operation, stock_level, skipping those in use, or, where that leaves nothing to do, waiting by (product, warehouse) for those where a
-- hold ended long ago; backlog by product_id, backorder by id, reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.expire_holds(tenant uuid, op_id text, max_lines integer) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  arrival constant timestamptz := openstock.server_time();
  answer jsonb;
  ended record;
  locked openstock_core.level_key[];
  room integer;
  waiting bigint[];
  due openstock_core.due;
  entries openstock_core.posted[];
begin
  if max_lines is null or max_lines not between 1 and 10000 then
    perform openstock_core.fail('22023', '{"argument": "max_lines", "problem": "must be between 1 and 10000"}');
  end if;
  if op_id is null then
    if not exists (select from openstock_core.reservation_line l
                   where l.tenant_id = tenant and l.expires_at <= arrival and l.reserved > 0
                   union all
                   select from openstock_core.backorder b
                   where b.tenant_id = tenant and b.expires_at <= arrival and b.backordered > 0) then
      return '[]'::jsonb;
    end if;
    op_id := 'openstock.expire_reservations ' || gen_random_uuid();
  end if;
  answer := openstock_core.begin_operation(tenant, op_id, 'expire_reservations', jsonb_build_object('max_lines', max_lines));
  if answer is not null then
    return answer;
  end if;

  select array_agg(d.reservation_line_id) as line_ids,
         array_agg(distinct row(d.product_id, d.warehouse_id)::openstock_core.level_key) as levels,
         array_agg(distinct row(d.product_id, d.warehouse_id)::openstock_core.level_key)
           filter (where d.expires_at < arrival - interval '1 minute') as long_due
  into ended
  from (
    select l.reservation_line_id, l.product_id, l.warehouse_id, l.expires_at
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.expires_at <= arrival and l.reserved > 0
    order by l.expires_at, l.reservation_line_id
    limit max_lines) as d;
  room := max_lines - coalesce(cardinality(ended.line_ids), 0);
  waiting := array(
    select b.product_id from openstock_core.backorder b
    where b.tenant_id = tenant and b.expires_at <= arrival and b.backordered > 0
    order by b.expires_at, b.backorder_id
    limit room);
  locked := array(
    select row(l.product_id, l.warehouse_id)::openstock_core.level_key
    from unnest(ended.levels) as k
    join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
    for no key update of l skip locked);
  -- Where there is nothing else to do, those where a hold ended long ago are waited for: none is passed over for ever.
  if cardinality(locked) = 0 and cardinality(waiting) = 0 and ended.long_due is not null then
    locked := ended.long_due;
  end if;

  due := openstock_core.lock_backlogs(tenant, waiting, openstock_core.lock_levels(tenant, locked, false), room);
  due := openstock_core.lock_due_holds(tenant, due, array(
    select l.reservation_line_id
    from unnest(locked) as k
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
    where l.reservation_line_id = any (ended.line_ids)), false);
  perform openstock_core.lock_bins(tenant, due.bin_ids);
  entries := array(select b from openstock_core.book_due(tenant, op_id, due) as b);
  -- A statement of its own: within the one above, the lines would still be what they were before.
  answer := openstock_core.reservation_answer(tenant, 'expired', entries);
  perform openstock_core.finish_operation(tenant, op_id, answer);
  return answer;
end
$$;

revoke all on function openstock_core.expire_holds from public;
grant execute on function openstock_core.expire_holds to openstock_api;
comment on function openstock_core.expire_holds is
  'Books holds that have ended and returns the answer, an array of openstock.reservation_change. Errors: 22023, OS010.';

reset role;

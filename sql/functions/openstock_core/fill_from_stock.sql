-- Gives stock that came free to whoever waits for it. Writes: operation, event, and what fill_queue and make_room write.
-- Locks: operation; product (advisory, tried: of several workers each takes other products), stock_level by (product, warehouse), backlog by
-- product_id, order (skipping those in use), backorder by id, reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.fill_from_stock(tenant uuid, op_id text, max_rows integer) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  product_ids bigint[] := array[]::bigint[];
  candidate bigint;
  levels openstock_core.level_key[];
  due openstock_core.due;
  mine bigint[];
  entries openstock_core.posted[];
  answer jsonb;
begin
  if max_rows is null or max_rows not between 1 and 10000 then
    perform openstock_core.fail('22023', '{"argument": "max_rows", "problem": "must be between 1 and 10000"}');
  end if;
  if op_id is not null then
    answer := openstock_core.begin_operation(tenant, op_id, 'fill_backorders', jsonb_build_object('max_rows', max_rows));
    if answer is not null then
      return answer;
    end if;
  end if;
  for candidate in
    select g.product_id from openstock_core.backlog g
    where g.tenant_id = tenant and g.backordered > 0 and exists (
      select from openstock_core.stock_level l
      join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id and w.active
      where l.tenant_id = tenant and l.product_id = g.product_id and (
        l.available > 0 or l.next_expiry_at <= at or ((l.fenced > 0 or l.safety_stock > 0) and exists (
          select from (
            select distinct b.channel_id from openstock_core.backorder b
            where b.tenant_id = tenant and b.product_id = l.product_id and b.backordered > 0 and b.expires_at is null
              and l.warehouse_id = coalesce(b.warehouse_id, l.warehouse_id)) as b
          join openstock_core.channel c on c.tenant_id = tenant and c.channel_id = b.channel_id
          where l.available + openstock_core.units_kept(tenant, c.channel_id, c.uses_safety_stock, l.product_id, l.warehouse_id, l.safety_stock) > 0))))
    order by g.product_id
  loop
    exit when cardinality(product_ids) = 100;
    if pg_try_advisory_xact_lock(openstock_core.queue_lock(tenant, candidate)) then
      product_ids := product_ids || candidate;
    end if;
  end loop;
  if cardinality(product_ids) = 0 then
    if op_id is not null then
      perform openstock_core.finish_operation(tenant, op_id, '[]');
    end if;
    return '[]'::jsonb;
  end if;

  if op_id is null then
    op_id := 'openstock.fill_backorders ' || gen_random_uuid();
    perform openstock_core.begin_operation(tenant, op_id, 'fill_backorders', jsonb_build_object('max_rows', max_rows));
  end if;
  levels := array(
    select row(l.product_id, l.warehouse_id)::openstock_core.level_key
    from openstock_core.stock_level l where l.tenant_id = tenant and l.product_id = any (product_ids));
  due := openstock_core.lock_backlogs(tenant, product_ids, openstock_core.lock_levels(tenant, levels, false));
  mine := openstock_core.lock_queue(tenant, array(
    select row(l.product_id, l.warehouse_id)::openstock_core.level_key
    from openstock_core.stock_level l
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id and w.active
    where l.tenant_id = tenant and l.product_id = any (product_ids)), max_rows, due.at);
  for attempt in 1 .. 20 loop
    begin
      perform openstock_core.make_room(tenant, op_id, array(
        select row(null, k.product_id, k.warehouse_id, null, g.backordered, null)::openstock_core.pick
        from unnest(levels) as k
        join openstock_core.backlog g on g.tenant_id = tenant and g.product_id = k.product_id), '{}', '{}', '{}', due, array(
        select row(null, null, null, null, c.channel_id, c.uses_safety_stock)::openstock_core.sourcing
        from (select distinct b.channel_id from openstock_core.backorder b
              where b.tenant_id = tenant and b.product_id = any (product_ids) and b.backordered > 0 and b.expires_at is null) as k
        left join openstock_core.channel c on c.tenant_id = tenant and c.channel_id = k.channel_id));
      exit;
    exception when sqlstate 'OS901' then
      if attempt = 20 then
        perform openstock_core.fail('40001', '{"problem": "holds kept being extended or pinned"}');
      end if;
    end;
  end loop;
  entries := array(select p from openstock_core.fill_queue(tenant, op_id, levels, mine) as p);
  answer := openstock_core.reservation_answer(tenant, 'filled', entries);
  perform openstock_core.finish_operation(tenant, op_id, answer);
  return answer;
end
$$;

revoke all on function openstock_core.fill_from_stock from public;
grant execute on function openstock_core.fill_from_stock to openstock_api;
comment on function openstock_core.fill_from_stock is
  'Fills backorders and returns the answer, an array of openstock.reservation_change. Errors: 22023, OS010.';

reset role;

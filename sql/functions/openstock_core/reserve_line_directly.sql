-- Promises the one line that most orders are, a product and a quantity, to a new order, where the first warehouse by priority has it: what reserve does
-- for any lines, by one query and five statements. Whatever is not that plain is left to reserve, as if nobody had looked.
-- Writes: reservation, reservation_line, stock_level, ledger (RESERVE). Locks: order (the new row), in hot-SKU mode level_lock (advisory), stock_level.
set local role openstock_owner;

create or replace function openstock_core.reserve_line_directly(
  tenant uuid, op_id text, order_ref text, lines jsonb, warehouse text, seconds double precision)
returns openstock.reservation_change[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  tick constant interval := interval '1 microsecond';
  given constant jsonb := case when jsonb_typeof(lines) = 'array' and jsonb_array_length(lines) = 1 then lines -> 0 end;
  who constant text := openstock_core.actor();
  qty numeric;
  source record;
  order_id bigint;
  level record;
  line_id bigint;
  stamp timestamptz;
  until timestamptz;
begin
  if jsonb_typeof(given) is distinct from 'object' or given - '{sku,qty}'::text[] <> '{}'
     or jsonb_typeof(given -> 'sku') is distinct from 'string' or jsonb_typeof(given -> 'qty') is distinct from 'number' then
    return null;
  end if;
  qty := trim_scale((given ->> 'qty')::numeric);
  -- A name under which something is found is one that may be given, and what has a level is no kit.
  select p.product_id, p.sku, w.warehouse_id, w.code into source
  from openstock_core.product p
  cross join lateral (
    select s.warehouse_id, s.code, l.available
    from openstock_core.stock_level l
    join openstock_core.warehouse s on s.tenant_id = tenant and s.warehouse_id = l.warehouse_id
    where l.tenant_id = tenant and l.product_id = p.product_id and s.active and (warehouse is null or s.code = warehouse)
    order by s.priority, s.code limit 1) as w
  where p.tenant_id = tenant and p.sku = given ->> 'sku' and p.active
    and qty > 0 and scale(qty) <= p.decimals and w.available >= qty
    and to_regclass('openstock_core.ledger_' || to_char(openstock.server_time() at time zone 'UTC', 'YYYY_MM')) is not null;
  if not found then
    return null;
  end if;

  insert into openstock_core.reservation (tenant_id, order_ref, created_at)
  values (tenant, reserve_line_directly.order_ref, openstock.server_time())
  on conflict on constraint reservation_order_ref_is_unique do nothing
  returning reservation_id into order_id;
  if order_id is null then
    return null;
  end if;
  if current_setting('app.hot_sku', true) = 'on' then
    -- In a queue of its own whoever came first is next, and nobody looks at a row that changes before it is held. Not for all: a transaction of the caller's
    -- with thousands of calls would fill the server's lock table.
    perform pg_advisory_xact_lock(openstock_core.level_lock(tenant, source.product_id, source.warehouse_id));
  end if;
  begin
    select l.available, l.next_block_at into level
    from openstock_core.stock_level l
    where l.tenant_id = tenant and l.product_id = source.product_id and l.warehouse_id = source.warehouse_id
    for no key update of l;
    stamp := openstock.server_time();
    if level.available < qty or level.next_block_at <= stamp then
      perform openstock_core.fail('OS901', '{"problem": "there is less, or a lot to be blocked, now that the level is locked"}');
    end if;

    -- Written within the block, by the transaction id that has the lock: PostgreSQL keeps two in a multixact.
    until := stamp + make_interval(secs => seconds);
    -- Before the level changes: while its row is as it was locked, the foreign key's lock is there already, and nothing has to be written for it.
    insert into openstock_core.reservation_line (
      tenant_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, expires_at, created_at)
    values (tenant, order_id, 1, source.product_id, source.warehouse_id, qty, qty, until, stamp)
    returning reservation_line_id into line_id;
    update openstock_core.stock_level l
    set reserved = trim_scale(l.reserved + qty), next_expiry_at = least(l.next_expiry_at, until),
        last_recorded_at = greatest(stamp, l.last_recorded_at + tick), version = l.version + 1
    where l.tenant_id = tenant and l.product_id = source.product_id and l.warehouse_id = source.warehouse_id
    returning l.on_hand, l.blocked, l.reserved, l.available, l.last_recorded_at into level;
    insert into openstock_core.ledger (
      tenant_id, product_id, warehouse_id, recorded_at, entry_id, line, op_id, event_type, reserved_delta,
      on_hand_after, blocked_after, reserved_after, order_ref, reservation_line_id, expires_at, actor)
    values (tenant, source.product_id, source.warehouse_id, level.last_recorded_at, nextval('openstock_core.ledger_entry_id'), 1, reserve_line_directly.op_id, 'RESERVE', qty,
            level.on_hand, level.blocked, level.reserved, reserve_line_directly.order_ref, line_id, until, who);
  exception when sqlstate 'OS901' then
    -- The lock is given up: whoever looks elsewhere now locks levels in order.
    return null;
  end;
  return array[row(order_ref, 1, source.sku, source.code, 'reserved', qty, qty, 0, 0, 0, until,
                   level.on_hand, level.blocked, level.reserved, level.available, null, null, false)::openstock.reservation_change];
end
$$;

revoke all on function openstock_core.reserve_line_directly from public;
grant execute on function openstock_core.reserve_line_directly to openstock_api;
comment on function openstock_core.reserve_line_directly is
  'Promises one line of a product and a quantity to a new order from the first warehouse by priority, or from the one that is named, held for so many seconds, or '
  'without end; returns what reserve answers. Null where it is anything else, or not there, and then nothing is promised.';

reset role;

-- Promises several lines of a product and a quantity to a new order, where for each the first warehouse by priority has it: what reserve does for any
-- lines, by three queries and four statements for all of them. Whatever is not that plain is left to reserve, as if nobody had looked.
-- Writes: reservation, reservation_line, stock_level, ledger (RESERVE). Locks: order (the new row), stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.reserve_lines_directly(
  tenant uuid, op_id text, order_ref text, lines jsonb, warehouse text, seconds double precision)
returns openstock.reservation_change[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  tick constant interval := interval '1 microsecond';
  who constant text := openstock_core.actor();
  plain constant openstock_core.plain_lines := openstock_core.find_plain_lines(tenant, lines, warehouse);
  order_id bigint;
  line_ids bigint[];
  level record;
  stamp timestamptz;
  until timestamptz;
  answer openstock.reservation_change[];
begin
  if plain.skus is null
     or to_regclass('openstock_core.ledger_' || to_char(openstock.server_time() at time zone 'UTC', 'YYYY_MM')) is null then
    return null;
  end if;

  insert into openstock_core.reservation (tenant_id, order_ref, created_at)
  values (tenant, reserve_lines_directly.order_ref, openstock.server_time())
  on conflict on constraint reservation_order_ref_is_unique do nothing
  returning reservation_id into order_id;
  if order_id is null then
    return null;
  end if;
  begin
    select count(*) filter (where l.available >= l.qty) as enough, min(l.next_block_at) as next_block_at into level
    from (
      select l.available, l.next_block_at, u.qty
      from unnest(plain.product_ids, plain.warehouse_ids, plain.qtys) as u (product_id, warehouse_id, qty)
      cross join lateral (
        select * from openstock_core.stock_level s
        where s.tenant_id = tenant and s.product_id = u.product_id and s.warehouse_id = u.warehouse_id) as l
      order by u.product_id
      for no key update of l) as l;
    stamp := openstock.server_time();
    if level.enough < cardinality(plain.skus) or level.next_block_at <= stamp then
      perform openstock_core.fail('OS901', '{"problem": "there is less, or a lot to be blocked, now that the levels are locked"}');
    end if;

    -- Written within the block, by the transaction id that has the lock: PostgreSQL keeps two in a multixact.
    until := stamp + make_interval(secs => seconds);
    with made as (
      insert into openstock_core.reservation_line (
        tenant_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, expires_at, created_at)
      select tenant, order_id, u.n, u.product_id, u.warehouse_id, u.qty, u.qty, until, stamp
      from unnest(plain.product_ids, plain.warehouse_ids, plain.qtys) with ordinality as u (product_id, warehouse_id, qty, n)
      returning line, reservation_line_id)
    select array_agg(m.reservation_line_id order by m.line) into line_ids
    from made as m;
    with changed as (
      update openstock_core.stock_level l
      set reserved = trim_scale(l.reserved + u.qty), next_expiry_at = least(l.next_expiry_at, until),
          last_recorded_at = greatest(stamp, l.last_recorded_at + tick), version = l.version + 1
      from unnest(plain.product_ids, plain.warehouse_ids, plain.qtys) with ordinality as u (product_id, warehouse_id, qty, n)
      where l.tenant_id = tenant and l.product_id = u.product_id and l.warehouse_id = u.warehouse_id
      returning u.n, u.product_id, u.warehouse_id, u.qty, l.on_hand, l.blocked, l.reserved, l.available, l.last_recorded_at
    ), entry as (
      insert into openstock_core.ledger (
        tenant_id, product_id, warehouse_id, recorded_at, entry_id, line, op_id, event_type, reserved_delta,
        on_hand_after, blocked_after, reserved_after, order_ref, reservation_line_id, expires_at, actor)
      select tenant, c.product_id, c.warehouse_id, c.last_recorded_at, nextval('openstock_core.ledger_entry_id'), c.n, reserve_lines_directly.op_id, 'RESERVE', c.qty,
             c.on_hand, c.blocked, c.reserved, reserve_lines_directly.order_ref, line_ids[c.n], until, who
      from (select * from changed order by n) as c
    )
    select array_agg(row(reserve_lines_directly.order_ref, c.n, plain.skus[c.n], plain.warehouses[c.n], 'reserved', c.qty, c.qty, 0, 0, 0, until,
                         c.on_hand, c.blocked, c.reserved, c.available, null, null, false)::openstock.reservation_change order by c.n)
    into answer
    from changed as c;
  exception when sqlstate 'OS901' then
    -- The locks are given up: whoever looks elsewhere now locks levels in order.
    return null;
  end;
  return answer;
end
$$;

revoke all on function openstock_core.reserve_lines_directly from public;
grant execute on function openstock_core.reserve_lines_directly to openstock_api;
comment on function openstock_core.reserve_lines_directly is
  'Promises lines of a product and a quantity each to a new order from the first warehouse by priority, or from the one that is named, held for so many seconds, or '
  'without end; returns what reserve answers. Null where any is anything else, or not there, or names a product again, and then nothing is promised.';

reset role;

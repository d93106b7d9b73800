-- Updates the levels and appends the entries that explain it, chaining balances and times.
-- A level that would hold more than the largest quantity is left out with its entries, and post() then says so.
-- Writes: stock_level, ledger.
set local role openstock_owner;

create or replace function openstock_core.post_ledger(
  tenant uuid, op_id text, movements openstock_core.movement[],
  occurred_at timestamptz, reference text, note text)
returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  tick constant interval := interval '1 microsecond';
  stamp constant timestamptz := openstock.server_time();
  who constant text := openstock_core.actor();
  partition constant text := 'ledger_' || to_char(stamp at time zone 'UTC', 'YYYY_MM');
begin
  -- Looking for the name takes about 2 us; catching the error of the INSERT would take a subtransaction at every call.
  if to_regclass('openstock_core.' || partition) is null then
    perform openstock_core.fail('OS402', jsonb_build_object('partition', partition));
  end if;
  return query
  with movement as materialized (
    select u.*, openstock_core.is_chained(u.event_type, u.backordered_delta) as chained,
           b.location_id, b.lot_id, b.status, b.handling_unit_id,
           case when u.qty_delta > 0 and not b.blocked then openstock_core.expiry(t.expires_on) end as block_at, p.by_serial
    from rows from (unnest(movements)) with ordinality as u (
      line, event_type, product_id, warehouse_id, bin_id, qty_delta, blocked_delta, reserved_delta, allocated_delta,
      reservation_line_id, order_ref, unit_cost, reason, expires_at, backordered_delta, backorder_id, quota_delta, serial_ids, ord)
    left join lateral (select * from openstock_core.stock_bin s
                       where s.tenant_id = tenant and s.bin_id = u.bin_id limit 1) as b on true
    left join lateral (select * from openstock_core.lot s
                       where s.tenant_id = tenant and s.lot_id = b.lot_id limit 1) as t on true
    -- By the bin's product: what touches no bin looks nothing up.
    left join lateral (select s.tracking = 'serial' as by_serial from openstock_core.product s
                       where s.tenant_id = tenant and s.product_id = b.product_id limit 1) as p on true
  ), level as (
    update openstock_core.stock_level l
    set on_hand = trim_scale(l.on_hand + s.qty),
        blocked = trim_scale(l.blocked + s.blocked),
        reserved = trim_scale(l.reserved + s.reserved),
        fenced = trim_scale(l.fenced + s.quota),
        next_block_at = least(l.next_block_at, s.block_at),
        next_expiry_at = least(l.next_expiry_at, s.expires_at),
        last_recorded_at = greatest(stamp, l.last_recorded_at + tick) + (s.entries - 1) * tick,
        version = l.version + s.entries
    from (
      select m.product_id, m.warehouse_id, sum(m.qty_delta) as qty, sum(m.blocked_delta) as blocked,
             sum(m.reserved_delta) as reserved, sum(coalesce(m.quota_delta, 0)) as quota, count(*) as entries,
             min(m.block_at) as block_at, min(m.expires_at) as expires_at
      from movement m where m.chained
      group by m.product_id, m.warehouse_id
    ) as s
    where l.tenant_id = tenant and l.product_id = s.product_id and l.warehouse_id = s.warehouse_id
      and l.on_hand + s.qty <= 999999999999.999999
    returning l.product_id, l.warehouse_id, l.on_hand - s.qty as on_hand, l.blocked - s.blocked as blocked,
              l.reserved - s.reserved as reserved, l.safety_stock + l.fenced - s.quota as withheld,
              l.last_recorded_at - (s.entries - 1) * tick as first_at
  ), chain as (
    select m.*, l.first_at + (row_number() over level_entries - 1) * tick as chained_at,
           l.withheld + sum(coalesce(m.quota_delta, 0)) over level_entries as withheld,
           trim_scale(l.on_hand + sum(m.qty_delta) over level_entries) as on_hand_after,
           trim_scale(l.blocked + sum(m.blocked_delta) over level_entries) as blocked_after,
           trim_scale(l.reserved + sum(m.reserved_delta) over level_entries) as reserved_after
    from movement m
    left join level l on m.chained and l.product_id = m.product_id and l.warehouse_id = m.warehouse_id
    where l.product_id is not null or not m.chained
    window level_entries as (partition by m.product_id, m.warehouse_id, m.chained order by m.ord)
  ), entry as (
    insert into openstock_core.ledger (
      tenant_id, product_id, warehouse_id, recorded_at, entry_id, occurred_at, line, op_id, event_type,
      location_id, lot_id, handling_unit_id, status, qty_delta, blocked_delta, reserved_delta, allocated_delta, backordered_delta, quota_delta,
      on_hand_after, blocked_after, reserved_after,
      order_ref, reservation_line_id, backorder_id, expires_at, unit_cost, reference, reason, note, actor)
    select tenant, c.product_id, c.warehouse_id, coalesce(c.chained_at, stamp),
           nextval('openstock_core.ledger_entry_id'), post_ledger.occurred_at, c.line, post_ledger.op_id, c.event_type,
           c.location_id, c.lot_id, c.handling_unit_id, c.status, c.qty_delta, c.blocked_delta, c.reserved_delta, c.allocated_delta, c.backordered_delta, c.quota_delta,
           c.on_hand_after, c.blocked_after, c.reserved_after,
           c.order_ref, c.reservation_line_id, c.backorder_id, c.expires_at, c.unit_cost, post_ledger.reference, c.reason, post_ledger.note, who
    from (select * from chain order by ord) as c
    returning ledger.entry_id, ledger.recorded_at
  ), numbered as (
    select e.entry_id, e.recorded_at, row_number() over (order by e.entry_id) as ord from entry e
  )
  select c.ord, c.line, c.event_type, c.product_id, c.warehouse_id, c.location_id, c.lot_id, c.status, c.qty_delta,
         c.reserved_delta, c.backordered_delta, c.reservation_line_id, c.backorder_id, c.on_hand_after, c.blocked_after, c.reserved_after,
         trim_scale(c.on_hand_after - c.blocked_after - c.reserved_after - c.withheld), n.entry_id, n.recorded_at,
         coalesce(c.by_serial, false), c.serial_ids, c.handling_unit_id
  from numbered n
  join (select *, row_number() over (order by ord) as place from chain) as c on c.place = n.ord;
end
$$;

revoke all on function openstock_core.post_ledger from public;
grant execute on function openstock_core.post_ledger to openstock_api;
comment on function openstock_core.post_ledger is
  'Updates the stock levels and appends the entries; each chained entry is recorded later than the one before it at its level. '
  'Balances are null on entries that are not chained. Errors: OS402.';

reset role;

-- Plans the entries of a move. The bins are locked. Reads: stock_bin, allocation, serial_unit.
-- The units of a source bin are laid end to end, free ones first and then the pinned ones: those of holds that have ended, then of lines that
-- any other units will do for, then the newest allocation first; the lines take them in turn, and where a line overlaps an allocation it carries
-- it along.
set local role openstock_owner;

create or replace function openstock_core.plan_moves(
  tenant uuid, lines openstock_core.stock_line[], sources bigint[], targets bigint[], reason text)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
begin
  perform openstock_core.check_moves(tenant, lines, sources, targets);
  return array(
    with leaving as (
      select l.n, l.line, l.qty, l.serial_ids, s.product_id, s.warehouse_id, s.bin_id as source, d.bin_id as target,
             s.blocked as source_blocked, d.blocked as target_blocked,
             case when s.location_id = d.location_id then 'STATUS' else 'MOVE' end as event_type,
             s.on_hand - s.allocated as free,
             sum(l.qty) over (partition by s.bin_id order by l.n) - l.qty as start
      from unnest(lines) as l
      join openstock_core.stock_bin s on s.tenant_id = tenant and s.bin_id = sources[l.n]
      join openstock_core.stock_bin d on d.tenant_id = tenant and d.bin_id = targets[l.n]
    ), pinned as (
      select a.bin_id, a.reservation_line_id, r.order_ref, a.qty, s.on_hand - s.allocated
               + sum(a.qty) over (partition by a.bin_id order by (l.expires_at <= at) is true desc, num_nonnulls(l.location_id, l.lot_id, l.min_days_left),
                                     a.created_at desc, a.reservation_line_id desc) - a.qty as start
      from openstock_core.allocation a
      join openstock_core.stock_bin s on s.tenant_id = tenant and s.bin_id = a.bin_id
      join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = a.reservation_line_id
      join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
      where a.tenant_id = tenant and a.bin_id = any (sources)
    ), part as (
      select m.*, null::bigint as reservation_line_id, null::text as order_ref, trim_scale(least(m.qty, m.free - m.start)) as units,
             null::bigint[] as pieces
      from leaving m where m.start < m.free and m.serial_ids is null
      union all
      select m.*, p.reservation_line_id, p.order_ref, trim_scale(least(m.start + m.qty, p.start + p.qty) - greatest(m.start, p.start)), null
      from leaving m
      join pinned p on p.bin_id = m.source and p.start < m.start + m.qty and m.start < p.start + p.qty
      where m.serial_ids is null
      union all
      -- Pieces that are named take their own pins along.
      select m.*, u.reservation_line_id, p.order_ref, count(*), array_agg(u.serial_id)
      from leaving m
      cross join lateral unnest(m.serial_ids) as s (serial_id)
      join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
      left join pinned p on p.bin_id = m.source and p.reservation_line_id = u.reservation_line_id
      group by m.n, m.line, m.qty, m.serial_ids, m.product_id, m.warehouse_id, m.source, m.target, m.source_blocked, m.target_blocked, m.event_type,
               m.free, m.start, u.reservation_line_id, p.order_ref
    ), entry as (
      select p.n, p.reservation_line_id, 1 as step, row(0, 'DEALLOCATE', p.product_id, p.warehouse_id, p.source,
               0, 0, 0, -p.units, p.reservation_line_id, p.order_ref, null, reason, null, null, null, null, p.pieces)::openstock_core.movement as movement
      from part p where p.reservation_line_id is not null and p.target_blocked
      union all
      select p.n, p.reservation_line_id, 2, row(p.line, p.event_type, p.product_id, p.warehouse_id, p.source,
               -p.units, case when p.source_blocked then -p.units else 0 end, 0,
               case when p.reservation_line_id is not null and not p.target_blocked then -p.units else 0 end,
               p.reservation_line_id, p.order_ref, null, reason, null, null, null, null, p.pieces)::openstock_core.movement
      from part p
      union all
      select p.n, p.reservation_line_id, 3, row(p.line, p.event_type, p.product_id, p.warehouse_id, p.target,
               p.units, case when p.target_blocked then p.units else 0 end, 0,
               case when p.reservation_line_id is not null and not p.target_blocked then p.units else 0 end,
               p.reservation_line_id, p.order_ref, null, reason, null, null, null, null, p.pieces)::openstock_core.movement
      from part p
    )
    select e.movement from entry e order by e.n, e.reservation_line_id nulls first, e.step);
end
$$;

revoke all on function openstock_core.plan_moves from public;
grant execute on function openstock_core.plan_moves to openstock_api;
comment on function openstock_core.plan_moves is
  'The movements of a move: for each line the free units it takes, then each allocation it carries, or de-allocates where the target is blocked. '
  'Errors: those of check_moves.';

reset role;

-- Applies movements of products tracked by serial to their pieces: the one place where a piece goes from bin to bin, or is pinned.
-- The bins are locked, and the pieces that come in. Pieces that a line asked for and got it asks for no more.
-- Writes: ledger_serial, serial_unit, reservation_line (which pieces it asks for).
set local role openstock_owner;

create or replace function openstock_core.post_serials(
  tenant uuid, op_id text, movements openstock_core.movement[], written openstock_core.posted[])
returns openstock_core.posted[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  pieces constant openstock_core.piece[] := openstock_core.choose_serials(tenant, movements, written);
  partition constant text := 'ledger_serial_' || to_char((written[1]).recorded_at at time zone 'UTC', 'YYYY_MM');
  wrong jsonb;
  expected integer;
  changed integer;
begin
  if to_regclass('openstock_core.' || partition) is null then
    perform openstock_core.fail('OS402', jsonb_build_object('partition', partition));
  end if;
  select jsonb_build_object('op_id', op_id, 'entry_id', w.entry_id, 'units', greatest(abs(m.qty_delta), abs(m.allocated_delta)), 'serials', coalesce(c.serials, 0))
  into wrong
  from unnest(written) as w
  join unnest(movements) with ordinality as m (
    line, event_type, product_id, warehouse_id, bin_id, qty_delta, blocked_delta, reserved_delta, allocated_delta,
    reservation_line_id, order_ref, unit_cost, reason, expires_at, backordered_delta, backorder_id, quota_delta, serial_ids, ord) on m.ord = w.ord
  left join (select p.ord, count(distinct p.serial_id) as serials from unnest(pieces) as p group by p.ord) as c on c.ord = w.ord
  where w.by_serial and coalesce(c.serials, 0) <> greatest(abs(m.qty_delta), abs(m.allocated_delta))
  order by w.ord
  limit 1;
  if found then
    perform openstock_core.fail('OS902', wrong);
  end if;

  insert into openstock_core.ledger_serial (tenant_id, serial_id, recorded_at, entry_id)
  select tenant, p.serial_id, w.recorded_at, w.entry_id
  from unnest(pieces) as p
  join unnest(written) as w on w.ord = p.ord;

  -- A piece ends where the last movement brings it, and has to have been where the first one takes it from.
  with change as (
    select p.serial_id,
           (array_agg(case when m.qty_delta > 0 then null else m.bin_id end order by m.ord))[1] as old_bin,
           (array_agg(case when m.qty_delta < 0 then null else m.bin_id end order by m.ord desc))[1] as new_bin,
           (array_agg(case when m.allocated_delta < 0 then m.reservation_line_id end order by m.ord))[1] as old_line,
           (array_agg(case when m.allocated_delta > 0 then m.reservation_line_id end order by m.ord desc))[1] as new_line
    from unnest(pieces) as p
    join unnest(movements) with ordinality as m (
      line, event_type, product_id, warehouse_id, bin_id, qty_delta, blocked_delta, reserved_delta, allocated_delta,
      reservation_line_id, order_ref, unit_cost, reason, expires_at, backordered_delta, backorder_id, quota_delta, serial_ids, ord) on m.ord = p.ord
    group by p.serial_id
  )
  update openstock_core.serial_unit u set bin_id = c.new_bin, reservation_line_id = c.new_line
  from change c
  where u.tenant_id = tenant and u.serial_id = c.serial_id
    and u.bin_id is not distinct from c.old_bin and u.reservation_line_id is not distinct from c.old_line;
  get diagnostics changed = row_count;
  expected := (select count(distinct p.serial_id) from unnest(pieces) as p);
  if changed <> expected then
    perform openstock_core.fail('OS902', jsonb_build_object('op_id', op_id, 'serials', expected, 'changed', changed));
  end if;

  update openstock_core.reservation_line l
  set serial_ids = array(select s from unnest(l.serial_ids) as s where s <> all (g.serial_ids))
  from (
    select m.reservation_line_id, array_agg(p.serial_id) as serial_ids
    from unnest(pieces) as p
    join unnest(movements) with ordinality as m (
      line, event_type, product_id, warehouse_id, bin_id, qty_delta, blocked_delta, reserved_delta, allocated_delta,
      reservation_line_id, order_ref, unit_cost, reason, expires_at, backordered_delta, backorder_id, quota_delta, serial_ids, ord) on m.ord = p.ord
    where m.event_type = 'SHIP'
    group by m.reservation_line_id) as g
  where l.tenant_id = tenant and l.reservation_line_id = g.reservation_line_id and l.serial_ids && g.serial_ids;

  return array(
    select row(w.ord, w.line, w.event_type, w.product_id, w.warehouse_id, w.location_id, w.lot_id, w.status, w.qty_delta, w.reserved_delta,
               w.backordered_delta, w.reservation_line_id, w.backorder_id, w.on_hand, w.blocked, w.reserved, w.available, w.entry_id, w.recorded_at,
               w.by_serial, s.serial_ids, w.handling_unit_id)::openstock_core.posted
    from unnest(written) as w
    left join (select p.ord, array_agg(p.serial_id) as serial_ids from unnest(pieces) as p group by p.ord) as s on s.ord = w.ord);
end
$$;

revoke all on function openstock_core.post_serials from public;
grant execute on function openstock_core.post_serials to openstock_api;
comment on function openstock_core.post_serials is
  'Says of which pieces the entries are, takes these to their bins, pins and frees them, and returns the entries with them. Errors: OS402, and OS902 where an entry '
  'has not as many pieces as units, or a piece is not where it should be.';

reset role;

-- Takes pins off units that are missing, holds them, and pins others. Writes: ledger (DEALLOCATE, STATUS, ALLOCATE), stock_level, stock_bin,
-- reservation_line (changes), allocation, serial_unit, ledger_serial, and what book_due writes.
-- Locks: order, stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.replace_pins(tenant uuid, op_id text, order_ref text, lines jsonb, reason text) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  locked record;
  missing openstock_core.pick[];
  needs openstock_core.pick[];
  sources bigint[];
  targets bigint[];
  picks openstock_core.pick[];
begin
  select l.line_ids, l.due into locked from openstock_core.lock_open_lines(tenant, order_ref, false) as l;
  update openstock_core.reservation_line l set changes = l.changes + 1
  where l.tenant_id = tenant and l.reservation_line_id = any (locked.line_ids);
  -- Under the levels' locks pins move no more; those in lots that have expired go when that is booked with the bins.
  missing := openstock_core.match_short_picks(tenant, order_ref, openstock_core.open_lines(tenant, locked.line_ids, '{}'),
                                              (locked.due).lot_bin_ids, lines);
  sources := array(select m.bin_id from unnest(missing) as m);
  targets := openstock_core.make_held_bins(tenant, sources);
  needs := array(
    select row(m.reservation_line_id, m.product_id, m.warehouse_id, null, sum(m.qty), null)::openstock_core.pick
    from unnest(missing) as m group by m.reservation_line_id, m.product_id, m.warehouse_id order by m.reservation_line_id);
  picks := openstock_core.find_picks(tenant, op_id, needs, sources || targets, sources, locked.due);
  perform openstock_core.inherit_ages(tenant, sources, targets);

  perform openstock_core.post(tenant, op_id, array(
    select e.movement from (
      select m.n, s.step, row(case when s.step = 1 then 0 else l.line end, case when s.step = 1 then 'DEALLOCATE' else 'STATUS' end, m.product_id,
               m.warehouse_id, case when s.step = 3 then targets[m.n] else m.bin_id end,
               case s.step when 1 then 0 when 2 then -m.qty else m.qty end, case when s.step = 3 then m.qty else 0 end, 0,
               case when s.step = 1 then -m.qty else 0 end, case when s.step = 1 then m.reservation_line_id end, case when s.step = 1 then order_ref end,
               null, reason, null, null, null, null, m.serial_ids)::openstock_core.movement as movement
      from unnest(missing) with ordinality as m (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)
      join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = m.reservation_line_id
      cross join generate_series(1, 3) as s (step)) as e
    order by e.n, e.step), null, null, null);
  picks := openstock_core.pin(tenant, op_id, picks, reason);
  return openstock_core.pick_rows(tenant, array_fill('deallocated'::text, array[cardinality(missing)]), missing)
    || openstock_core.pick_rows(tenant, array_fill('held'::text, array[cardinality(missing)]), array(
      select row(m.reservation_line_id, m.product_id, m.warehouse_id, targets[m.n], m.qty, m.serial_ids)::openstock_core.pick
      from unnest(missing) with ordinality as m (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)))
    || openstock_core.allocation_answer(tenant, needs, picks);
end
$$;

revoke all on function openstock_core.replace_pins from public;
grant execute on function openstock_core.replace_pins to openstock_api;
comment on function openstock_core.replace_pins is
  'Replaces the pins that a short pick names, and returns the answer of short_pick. Errors: those of lock_open_lines and match_short_picks.';

reset role;

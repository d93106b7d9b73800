-- Pins units to lines; of products tracked by serial the pieces that a pick names, or the first that are free in its bin.
-- The lines and bins are locked. Writes: ledger (ALLOCATE), stock_bin, allocation, ledger_serial, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.pin(tenant uuid, op_id text, picks openstock_core.pick[], reason text)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(k.reservation_line_id, k.product_id, k.warehouse_id, k.bin_id, k.qty, e.serial_ids)::openstock_core.pick
    from openstock_core.post(tenant, op_id, array(
    select row(l.line, 'ALLOCATE', p.product_id, p.warehouse_id, p.bin_id, 0, 0, 0, p.qty,
               p.reservation_line_id, r.order_ref, null, reason, null, null, null, null, p.serial_ids)::openstock_core.movement
    from unnest(picks) with ordinality as p (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    order by p.n), null, null, null) as e
    join unnest(picks) with ordinality as k (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n) on k.n = e.ord
    order by k.n);
end
$$;

revoke all on function openstock_core.pin from public;
grant execute on function openstock_core.pin to openstock_api;
comment on function openstock_core.pin is
  'Writes these picks as allocations and returns them, with the pieces that were pinned.';

reset role;

-- Picks as rows of an answer. Reads: reservation, reservation_line, product, warehouse, stock_bin, location, lot, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.pick_rows(tenant uuid, outcomes text[], picks openstock_core.pick[]) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'order_ref', r.order_ref, 'line', l.line, 'sku', d.sku, 'warehouse', w.code, 'location', c.code, 'lot', t.code, 'handling_unit', h.code,
      'expires_on', t.expires_on, 'outcome', p.outcome, 'qty', p.qty,
      'serials', case when p.serial_ids is not null then openstock_core.serial_names(tenant, p.serial_ids) end, 'replayed', false) order by p.n), '[]')
    from rows from (unnest(picks), unnest(outcomes)) with ordinality as p (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, outcome, n)
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    join openstock_core.product d on d.tenant_id = tenant and d.product_id = l.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = p.bin_id
    left join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    left join openstock_core.handling_unit h on h.tenant_id = tenant and h.handling_unit_id = b.handling_unit_id);
end
$$;

revoke all on function openstock_core.pick_rows from public;
grant execute on function openstock_core.pick_rows to openstock_api;
comment on function openstock_core.pick_rows is
  'Picks as an array of openstock.allocation_change, each with its outcome.';

reset role;

-- The answer of functions that change bins. Reads: product, warehouse, location, lot, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.stock_answer(tenant uuid, entries openstock_core.posted[]) returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'line', e.line, 'sku', p.sku, 'warehouse', w.code, 'location', l.code, 'lot', t.code,
      'handling_unit', h.code, 'status', e.status,
      'event_type', e.event_type, 'qty', e.qty_delta,
      'serials', case when e.serial_ids is not null then openstock_core.serial_names(tenant, e.serial_ids) end, 'on_hand', e.on_hand, 'blocked', e.blocked, 'reserved', e.reserved,
      'available', e.available, 'entry_id', e.entry_id, 'recorded_at', e.recorded_at, 'replayed', false) order by e.ord), '[]')
    from unnest(entries) as e
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = e.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = e.warehouse_id
    left join openstock_core.location l on l.tenant_id = tenant and l.location_id = e.location_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = e.lot_id
    left join openstock_core.handling_unit h on h.tenant_id = tenant and h.handling_unit_id = e.handling_unit_id
    where openstock_core.is_chained(e.event_type, e.backordered_delta));
end
$$;

revoke all on function openstock_core.stock_answer from public;
grant execute on function openstock_core.stock_answer to openstock_api;
comment on function openstock_core.stock_answer is
  'Entries as an array of openstock.stock_change; what only pins or unpins units is left to the ledger.';

reset role;

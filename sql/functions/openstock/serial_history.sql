-- A piece's whole story. Reads: product, serial_unit, ledger_serial, warehouse, ledger.
-- An entry is found by its whole key, of which ledger_serial leaves out the warehouse: so each is asked.
set local role openstock_api;

create or replace function openstock.serial_history(sku text, serial text, tenant uuid default null) returns setof openstock.ledger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
#variable_conflict use_column
declare
  acting constant uuid := openstock_core.enter(tenant, true);
  wanted_sku constant text := openstock_core.check_text('sku', 'code!', serial_history.sku);
  wanted constant text := openstock_core.check_text('serial', 'code!', serial_history.serial);
  piece record;
begin
  select p.product_id, u.serial_id into piece
  from openstock_core.product p
  left join openstock_core.serial_unit u on u.tenant_id = acting and u.product_id = p.product_id and u.serial = wanted
  where p.tenant_id = acting and p.sku = wanted_sku;
  if piece.product_id is null then
    perform openstock_core.fail('OS101', jsonb_build_object('sku', wanted_sku));
  elsif piece.serial_id is null then
    perform openstock_core.fail('OS111', jsonb_build_object('sku', wanted_sku, 'serial', wanted));
  end if;
  return query
  select
    e.entry_id, e.recorded_at, coalesce(e.occurred_at, e.recorded_at), e.op_id, e.line, e.event_type::text,
    wanted_sku, w.code::text, c.code::text, t.code::text, h.code::text, e.status,
    e.qty_delta::numeric, e.blocked_delta::numeric,
    e.reserved_delta::numeric, e.allocated_delta::numeric,
    coalesce(e.backordered_delta, 0)::numeric, coalesce(e.quota_delta, 0)::numeric,
    e.on_hand_after::numeric, e.blocked_after::numeric,
    e.reserved_after::numeric, e.order_ref, e.expires_at, e.unit_cost::numeric,
    e.reference, e.reason, e.note, e.actor
  from openstock_core.ledger_serial s
  join openstock_core.warehouse w on w.tenant_id = acting
  join openstock_core.ledger e on e.tenant_id = acting and e.product_id = piece.product_id and e.warehouse_id = w.warehouse_id
    and e.recorded_at = s.recorded_at and e.entry_id = s.entry_id
  left join openstock_core.location c on c.tenant_id = acting and c.location_id = e.location_id
  left join openstock_core.lot t on t.tenant_id = acting and t.lot_id = e.lot_id
  left join openstock_core.handling_unit h on h.tenant_id = acting and h.handling_unit_id = e.handling_unit_id
  where s.tenant_id = acting and s.serial_id = piece.serial_id
  order by e.entry_id;
end
$$;

revoke all on function openstock.serial_history from public;
grant execute on function openstock.serial_history to openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.serial_history is
  'All ledger entries about one piece of a product that is tracked by serial, oldest first; quantities are those of the whole entry. Writes nothing. Errors: 22023, OS101, OS111.';

reset role;

-- The answer of functions that change promises. Reads: reservation, reservation_line, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.reservation_answer(tenant uuid, outcome text, entries openstock_core.posted[])
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'order_ref', r.order_ref, 'line', l.line, 'sku', p.sku, 'warehouse', w.code, 'outcome', outcome,
      'qty_ordered', l.ordered, 'qty_reserved', l.reserved, 'qty_short', 0, 'qty_released', greatest(-e.reserved_delta, 0),
      'expires_at', l.expires_at,
      'on_hand', e.on_hand, 'blocked', e.blocked, 'reserved', e.reserved, 'available', e.available,
      'replayed', false) order by e.ord), '[]')
    from unnest(entries) as e
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = e.reservation_line_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = e.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = e.warehouse_id
    where e.event_type in ('RESERVE', 'EXTEND', 'CONFIRM', 'RELEASE', 'EXPIRE'));
end
$$;

revoke all on function openstock_core.reservation_answer from public;
grant execute on function openstock_core.reservation_answer to openstock_api;
comment on function openstock_core.reservation_answer is
  'Entries as an array of openstock.reservation_change, with what each line has reserved now.';

reset role;

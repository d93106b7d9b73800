-- The answer of functions that change promises. Reads: reservation, reservation_line, backorder, product, warehouse.
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
      'order_ref', r.order_ref, 'line', coalesce(l.line, b.line), 'sku', p.sku, 'warehouse', w.code,
      'outcome', case when e.event_type = 'BACKORDER' then 'backordered' else outcome end,
      'qty_ordered', coalesce(l.ordered, b.backordered + b.released + b.expired), 'qty_reserved', coalesce(l.reserved, 0),
      'qty_backordered', coalesce(b.backordered, 0), 'qty_short', 0,
      'qty_released', case when e.event_type in ('RELEASE', 'EXPIRE') then -(e.reserved_delta + coalesce(e.backordered_delta, 0)) else 0 end,
      'expires_at', coalesce(l.expires_at, b.expires_at),
      'on_hand', e.on_hand, 'blocked', e.blocked, 'reserved', e.reserved, 'available', e.available,
      'replayed', false) order by e.ord), '[]')
    from unnest(entries) as e
    left join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = e.reservation_line_id
    left join openstock_core.backorder b on b.tenant_id = tenant and b.backorder_id = e.backorder_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = coalesce(l.reservation_id, b.reservation_id)
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = e.product_id
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = coalesce(l.warehouse_id, b.warehouse_id)
    where e.event_type in ('RESERVE', 'EXTEND', 'CONFIRM', 'RELEASE', 'EXPIRE') or (e.event_type = 'BACKORDER' and e.backordered_delta > 0));
end
$$;

revoke all on function openstock_core.reservation_answer from public;
grant execute on function openstock_core.reservation_answer to openstock_api;
comment on function openstock_core.reservation_answer is
  'Entries as an array of openstock.reservation_change, with what each line has reserved now, and each backorder waits for.';

reset role;

-- What of an order has ended, as rows of an answer. Reads: reservation, reservation_line, reservation_kit, backorder, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.ended_holds(tenant uuid, order_id bigint, at timestamptz) returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'order_ref', r.order_ref, 'line', e.line, 'sku', p.sku, 'warehouse', w.code, 'outcome', 'expired',
      'qty_ordered', e.ordered, 'qty_reserved', 0, 'qty_backordered', 0, 'qty_short', 0, 'qty_released', e.units, 'expires_at', e.expires_at,
      'kit', k.sku, 'replayed', false) order by e.line, e.backorder_id nulls first, e.reservation_line_id), '[]')
    from (
      select s.*, trim_scale(s.expired + case when s.expires_at <= at then s.open else 0 end) as units
      from openstock_core.parts_of_order(tenant, order_id) as s) as e
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = order_id
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = e.product_id
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = e.warehouse_id
    left join openstock_core.reservation_kit c
      on c.tenant_id = tenant and c.reservation_id = order_id and c.line = e.line and c.product_id = e.product_id
    left join openstock_core.product k on k.tenant_id = tenant and k.product_id = c.kit_id
    where e.units > 0);
end
$$;

revoke all on function openstock_core.ended_holds from public;
grant execute on function openstock_core.ended_holds to openstock_api;
comment on function openstock_core.ended_holds is
  'Rows of openstock.reservation_change with outcome expired for the order''s units whose hold has ended by this moment, booked or not.';

reset role;

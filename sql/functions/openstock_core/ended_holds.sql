-- What of an order has ended, as rows of an answer. Reads: reservation, reservation_line, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.ended_holds(tenant uuid, order_id bigint, at timestamptz) returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'order_ref', r.order_ref, 'line', l.line, 'sku', p.sku, 'warehouse', w.code, 'outcome', 'expired',
      'qty_ordered', l.ordered, 'qty_reserved', 0, 'qty_short', 0, 'qty_released', u.units, 'expires_at', l.expires_at,
      'replayed', false) order by l.line, l.reservation_line_id), '[]')
    from openstock_core.reservation_line l
    cross join lateral (
      select trim_scale(l.expired + case when l.expires_at <= at then l.reserved else 0 end) as units) as u
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = l.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id
    where l.tenant_id = tenant and l.reservation_id = order_id and u.units > 0);
end
$$;

revoke all on function openstock_core.ended_holds from public;
grant execute on function openstock_core.ended_holds to openstock_api;
comment on function openstock_core.ended_holds is
  'Rows of openstock.reservation_change with outcome expired for the order''s units whose hold has ended by this moment, booked or not.';

reset role;

-- Plans the entries about units that wait. Reads: backorder, reservation, warehouse.
set local role openstock_owner;

create or replace function openstock_core.backorder_movements(
  tenant uuid, event_type text, line integer, backorder_ids bigint[], units numeric[], reason text, until timestamptz)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(cardinality(backorder_ids), 0) = 0 then
    return array[]::openstock_core.movement[];
  end if;
  return array(
    select row(coalesce(backorder_movements.line, b.line), event_type, b.product_id, coalesce(b.warehouse_id, f.warehouse_id), null, 0, 0, 0, 0,
               null, r.order_ref, null, reason,
               case event_type when 'BACKORDER' then b.expires_at when 'EXTEND' then greatest(b.expires_at, until) end,
               case when event_type not in ('EXTEND', 'CONFIRM') then coalesce(k.units, -b.backordered) end,
               b.backorder_id, null, null)::openstock_core.movement
    from rows from (unnest(backorder_ids), unnest(units)) with ordinality as k (backorder_id, units, n)
    join openstock_core.backorder b on b.tenant_id = tenant and b.backorder_id = k.backorder_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = b.reservation_id
    cross join (select w.warehouse_id from openstock_core.warehouse w
                where w.tenant_id = tenant order by w.active desc, w.priority, w.code limit 1) as f
    order by k.n);
end
$$;

revoke all on function openstock_core.backorder_movements from public;
grant execute on function openstock_core.backorder_movements to openstock_api;
comment on function openstock_core.backorder_movements is
  'Movements of this type for these backorders, each by so many units, or by all that wait, under the order''s line or the one given; EXTEND until a time, '
  'if that is later.';

reset role;

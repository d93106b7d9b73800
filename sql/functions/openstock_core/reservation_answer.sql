-- The answer of functions that change promises. No sequential scan: planned while the orders are few, each would be read for every answer.
-- Reads: reservation, reservation_line, reservation_kit, backorder, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.reservation_answer(tenant uuid, outcome text, entries openstock_core.posted[])
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
  -- Materialized, so that the names joined below are plain columns: under row-level security no index serves a join on an expression.
  return (
    with entry as materialized (
      select e.ord, e.event_type, e.product_id, e.reserved_delta, e.backordered_delta, e.on_hand, e.blocked, e.reserved as level_reserved, e.available,
             coalesce(l.reservation_id, b.reservation_id) as reservation_id, coalesce(l.warehouse_id, b.warehouse_id) as warehouse_id,
             coalesce(l.line, b.line) as line, coalesce(l.ordered, b.backordered + b.released + b.expired) as ordered,
             coalesce(l.reserved, 0) as reserved, coalesce(b.backordered, 0) as backordered, coalesce(l.expires_at, b.expires_at) as expires_at
      from unnest(entries) as e
      left join lateral (select * from openstock_core.reservation_line s
                         where s.tenant_id = tenant and s.reservation_line_id = e.reservation_line_id limit 1) as l on true
      left join lateral (select * from openstock_core.backorder s
                         where s.tenant_id = tenant and s.backorder_id = e.backorder_id limit 1) as b on true
      where e.event_type in ('RESERVE', 'EXTEND', 'CONFIRM', 'RELEASE', 'EXPIRE') or (e.event_type = 'BACKORDER' and e.backordered_delta > 0)
    )
    select coalesce(jsonb_agg(o order by e.ord), '[]')
    from entry e
    cross join lateral (select * from openstock_core.reservation s where s.tenant_id = tenant and s.reservation_id = e.reservation_id limit 1) as r
    cross join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.product_id = e.product_id limit 1) as p
    left join lateral (select * from openstock_core.warehouse s
                       where s.tenant_id = tenant and s.warehouse_id = e.warehouse_id limit 1) as w on true
    left join lateral (select s.kit_id from openstock_core.reservation_kit s
                       where s.tenant_id = tenant and s.reservation_id = e.reservation_id and s.line = e.line and s.product_id = e.product_id limit 1) as c on true
    left join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.product_id = c.kit_id limit 1) as k on c.kit_id is not null
    -- As a row: jsonb_agg would write an object of jsonb_build_object a second time.
    cross join lateral (
      select r.order_ref, e.line, p.sku, w.code as warehouse, case when e.event_type = 'BACKORDER' then 'backordered' else outcome end as outcome,
             e.ordered as qty_ordered, e.reserved as qty_reserved, e.backordered as qty_backordered, 0 as qty_short,
             case when e.event_type in ('RELEASE', 'EXPIRE') then -(e.reserved_delta + coalesce(e.backordered_delta, 0)) else 0 end as qty_released,
             e.expires_at, e.on_hand, e.blocked, e.level_reserved as reserved, e.available, k.sku as kit, false as replayed) as o);
end
$$;

revoke all on function openstock_core.reservation_answer from public;
grant execute on function openstock_core.reservation_answer to openstock_api;
comment on function openstock_core.reservation_answer is
  'Entries as an array of openstock.reservation_change, with what each line has reserved now, and each backorder waits for.';

reset role;

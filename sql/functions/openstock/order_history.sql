-- An order's whole story. Reads: reservation, reservation_line, backorder, ledger.
-- Also what happened to its units before they were its own: a cart's, say. Its lines' products bound what is read of the ledger.
set local role openstock_api;

create or replace function openstock.order_history(order_ref text, tenant uuid default null) returns setof openstock.ledger
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
  wanted constant text := openstock_core.check_text('order_ref', 'code!', order_history.order_ref);
  order_id bigint;
begin
  select r.reservation_id into order_id from openstock_core.reservation r where r.tenant_id = acting and r.order_ref = wanted;
  if order_id is null then
    perform openstock_core.fail('OS301', jsonb_build_object('order_ref', wanted));
  end if;
  return query
  with entry as (
    select e.*
    from openstock_core.reservation_line l
    join openstock_core.ledger e on e.tenant_id = acting and e.product_id = l.product_id and e.warehouse_id = l.warehouse_id
      and e.recorded_at >= l.created_at and e.reservation_line_id = l.reservation_line_id
    where l.tenant_id = acting and l.reservation_id = order_id
    union all
    select e.*
    from openstock_core.backorder b
    join openstock_core.ledger e on e.tenant_id = acting and e.product_id = b.product_id and e.recorded_at >= b.created_at
      and e.backorder_id = b.backorder_id
    where b.tenant_id = acting and b.reservation_id = order_id
  )
  select
    e.entry_id, e.recorded_at, coalesce(e.occurred_at, e.recorded_at), e.op_id, e.line, e.event_type::text,
    p.sku::text, w.code::text, c.code::text, t.code::text, h.code::text, e.status,
    e.qty_delta::numeric, e.blocked_delta::numeric,
    e.reserved_delta::numeric, e.allocated_delta::numeric,
    coalesce(e.backordered_delta, 0)::numeric, coalesce(e.quota_delta, 0)::numeric,
    e.on_hand_after::numeric, e.blocked_after::numeric,
    e.reserved_after::numeric, e.order_ref, e.expires_at, e.unit_cost::numeric,
    e.reference, e.reason, e.note, e.actor
  from entry e
  join openstock_core.product p on p.tenant_id = acting and p.product_id = e.product_id
  join openstock_core.warehouse w on w.tenant_id = acting and w.warehouse_id = e.warehouse_id
  left join openstock_core.location c on c.tenant_id = acting and c.location_id = e.location_id
  left join openstock_core.lot t on t.tenant_id = acting and t.lot_id = e.lot_id
  left join openstock_core.handling_unit h on h.tenant_id = acting and h.handling_unit_id = e.handling_unit_id
  order by e.entry_id;
end
$$;

revoke all on function openstock.order_history from public;
grant execute on function openstock.order_history to openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.order_history is
  'All ledger entries about an order''s units, oldest first, also from before they were confirmed into it. Writes nothing. Errors: 22023, OS301.';

reset role;

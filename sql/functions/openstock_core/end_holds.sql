-- Ends holds whose time has come: their units are nobody's any more. The levels, backlogs, backorders, lines and bins are locked.
-- Writes: ledger (DEALLOCATE, EXPIRE), stock_level, stock_bin, reservation_line, allocation, backorder, backlog.
set local role openstock_owner;

create or replace function openstock_core.end_holds(tenant uuid, op_id text, line_ids bigint[], backorder_ids bigint[])
returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select * from openstock_core.post(tenant, op_id, array(
    select row(0, 'DEALLOCATE', l.product_id, l.warehouse_id, a.bin_id, 0, 0, 0, -a.qty,
               l.reservation_line_id, r.order_ref, null, 'expired', null, null, null, null, null)::openstock_core.movement
    from openstock_core.allocation a
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = a.reservation_line_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    where a.tenant_id = tenant and a.reservation_line_id = any (line_ids)
    order by a.reservation_line_id, a.bin_id) || array(
    select row(0, 'EXPIRE', l.product_id, l.warehouse_id, null, 0, 0, -l.reserved, 0,
               l.reservation_line_id, r.order_ref, null, 'expired', null, null, null,
               case when l.quota_used > 0 then openstock_core.units_for_quota(tenant, l.channel_id, l.quota_used, l.reserved) end,
               null)::openstock_core.movement
    from openstock_core.reservation_line l
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    where l.tenant_id = tenant and l.reservation_line_id = any (line_ids)
    order by l.reservation_line_id)
    || openstock_core.backorder_movements(tenant, 'EXPIRE', 0, backorder_ids, null, 'expired', null), null, null, null);

  update openstock_core.stock_level l set next_expiry_at = (
    select min(n.expires_at)
    from openstock_core.reservation_line n
    where n.tenant_id = tenant and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
      and n.expires_at is not null and n.reserved > 0)
  from (select distinct n.product_id, n.warehouse_id from openstock_core.reservation_line n
        where n.tenant_id = tenant and n.reservation_line_id = any (line_ids)) as k
  where l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id;
  update openstock_core.backlog g set next_expiry_at = (
    select min(b.expires_at)
    from openstock_core.backorder b
    where b.tenant_id = tenant and b.product_id = g.product_id and b.expires_at is not null and b.backordered > 0)
  where g.tenant_id = tenant and g.product_id in (
    select b.product_id from openstock_core.backorder b where b.tenant_id = tenant and b.backorder_id = any (backorder_ids));
end
$$;

revoke all on function openstock_core.end_holds from public;
grant execute on function openstock_core.end_holds to openstock_api;
comment on function openstock_core.end_holds is
  'De-allocates what these lines have pinned, ends their promises and what these backorders wait for, and recomputes when the next hold ends at their levels '
  'and in their backlogs; returns the entries.';

reset role;

-- Ends holds whose time has come: their units are nobody's any more. The levels, lines and bins are locked.
-- Writes: ledger (DEALLOCATE, EXPIRE), stock_level, stock_bin, reservation_line, allocation.
set local role openstock_owner;

create or replace function openstock_core.end_holds(tenant uuid, op_id text, line_ids bigint[]) returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select * from openstock_core.post(tenant, op_id, array(
    select row(0, 'DEALLOCATE', l.product_id, l.warehouse_id, a.bin_id, 0, 0, 0, -a.qty,
               l.reservation_line_id, r.order_ref, null, 'expired', null)::openstock_core.movement
    from openstock_core.allocation a
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = a.reservation_line_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    where a.tenant_id = tenant and a.reservation_line_id = any (line_ids)
    order by a.reservation_line_id, a.bin_id) || array(
    select row(0, 'EXPIRE', l.product_id, l.warehouse_id, null, 0, 0, -l.reserved, 0,
               l.reservation_line_id, r.order_ref, null, 'expired', null)::openstock_core.movement
    from openstock_core.reservation_line l
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    where l.tenant_id = tenant and l.reservation_line_id = any (line_ids)
    order by l.reservation_line_id), null, null, null);

  update openstock_core.stock_level l set next_expiry_at = (
    select min(n.expires_at)
    from openstock_core.reservation_line n
    where n.tenant_id = tenant and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
      and n.expires_at is not null and n.reserved > 0)
  from (select distinct n.product_id, n.warehouse_id from openstock_core.reservation_line n
        where n.tenant_id = tenant and n.reservation_line_id = any (line_ids)) as k
  where l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id;
end
$$;

revoke all on function openstock_core.end_holds from public;
grant execute on function openstock_core.end_holds to openstock_api;
comment on function openstock_core.end_holds is
  'De-allocates what these lines have pinned, ends their promises, and recomputes when the next hold ends at their levels; returns the entries.';

reset role;

-- Books that an order gives back what it was promised and what it waits for. The levels, backlogs, backorders, lines and bins are locked.
-- Writes: ledger (RELEASE, DEALLOCATE), stock_level, channel_quota, stock_bin, reservation_line, allocation, backorder, backlog.
set local role openstock_owner;

create or replace function openstock_core.release_units(
  tenant uuid, op_id text, order_ref text, taken openstock_core.taken_line[], reason text)
returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select p.* from openstock_core.post(tenant, op_id,
    openstock_core.unpin_from_lines(tenant, order_ref, taken, reason) || array(
      select row(t.line, 'RELEASE', t.product_id, t.warehouse_id, null, 0, 0, -t.qty, 0,
                 t.reservation_line_id, order_ref, null, reason, null, null, null,
                 case when n.quota_used > 0 then openstock_core.units_for_quota(tenant, n.channel_id, n.quota_used, t.qty) end, null)::openstock_core.movement
      from unnest(taken) as t
      cross join lateral (select * from openstock_core.reservation_line s
                          where s.tenant_id = tenant and s.reservation_line_id = t.reservation_line_id limit 1) as n)
    || openstock_core.backorder_movements(tenant, 'RELEASE', null,
      array(select t.backorder_id from unnest(taken) as t where t.backorder_id is not null order by t.backorder_id),
      array(select -t.qty from unnest(taken) as t where t.backorder_id is not null order by t.backorder_id), reason, null),
    null, null, null) as p;
end
$$;

revoke all on function openstock_core.release_units from public;
grant execute on function openstock_core.release_units to openstock_api;
comment on function openstock_core.release_units is 'Writes what is given back, pins of it first, and returns the entries.';

reset role;

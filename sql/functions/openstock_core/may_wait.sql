-- Says whether units may wait for stock. The backlogs are locked. Reads: product, backlog, warehouse.
-- Without a limit, as many as a quantity can be.
set local role openstock_owner;

create or replace function openstock_core.may_wait(tenant uuid, waiting openstock_core.order_line[]) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from openstock_core.warehouse w where w.tenant_id = tenant)
    and not openstock_core.asks_for_certain_units(waiting) and not openstock_core.asks_for_kits(waiting) and not exists (
    select from (select u.product_id, sum(u.qty) as qty from unnest(waiting) as u group by u.product_id) as k
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = k.product_id
    left join openstock_core.backlog g on g.tenant_id = tenant and g.product_id = k.product_id
    where p.backorder = 'none' or k.qty + coalesce(g.backordered, 0) > coalesce(p.backorder_limit, 999999999999.999999));
end
$$;

revoke all on function openstock_core.may_wait from public;
grant execute on function openstock_core.may_wait to openstock_api;
comment on function openstock_core.may_wait is
  'True where none of them is part of a kit, or has to be of a certain location, lot or life, and the backorder policy of every product lets these units wait beside those that wait already.';

reset role;

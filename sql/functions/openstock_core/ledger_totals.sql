-- What current_stock holds. A function, so that it carries row_security = on: a restore switches that off, and could then
-- not fill the view. What waits for stock is at no warehouse, although its entries name one. Reads: ledger, of all tenants.
set local role openstock_maint;

create or replace function openstock_core.ledger_totals(
  out tenant_id uuid, out product_id bigint, out warehouse_id bigint, out on_hand numeric, out blocked numeric,
  out reserved numeric, out allocated numeric, out entries bigint, out last_recorded_at timestamptz)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
set row_security = on
begin atomic
  select e.tenant_id, e.product_id, e.warehouse_id, sum(e.qty_delta), sum(e.blocked_delta), sum(e.reserved_delta),
         sum(e.allocated_delta), count(*), max(e.recorded_at)
  from openstock_core.ledger e
  where e.backorder_id is null
  group by e.tenant_id, e.product_id, e.warehouse_id;
end;

revoke all on function openstock_core.ledger_totals from public;
comment on function openstock_core.ledger_totals is 'The ledger''s sums per tenant, product and warehouse, without what waits for stock.';

reset role;

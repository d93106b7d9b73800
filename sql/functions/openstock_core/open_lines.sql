-- An order's locked reservation lines and backorders, as one list. Reads: reservation_line, backorder.
set local role openstock_owner;

create or replace function openstock_core.open_lines(
  tenant uuid, line_ids bigint[], backorder_ids bigint[],
  out reservation_line_id bigint, out backorder_id bigint, out line integer, out product_id bigint, out warehouse_id bigint, out units numeric)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select l.reservation_line_id, null::bigint, l.line, l.product_id, l.warehouse_id, l.reserved
  from openstock_core.reservation_line l
  where l.tenant_id = tenant and l.reservation_line_id = any (line_ids)
  union all
  select null, b.backorder_id, b.line, b.product_id, b.warehouse_id, b.backordered
  from openstock_core.backorder b
  where b.tenant_id = tenant and b.backorder_id = any (backorder_ids);
end;

revoke all on function openstock_core.open_lines from public;
grant execute on function openstock_core.open_lines to openstock_api;
comment on function openstock_core.open_lines is 'What these lines have reserved and these backorders wait for; the warehouse is null where any may fill.';

reset role;

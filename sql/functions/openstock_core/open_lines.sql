-- An order's locked reservation lines and backorders, as one list. Reads: reservation_line, backorder.
set local role openstock_owner;

create or replace function openstock_core.open_lines(tenant uuid, line_ids bigint[], backorder_ids bigint[])
returns openstock_core.open_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(l.reservation_line_id, null, l.line, l.product_id, l.warehouse_id, l.reserved)::openstock_core.open_line
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_line_id = any (line_ids))
  || array(
    select row(null, b.backorder_id, b.line, b.product_id, b.warehouse_id, b.backordered)::openstock_core.open_line
    from openstock_core.backorder b
    where b.tenant_id = tenant and b.backorder_id = any (backorder_ids));
end
$$;

revoke all on function openstock_core.open_lines from public;
grant execute on function openstock_core.open_lines to openstock_api;
comment on function openstock_core.open_lines is
  'What these lines have reserved and these backorders wait for.';

reset role;

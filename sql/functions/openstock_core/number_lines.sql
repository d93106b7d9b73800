-- Gives an order's new lines their numbers. The order is locked. Reads: what check_order_is_open reads.
set local role openstock_owner;

create or replace function openstock_core.number_lines(
  tenant uuid, order_id bigint, order_ref text, lines openstock_core.order_line[])
returns openstock_core.order_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  taken integer[];
  repeated integer;
begin
  perform openstock_core.check_order_is_open(tenant, order_id, order_ref);
  taken := array(select p.line from openstock_core.parts_of_order(tenant, order_id) as p);
  select min(l.line) into repeated from unnest(lines) as l where l.line = any (taken);
  if repeated is not null then
    perform openstock_core.fail('OS304', jsonb_build_object('order_ref', order_ref, 'line', repeated));
  end if;
  return array(
    select row(coalesce(l.line, h.highest + row_number() over (partition by l.line is null order by l.n)),
               l.sku, l.product_id, l.warehouse_id, l.qty, l.location_id, l.lot_id, l.min_days_left)::openstock_core.order_line
    from unnest(lines) with ordinality as l (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, n)
    cross join (select coalesce(max(u.line), 0) as highest
                from (select unnest(taken) as line union all select o.line from unnest(lines) as o) as u) as h
    order by l.n);
end
$$;

revoke all on function openstock_core.number_lines from public;
grant execute on function openstock_core.number_lines to openstock_api;
comment on function openstock_core.number_lines is
  'Numbers an order''s new lines after the highest line there is. Errors: OS302, OS304.';

reset role;

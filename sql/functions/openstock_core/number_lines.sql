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
    perform openstock_core.fail('OS304', jsonb_build_object('order_ref', order_ref, 'order_line', repeated));
  end if;
  return openstock_core.number_new_lines(tenant, order_id, lines);
end
$$;

revoke all on function openstock_core.number_lines from public;
grant execute on function openstock_core.number_lines to openstock_api;
comment on function openstock_core.number_lines is
  'Numbers an order''s new lines after the highest line there is. Errors: OS302, OS304.';

reset role;

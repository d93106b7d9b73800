-- Locks an order's open lines, and says how much of each a release or shipment takes. Locks: as lock_open_lines.
set local role openstock_owner;

create or replace function openstock_core.take_order_lines(tenant uuid, order_ref text, lines jsonb, waiting_too boolean)
returns openstock_core.taking
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  locked record;
  available openstock_core.open_line[];
  taken openstock_core.taken_line[];
  named openstock_core.taken_line[] := array[]::openstock_core.taken_line[];
begin
  select l.line_ids, l.backorder_ids, l.due into locked from openstock_core.lock_open_lines(tenant, order_ref, waiting_too) as l;
  available := openstock_core.open_lines(tenant, locked.line_ids, locked.backorder_ids);
  if lines is not null then
    taken := openstock_core.match_order_lines(tenant, order_ref, available, lines);
    if jsonb_path_exists(lines, '$[*].serials[*]') then
      named := openstock_core.match_serials(tenant, order_ref, available, taken, lines);
    end if;
    return row(taken, locked.due, named)::openstock_core.taking;
  end if;
  return row(array(
    select row(o.reservation_line_id, o.line, o.product_id, o.warehouse_id, o.units, o.units, o.backorder_id, null)::openstock_core.taken_line
    from unnest(available) as o
    order by o.line, o.backorder_id nulls first, o.reservation_line_id), locked.due, named)::openstock_core.taking;
end
$$;

revoke all on function openstock_core.take_order_lines from public;
grant execute on function openstock_core.take_order_lines to openstock_api;
comment on function openstock_core.take_order_lines is
  'What the request takes of each of the order''s open lines, all of them without lines; and what is due. '
  'Errors: those of lock_open_lines match_order_lines and match_serials.';

reset role;

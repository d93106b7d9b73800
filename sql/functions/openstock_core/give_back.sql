-- Gives back what an order was promised and what it waits for. Writes: ledger (RELEASE, DEALLOCATE), stock_level, stock_bin,
-- reservation_line, allocation, backorder, backlog, and what book_due writes. Locks: order, stock_level by (product, warehouse), backlog by
-- product_id, backorder by id, reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.give_back(tenant uuid, op_id text, order_ref text, lines jsonb, reason text, outcome text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  taking constant openstock_core.taking := openstock_core.take_order_lines(tenant, order_ref, lines, true);
  entries openstock_core.posted[];
begin
  perform openstock_core.settle_bins(tenant, op_id, array(
    select distinct a.bin_id from unnest(taking.lines) as t
    join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id), '{}', taking.due);
  entries := array(select p from openstock_core.release_units(tenant, op_id, order_ref, taking.lines, reason) as p);
  -- A statement of its own: within the one above, the lines would still be what they were before.
  return openstock_core.reservation_answer(tenant, outcome, entries);
end
$$;

revoke all on function openstock_core.give_back from public;
grant execute on function openstock_core.give_back to openstock_api;
comment on function openstock_core.give_back is
  'Releases what the request takes of an order, and returns the answer. Errors: those of take_order_lines.';

reset role;

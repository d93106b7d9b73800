-- Books what came due at levels: holds that ended give their units back, and units of expired lots are blocked. The levels, lines and
-- bins are locked. Writes: ledger (DEALLOCATE, EXPIRE, STATUS), stock_level, stock_bin, reservation_line, allocation, backorder,
-- backlog.
set local role openstock_owner;

create or replace function openstock_core.book_due(tenant uuid, op_id text, due openstock_core.due) returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(due.line_ids) > 0 or cardinality(due.backorder_ids) > 0 then
    return query select * from openstock_core.end_holds(tenant, op_id, due.line_ids, due.backorder_ids);
  end if;
  if cardinality(due.levels) > 0 then
    perform openstock_core.judge_bins(tenant, op_id, due.levels, due.lot_bin_ids, due.at, 'expired');
  end if;
end
$$;

revoke all on function openstock_core.book_due from public;
grant execute on function openstock_core.book_due to openstock_api;
comment on function openstock_core.book_due is
  'Books the holds that ended and blocks the units of lots that have expired; returns the entries of the holds.';

reset role;

-- Finds and locks the bins for all that orders have promised and not pinned. The orders are locked, and the first is served first. No level is waited for while lines
-- or bins are locked: where holds that have ended keep the units pinned, all is given up and begun again with the levels.
-- Writes: what book_due writes.
-- Locks: stock_level by (product, warehouse) (only then), reservation_line by id, and what try_picks locks.
set local role openstock_owner;

create or replace function openstock_core.find_picks_of_orders(
  tenant uuid, op_id text, order_ids bigint[], only_warehouse bigint, firm_only boolean, removal text, whole_units boolean,
  out needs openstock_core.pick[], out picks openstock_core.pick[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  due openstock_core.due;
begin
  for attempt in 0 .. 20 loop
    begin
      due := null;
      if attempt > 1 and cardinality(openstock_core.find_due_holds(tenant, needs, openstock.server_time(), true)) > 0 then
        due := openstock_core.lock_levels(tenant, array(
          select row(n.product_id, n.warehouse_id)::openstock_core.level_key from unnest(needs) as n), false);
        due := openstock_core.lock_due_holds(tenant, due, openstock_core.find_due_holds(tenant, needs, due.at, true), true);
      end if;
      needs := openstock_core.lock_needs(tenant, order_ids, only_warehouse, firm_only);
      picks := array[]::openstock_core.pick[];
      if cardinality(needs) > 0 or due.at is not null then
        picks := openstock_core.try_picks(tenant, op_id, needs, removal, '{}', '{}', due, attempt, whole_units);
      end if;
      return;
    exception when sqlstate 'OS901' then
      continue;
    end;
  end loop;
  perform openstock_core.fail('40001', '{"problem": "units kept moving from bin to bin"}');
end
$$;

revoke all on function openstock_core.find_picks_of_orders from public;
grant execute on function openstock_core.find_picks_of_orders to openstock_api;
comment on function openstock_core.find_picks_of_orders is
  'What the orders need pinned, null where they are promised nothing, and the picks by the removal rule; together less than the needs only where no bin has '
  'more. Errors: 40001 where units kept moving.';

reset role;

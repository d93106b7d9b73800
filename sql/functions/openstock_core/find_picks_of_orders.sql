-- Finds and locks the bins for all that orders have promised and not pinned. The orders are locked, and the first is served first. No level is waited for while lines
-- or bins are locked: where holds that have ended keep the units pinned, all is given up and begun again with the levels.
-- Where serve is given, orders that get nothing (partial) or not everything (reject) are dropped, and what is found for the others is found anew.
-- All of that in one subtransaction at a time, none within another: who waits for a lock of an inner one that ended well waits until the whole transaction
-- ends, even where an outer one gives the lock up, and meanwhile keeps its place before others, this call among them.
-- Writes: what book_due writes.
-- Locks: stock_level by (product, warehouse) (only then), reservation_line by id, and what try_picks locks.
set local role openstock_owner;

create or replace function openstock_core.find_picks_of_orders(
  tenant uuid, op_id text, order_ids bigint[], only_warehouse bigint, firm_only boolean, removal text, whole_units boolean, serve text,
  out needs openstock_core.pick[], out picks openstock_core.pick[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  due openstock_core.due;
  attempt integer := 0;
  served bigint[];
  hopeful bigint[] := order_ids;
begin
  loop
    begin
      served := null;
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
      exit when serve is null;
      served := openstock_core.served_orders(tenant, order_ids, needs, picks, serve = 'reject');
      exit when cardinality(served) > 0 and (serve = 'partial' or openstock_core.units(needs) = openstock_core.units(picks));
      perform openstock_core.fail('OS901', '{"problem": "not for all of these orders"}');
    exception when sqlstate 'OS901' then
      attempt := case when served is null then attempt + 1 else 0 end;
      if attempt > 20 then
        perform openstock_core.fail('40001', '{"problem": "units kept moving from bin to bin"}');
      end if;
      if cardinality(served) = 0 then
        -- Who was tried seemed to get everything, and did not, since what certain units there are for one hangs on who else asks: those whom they stood
        -- before are tried again.
        hopeful := array(select o.order_id from unnest(hopeful) with ordinality as o (order_id, n) where o.order_id <> all (order_ids) order by o.n);
        served := hopeful;
        if cardinality(hopeful) = 0 then
          needs := '{}';
          picks := '{}';
          return;
        end if;
      end if;
      -- Units of an order that gets not everything are for those behind it: what they get is found anew, without it.
      order_ids := coalesce(served, order_ids);
    end;
  end loop;
  if serve is not null then
    needs := array(
      select n from unnest(needs) as n
      join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = n.reservation_line_id
      where l.reservation_id = any (served)
      order by array_position(order_ids, l.reservation_id), n.reservation_line_id);
  end if;
end
$$;

revoke all on function openstock_core.find_picks_of_orders from public;
grant execute on function openstock_core.find_picks_of_orders to openstock_api;
comment on function openstock_core.find_picks_of_orders is
  'What the orders need pinned, null where they are promised nothing, and the picks by the removal rule; together less than the needs only where no bin has '
  'more. serve: null (all that there is, of all of them), partial (of those that get something) or reject (of those that get everything); where none is served nothing, '
  'and no line or bin is locked. Errors: 40001 where units kept moving.';

reset role;

-- Finds and locks the bins that a shipment's units come from, and books what is due. The levels and lines are locked.
-- Writes: what book_due writes. Locks: what try_picks locks, and from the third attempt on before it reservation_line by id: those
-- whose hold has ended and keeps units pinned.
set local role openstock_owner;

create or replace function openstock_core.find_picks(
  tenant uuid, op_id text, needs openstock_core.pick[], named bigint[], avoided bigint[], due openstock_core.due)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  due_now openstock_core.due := due;
begin
  if cardinality(needs) = 0 then
    perform openstock_core.settle_bins(tenant, op_id, named, '{}', due);
    return array[]::openstock_core.pick[];
  end if;
  for attempt in 0 .. 20 loop
    begin
      if attempt > 1 then
        due_now := openstock_core.lock_due_holds(tenant, due, array(
          select unnest(due.line_ids) union select unnest(openstock_core.find_due_holds(tenant, needs, due.at, true, avoided))), true);
      end if;
      return openstock_core.try_picks(tenant, op_id, needs, null, named, avoided, due_now, attempt, false);
    exception when sqlstate 'OS901' then
      continue;
    end;
  end loop;
  perform openstock_core.fail('40001', '{"problem": "units kept moving from bin to bin"}');
end
$$;

revoke all on function openstock_core.find_picks from public;
grant execute on function openstock_core.find_picks to openstock_api;
comment on function openstock_core.find_picks is
  'Locks the bins named and others for these needs, and returns picks by the removal rule, none from bins to be avoided; together less than the needs only where no bin has more. '
  'Errors: 40001 where units kept moving.';

reset role;

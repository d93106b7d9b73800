-- Repairs the projections from the ledger alone. Writes, with replace: stock_level, product (its row, unchanged), stock_bin,
-- reservation, reservation_line, allocation, backorder, backlog, serial_unit. Locks, with replace: tenant (advisory, alone: begin_operation shares it),
-- so that nothing of the tenant is half written.
set local role openstock_maint;

create or replace function openstock_admin.rebuild(tenant uuid, replace boolean default false)
returns table (fact text, key jsonb, expected numeric, actual numeric, replaced boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set jit = off
set lock_timeout = '5s'
as $$
#variable_conflict use_column
declare
  left_over record;
begin
  if not exists (select from openstock_core.tenant t where t.tenant_id = rebuild.tenant) then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', rebuild.tenant));
  end if;
  if rebuild.replace then
    perform pg_advisory_xact_lock(openstock_core.tenant_lock(rebuild.tenant));
  end if;
  return query
    select d.fact, d.key, d.expected, d.actual, coalesce(rebuild.replace, false) and d.repairable
    from openstock_core.differences(rebuild.tenant) as d
    order by d.fact, d.key;
  if rebuild.replace then
    perform openstock_core.replace_levels(rebuild.tenant);
    perform openstock_core.replace_lines(rebuild.tenant);
    perform openstock_core.replace_backorders(rebuild.tenant);
    perform openstock_core.replace_bins(rebuild.tenant);
    perform openstock_core.replace_serials(rebuild.tenant);
    perform openstock_core.replace_due_times(rebuild.tenant);
    select d.* into left_over from openstock_core.differences(rebuild.tenant) as d where d.repairable limit 1;
    if found then
      perform openstock_core.fail('OS501', to_jsonb(left_over));
    end if;
  end if;
end
$$;

revoke all on function openstock_admin.rebuild from public;
grant execute on function openstock_admin.rebuild to openstock_operator;
comment on function openstock_admin.rebuild is
  'Replays the tenant''s ledger and returns every difference from the projections; with replace => true it then puts the replayed '
  'quantities in their place, while the tenant''s writers wait; it gives up (55P03) where a transaction of theirs does not end within 5 s. What contradicts itself within the ledger, '
  'or the master data on the ledger''s own word, is reported and stays (replaced is false). Errors: OS003, OS501.';

reset role;

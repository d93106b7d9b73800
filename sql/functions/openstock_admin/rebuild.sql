-- Repairs the projections from the ledger alone. Writes, with replace: stock_level, stock_bin, reservation,
-- reservation_line, allocation. Locks, with replace: these tables against writers, stock_level first as every writer does,
-- and in a mode that waits for those who have locked rows and write later.
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
    lock table openstock_core.stock_level, openstock_core.reservation_line, openstock_core.stock_bin, openstock_core.allocation
      in exclusive mode;
  end if;
  return query
    select d.fact, d.key, d.expected, d.actual, coalesce(rebuild.replace, false) and d.repairable
    from openstock_core.differences(rebuild.tenant) as d;
  if rebuild.replace then
    perform openstock_core.replace_levels(rebuild.tenant);
    perform openstock_core.replace_lines(rebuild.tenant);
    perform openstock_core.replace_bins(rebuild.tenant);
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
  'quantities in their place, while all writers wait; it gives up (55P03) where it cannot have the tables within 5 s. What contradicts itself within the ledger is reported and stays (replaced is false). Errors: OS003, OS501.';

reset role;

-- Proves the projections against the ledger. Reads: everything of the tenant, in one statement, and so at one moment.
set local role openstock_maint;

create or replace function openstock_admin.verify(tenant uuid default null)
returns table (tenant_id uuid, fact text, key jsonb, expected numeric, actual numeric)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set jit = off
as $$
#variable_conflict use_column
declare
  one uuid;
begin
  if verify.tenant is not null and not exists (select from openstock_core.tenant t where t.tenant_id = verify.tenant) then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', verify.tenant));
  end if;
  for one in select t.tenant_id from openstock_core.tenant t
             where t.tenant_id = coalesce(verify.tenant, t.tenant_id) order by t.tenant_id loop
    return query select one, d.fact, d.key, d.expected, d.actual from openstock_core.differences(one) as d
      order by d.fact, d.key;
  end loop;
end
$$;

revoke all on function openstock_admin.verify from public;
grant execute on function openstock_admin.verify to openstock_operator;
comment on function openstock_admin.verify is
  'Checks the identities between ledger, stock levels, bins, reservation lines, allocations and pieces of a tenant, or of all, one statement each. '
  'Returns the differences: no row means that all is well. expected and actual are quantities, seconds since 1970 for times, or 1 for yes and '
  '0 for no. Errors: OS003.';

reset role;

-- Gives a table row-level security: one policy for callers, one for maintenance. The one place where policies of
-- tenant tables are written.
set local role openstock_owner;

create or replace function openstock_core.protect_table(target regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Without a tenant it is null, and no row is seen. Read once in each statement, so that it is as short as can be.
  context constant text := '(select nullif(current_setting(''app.tenant_id'', true), '''')::uuid)';
begin
  execute format('alter table %s enable row level security, force row level security', target);
  execute format('create policy tenant_isolation on %s to openstock_api using (tenant_id = %s) with check (tenant_id = %s)',
                 target, context, context);
  execute format('create policy maintenance on %s to openstock_maint using (true) with check (true)', target);
end
$$;

revoke all on function openstock_core.protect_table from public;
comment on function openstock_core.protect_table is
  'Enables and forces row-level security on a tenant table and writes its two policies: callers see their tenant, maintenance sees all.';

reset role;

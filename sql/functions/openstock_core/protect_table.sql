-- Gives a table row-level security: one policy for callers, one for maintenance. The one place where policies of
-- tenant tables are written.
set local role openstock_owner;

create or replace function openstock_core.protect_table(target regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- openstock_core.as_uuid() written out: whoever reads a view runs this, and may not call private functions. Without a
  -- tenant, or with one that is no uuid, it is null: no row is seen.
  context constant text := '(select case when c.id like ''________-____-____-____-____________'' and c.id not like ''%-%-%-%-%-%'' '
    'and c.id !~ ''[^0-9a-fA-F-]'' then c.id::uuid end from (select current_setting(''app.tenant_id'', true) as id) as c)';
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

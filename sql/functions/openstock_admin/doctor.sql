-- Looks the installation over. Reads: the catalogue, snapshot, trusted_login, tenant_login.
set local role openstock_maint;

create or replace function openstock_admin.doctor() returns table (topic text, status text, detail text, hint text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
begin atomic
  with partition as (
    select c.oid, c.relname, c.relrowsecurity and c.relforcerowsecurity as protected
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'openstock_core.ledger'::regclass
  ), ahead as (
    select count(*) as months from partition p
    where p.relname > 'ledger_' || to_char(openstock.server_time() at time zone 'UTC', 'YYYY_MM')
  ), finding as (
    select 1 as place, 'server' as topic, current_setting('server_version_num')::integer >= 150000 as good,
           'PostgreSQL ' || current_setting('server_version') as detail, 'openstock needs PostgreSQL 15 or newer.' as hint
    union all
    select 2, 'durability', bool_and(current_setting(name)::boolean), string_agg(name || ' = ' || current_setting(name), ', '),
           'Turn them on: otherwise a crash may lose or tear what was acknowledged.'
    from unnest(array['fsync', 'full_page_writes']) as name
    union all
    select 3, 'partitions', a.months >= 3, a.months || ' months ahead',
           'Call openstock_admin.ensure_partitions(), or run openstock tick regularly.' from ahead a
    union all
    select 4, 'row security', not exists (select from partition p where not p.protected),
           (select count(*) from partition p where not p.protected) || ' unprotected partitions',
           'Make partitions with openstock_admin.ensure_partitions() only.'
    union all
    select 5, 'owners', count(*) = 0, count(*) || ' objects owned by another role than openstock''s',
           'ALTER ... OWNER TO the role that the documentation names: a view owned by a superuser shows every tenant.'
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = c.relowner
    where n.nspname in ('openstock', 'openstock_core', 'openstock_dw', 'openstock_admin')
      and r.rolname not in ('openstock_owner', 'openstock_api', 'openstock_maint')
    union all
    select 6, 'snapshot', coalesce(c.relispopulated and s.refreshed_at > openstock.server_time() - interval '1 day', false),
           coalesce('refreshed ' || s.refreshed_at, 'never refreshed') || case when c.relispopulated then '' else ', not populated' end,
           'Call openstock_admin.refresh_current_stock(), or run openstock tick regularly; after a restore it is needed once.'
    from pg_class c left join openstock_core.snapshot s on s.name = 'current_stock'
    where c.oid = 'openstock_core.current_stock'::regclass
    union all
    select 7, 'logins', exists (select from openstock_core.tenant_login) or exists (select from openstock_core.trusted_login),
           (select count(distinct b.login) from openstock_core.tenant_login b) || ' bound, '
             || (select count(*) from openstock_core.trusted_login) || ' trusted',
           'Declare the logins of applications with openstock_admin.grant_tenant.'
    union all
    select 8, 'backup', exists (select from pg_roles r where (r.rolsuper or r.rolbypassrls) and r.rolcanlogin),
           (select count(*) from pg_roles r where (r.rolsuper or r.rolbypassrls) and r.rolcanlogin) || ' logins that pg_dump can use',
           'pg_dump needs a superuser or a role with BYPASSRLS: row-level security is forced on every table.'
  )
  select f.topic, case when f.good then 'ok' else 'warn' end, f.detail, case when f.good then null else f.hint end
  from finding f order by f.place;
end;

revoke all on function openstock_admin.doctor from public;
grant execute on function openstock_admin.doctor to openstock_operator;
comment on function openstock_admin.doctor is
  'Checks server, durability, partitions, row security, owners, snapshot, logins and backup: ok or warn, with what to do about it.';

reset role;

-- Looks the installation over. Reads: the catalogue, snapshot, trusted_login, tenant_login.
set local role openstock_maint;

create or replace function openstock_admin.doctor() returns table (topic text, status text, detail text, hint text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
begin atomic
  with finding as (
    select 1 as place, 'server' as topic, current_setting('server_version_num')::integer >= 150000 as good,
           'PostgreSQL ' || current_setting('server_version') as detail, 'openstock needs PostgreSQL 15 or newer.' as hint
    union all
    select 2, 'durability', bool_and(current_setting(name)::boolean), string_agg(name || ' = ' || current_setting(name), ', '),
           'Turn them on: otherwise a crash may lose or tear what was acknowledged.'
    from unnest(array['fsync', 'full_page_writes']) as name
    union all
    select p.place, p.topic, p.good, p.detail, p.hint from openstock_core.findings_of_partitions() as p
    union all
    select r.place, r.topic, r.good, r.detail, r.hint from openstock_core.findings_of_roles() as r
    union all
    -- Those that are small are read as a whole anyway.
    select 9, 'statistics', count(*) = 0,
           concat(count(*) || ' tables never analysed', ': ' || left(string_agg(t::text, ', ' order by t::text), 200)),
           'Call openstock_admin.analyze_tables(), or run openstock tick regularly: calls of many lines are slow without.'
    from openstock_core.unanalyzed_tables(81920) as t
    union all
    select 10, 'snapshot', coalesce(c.relispopulated and s.refreshed_at > openstock.server_time() - interval '1 day', false),
           coalesce('refreshed ' || s.refreshed_at, 'never refreshed') || case when c.relispopulated then '' else ', not populated' end,
           'Call openstock_admin.refresh_current_stock(), or run openstock tick regularly; after a restore it is needed once.'
    from pg_class c left join openstock_core.snapshot s on s.name = 'current_stock'
    where c.oid = 'openstock_core.current_stock'::regclass
    union all
    select 14, 'temporary tables', t.may, 'openstock_maint may ' || case when t.may then '' else 'not ' end || 'make temporary tables',
           'The owner of the database: GRANT TEMPORARY ON DATABASE ... TO openstock_maint. Until then readers of the snapshot wait for its refresh.'
    from has_database_privilege('openstock_maint', current_database(), 'temporary') as t (may)
  )
  select f.topic, case when f.good then 'ok' else 'warn' end, f.detail, case when f.good then null else f.hint end
  from finding f order by f.place;
end;

revoke all on function openstock_admin.doctor from public;
grant execute on function openstock_admin.doctor to openstock_operator;
comment on function openstock_admin.doctor is
  'Checks server, durability, partitions and their row security, owners, roles, statistics, snapshot, logins, backup and temporary tables: '
  'ok or warn, with what to do about it.';

reset role;

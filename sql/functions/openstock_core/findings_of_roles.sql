-- What doctor says about roles and logins. Reads: the catalogue, trusted_login, tenant_login.
set local role openstock_owner;

create or replace function openstock_core.findings_of_roles(
  out place integer, out topic text, out good boolean, out detail text, out hint text)
returns setof record
language sql
stable
begin atomic
  with mine as (
    select n.oid from pg_namespace n where n.nspname in ('openstock', 'openstock_core', 'openstock_dw', 'openstock_admin')
  ), owned as (
    select c.oid::regclass::text as name, c.relowner as owner, case
             when c.relkind in ('r', 'p', 'S') then array['openstock_owner']
             when c.relkind = 'm' or c.oid = 'openstock_admin.tenants'::regclass then array['openstock_maint']
             when c.relkind = 'v' then array['openstock_api'] end as owners
    from pg_class c where c.relnamespace in (select m.oid from mine m)
    union all select p.oid::regprocedure::text, p.proowner, null from pg_proc p where p.pronamespace in (select m.oid from mine m)
    union all select t.oid::regtype::text, t.typowner, null from pg_type t where t.typnamespace in (select m.oid from mine m)
    union all select n.nspname, n.nspowner, null from pg_namespace n where n.oid in (select m.oid from mine m)
  ), misplaced as (
    select count(*) as objects, string_agg(o.name, ', ' order by o.name) as names
    from owned o join pg_roles r on r.oid = o.owner
    where r.rolname <> all (coalesce(o.owners, array['openstock_owner', 'openstock_api', 'openstock_maint']))
  ), power as (
    select r.rolname || ' ' || p.name as name
    from pg_roles r
    cross join lateral (values ('LOGIN', r.rolcanlogin), ('SUPERUSER', r.rolsuper), ('BYPASSRLS', r.rolbypassrls),
                               ('CREATEROLE', r.rolcreaterole), ('REPLICATION', r.rolreplication)) as p (name, given)
    where p.given and r.rolname in ('openstock_owner', 'openstock_api', 'openstock_maint',
                                    'openstock_app', 'openstock_analyst', 'openstock_operator')
    union all
    select r.rolname || ' owns ' || pg_describe_object(d.classid, d.objid, d.objsubid)
    from pg_shdepend d join pg_roles r on r.oid = d.refobjid and d.refclassid = 'pg_authid'::regclass
    where d.deptype = 'o' and r.rolname in ('openstock_app', 'openstock_analyst', 'openstock_operator')
      and (d.dbid = 0 or d.dbid = (select b.oid from pg_database b where b.datname = current_database()))
  ), dropped as (
    select l.login || ' (' || l.tenants || ')' as name
    from (select b.login, count(*) || ' tenants' as tenants from openstock_core.tenant_login b group by b.login
          union all select t.login, 'any tenant' from openstock_core.trusted_login t) as l
    where l.login not in (select r.rolname from pg_roles r)
  )
  select 7, 'owners', m.objects = 0, concat(m.objects || ' objects owned by another role than theirs', ': ' || left(m.names, 200)),
         'ALTER ... OWNER TO the role that sql/README.md names: a view owned by a superuser, or by openstock_maint, shows every tenant.'
  from misplaced m
  union all
  select 8, 'roles', count(*) = 0, coalesce(left(string_agg(p.name, ', ' order by p.name), 200), 'none of openstock''s roles can do too much'),
         'ALTER ROLE ... NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION; group roles own nothing: REASSIGN OWNED to another role.'
  from power p
  union all
  select 11, 'logins', exists (select from openstock_core.tenant_login) or exists (select from openstock_core.trusted_login),
         (select count(distinct b.login) from openstock_core.tenant_login b) || ' bound, '
           || (select count(*) from openstock_core.trusted_login) || ' trusted',
         'Declare the logins of applications with openstock_admin.grant_tenant.'
  union all
  select 12, 'dropped logins', count(*) = 0,
         concat(count(*) || ' declared logins do not exist', ': ' || left(string_agg(d.name, ', ' order by d.name), 200)),
         'Whoever makes a role of that name may act for its tenants: take them back with openstock_admin.revoke_tenant(login, tenant), '
           || 'or with any_tenant => true.'
  from dropped d
  union all
  select 13, 'backup', count(*) > 0, count(*) || ' logins that pg_dump can use',
         'pg_dump needs a superuser or a role with BYPASSRLS: row-level security is forced on every table.'
  from pg_roles r where (r.rolsuper or r.rolbypassrls) and r.rolcanlogin;
end;

revoke all on function openstock_core.findings_of_roles from public;
grant execute on function openstock_core.findings_of_roles to openstock_maint;
comment on function openstock_core.findings_of_roles is
  'Rows of doctor: who owns what, what the roles of openstock can do, which logins are declared, and who can back up.';

reset role;

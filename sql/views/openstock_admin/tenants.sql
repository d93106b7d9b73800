-- All tenants, for operators.
set local role openstock_maint;

create or replace view openstock_admin.tenants with (security_barrier) as
select
  t.tenant_id, t.name, t.active, t.created_at,
  array(select b.login::text from openstock_core.tenant_login b where b.tenant_id = t.tenant_id order by b.login) as logins
from openstock_core.tenant t;

comment on view openstock_admin.tenants is 'Every tenant of this database.';
comment on column openstock_admin.tenants.tenant_id is 'Identity.';
comment on column openstock_admin.tenants.name is 'For people.';
comment on column openstock_admin.tenants.active is 'False: nothing can be written any more.';
comment on column openstock_admin.tenants.created_at is 'When it was created.';
comment on column openstock_admin.tenants.logins is 'Logins bound to it; trusted logins are not listed.';
grant select on openstock_admin.tenants to openstock_operator;

reset role;

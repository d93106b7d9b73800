-- Tenants, and which logins may be which of them.
set local role openstock_owner;

create table openstock_core.tenant (
  tenant_id uuid not null,
  name text not null,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  constraint tenant_pkey primary key (tenant_id),
  constraint tenant_name_is_bounded check (char_length(name) between 1 and 200)
);
comment on table openstock_core.tenant is 'The isolation unit: every other row belongs to one tenant.';
comment on column openstock_core.tenant.tenant_id is 'Identity, the only one that has a meaning across tenants.';
comment on column openstock_core.tenant.name is 'For people; need not be unique.';
comment on column openstock_core.tenant.active is 'False: nothing can be written any more.';
comment on column openstock_core.tenant.created_at is 'When it was created.';
select openstock_core.protect_table('openstock_core.tenant');
grant select on openstock_core.tenant to openstock_api;
grant select, insert, update on openstock_core.tenant to openstock_maint;

create table openstock_core.tenant_login (
  tenant_id uuid not null,
  login name not null,
  granted_at timestamptz not null default now(),
  constraint tenant_login_pkey primary key (tenant_id, login),
  constraint tenant_login_tenant_exists foreign key (tenant_id) references openstock_core.tenant
);
comment on table openstock_core.tenant_login is 'Bound logins: each may act for these tenants and no other, whatever it sets.';
comment on column openstock_core.tenant_login.tenant_id is 'The tenant.';
comment on column openstock_core.tenant_login.login is 'The login role''s name; session_user is compared with it.';
comment on column openstock_core.tenant_login.granted_at is 'When it was granted.';
select openstock_core.protect_table('openstock_core.tenant_login');
grant select on openstock_core.tenant_login to openstock_api;
grant select, insert, delete on openstock_core.tenant_login to openstock_maint;

create table openstock_core.trusted_login (
  login name not null,
  granted_at timestamptz not null default now(),
  constraint trusted_login_pkey primary key (login)
);
comment on table openstock_core.trusted_login is 'Trusted logins: each may name any tenant.';
comment on column openstock_core.trusted_login.login is 'The login role''s name; session_user is compared with it.';
comment on column openstock_core.trusted_login.granted_at is 'When it was granted.';
alter table openstock_core.trusted_login enable row level security, force row level security;
create policy trusted_login_reading on openstock_core.trusted_login for select to openstock_api using (true);
create policy trusted_login_maintenance on openstock_core.trusted_login to openstock_maint using (true) with check (true);
grant select on openstock_core.trusted_login to openstock_api;
grant select, insert, delete on openstock_core.trusted_login to openstock_maint;

reset role;
